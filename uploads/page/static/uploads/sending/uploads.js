/**
 * The queue of files on their way to the server: small requests, a few at a time, each with its own
 * Idempotency-Key, so that one whose answer was lost is sent again without harm. A large file goes in pieces
 * instead, and goes on where it was. No DOM in here.
 */

import { Problem, at, csrf, delay, pause, problemOf, randomKey } from "../shared/api.js";
import { refusalText } from "../shared/words.js";
import { LARGE, sendResumable } from "./resumable.js";

const MOST_FILES = 16;
const MOST_BYTES = 16 * 1024 * 1024;
const IN_FLIGHT = 3;
// Without a byte moving for this long, a request is given up and sent again.
const STALL_SECONDS = 45;
// For this long a request is sent again and again, through restarts and lost networks.
const PATIENCE_SECONDS = 600;

let count = 0;

/** One file: `state` goes waiting > sending > processing > done | failed. `sent` counts its bytes. */
class Item {
  /** `file` is a File, or what is known of one that an earlier load of the page has sent: `{name, size}`. */
  constructor(file) {
    this.index = count;
    count += 1;
    this.file = file instanceof File ? file : null;
    this.name = file.name;
    this.size = file.size;
    this.twin = false;
    this.sent = 0;
    this.state = "waiting";
    this.reason = "";
    this.image = null;
    this.job = null;
    this.thumbnail = null;
  }
}

export class UploadQueue {
  /** `changed(item)` is called with each item whose state moved; `accepted(job, items)` with each 202. */
  constructor({ changed, accepted }) {
    Object.assign(this, { changed, accepted, items: [], waiting: [], next: 0, flying: 0, mostFiles: MOST_FILES });
    this.stopped = null;
  }

  add(files) {
    const fresh = Array.from(files, (file) => new Item(file));
    this.items.push(...fresh);
    this.#enqueue(fresh);
    return fresh;
  }

  /** Takes up what an earlier load of the page had sent: items that are only followed. */
  adopt(known) {
    const items = known.map((one) => Object.assign(new Item(one), { sent: one.size, ...one }));
    this.items.push(...items);
    return items;
  }

  /** Sends items again that failed before the server had them. */
  again(items) {
    for (const item of items) this.#move(item, "waiting", { sent: 0, reason: "" });
    this.#enqueue(items);
  }

  /** Forgets what is finished. */
  clear() {
    this.items = this.items.filter((item) => item.state !== "done" && item.state !== "failed");
  }

  get unsent() {
    return this.items.some((item) => item.state === "waiting" || item.state === "sending");
  }

  #enqueue(items) {
    for (const item of items) this.waiting.push(item);
    while (this.flying < IN_FLIGHT && this.next < this.waiting.length) {
      this.flying += 1;
      this.#fly();
    }
  }

  async #fly() {
    try {
      for (let chunk = this.#take(); chunk.length; chunk = this.#take()) {
        await (chunk[0].size > LARGE ? this.#deliverInPieces(chunk[0]) : this.#deliver(chunk));
      }
    } finally {
      this.flying -= 1;
    }
  }

  #take() {
    const chunk = [];
    let bytes = 0;
    while (this.next < this.waiting.length && chunk.length < this.mostFiles) {
      const item = this.waiting[this.next];
      if (chunk.length && (bytes + item.size > MOST_BYTES || item.size > LARGE)) break;
      bytes += item.size;
      chunk.push(item);
      this.next += 1;
      if (item.size > LARGE) break;
    }
    if (this.next === this.waiting.length) {
      this.waiting = [];
      this.next = 0;
    }
    return chunk;
  }

  async #deliver(chunk) {
    const key = randomKey();
    const until = Date.now() + PATIENCE_SECONDS * 1000;
    for (const item of chunk) this.#move(item, "sending");
    for (let attempt = 0; ; attempt += 1) {
      try {
        this.#answered(chunk, await this.#post(chunk, key));
        return;
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.status === 401) location.reload();
        if (problem.code === "too_many_files" && problem.body.limit < chunk.length) {
          this.mostFiles = problem.body.limit;
          this.#enqueue(chunk);
          return;
        }
        if (!problem.passing || Date.now() > until) {
          this.#refused(chunk, problem);
          return;
        }
        // A file that was changed or deleted since it was chosen ends a request just like a lost network.
        const readable = await this.#readable(chunk);
        if (readable.length < chunk.length) {
          if (readable.length) this.#enqueue(readable);
          return;
        }
        this.#rewind(chunk, problem);
        await pause(delay(attempt, problem.retryAfter));
      }
    }
  }

  async #deliverInPieces(item) {
    this.#move(item, "sending");
    try {
      const { job, image } = await sendResumable(item.file, {
        endpoint: at("/api/uploads"),
        headers: csrf,
        progress: (sent) => this.#move(item, "sending", { sent, reason: "" }),
        held: (problem) => this.#move(item, "sending", { reason: waitingFor(problem) }),
        pause,
      });
      this.#move(item, "processing", { sent: item.size, reason: "", image, job });
      this.accepted(job, [item]);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 401) location.reload();
      if ((await this.#readable([item])).length) this.#refused([item], problem);
    }
  }

  #rewind(chunk, problem) {
    for (const item of chunk) {
      item.sent = 0;
      item.reason = waitingFor(problem);
      this.changed(item);
    }
  }

  /** One POST. Only XMLHttpRequest tells how much of a body has gone. */
  #post(chunk, key) {
    const form = new FormData();
    for (const item of chunk) form.append("images", item.file, item.name);
    return new Promise((resolve, reject) => {
      const sending = new XMLHttpRequest();
      let stalled = 0;
      const alive = () => {
        clearTimeout(stalled);
        stalled = setTimeout(() => sending.abort(), STALL_SECONDS * 1000);
      };
      sending.open("POST", at("/api/async/batch/upload"));
      for (const [name, value] of Object.entries({ ...csrf(), "Idempotency-Key": `"${key}"` })) {
        sending.setRequestHeader(name, value);
      }
      sending.upload.onprogress = (event) => {
        alive();
        this.#spread(chunk, event.loaded / event.total);
      };
      sending.onloadend = () => {
        clearTimeout(stalled);
        if (sending.status === 202) resolve(JSON.parse(sending.responseText));
        else reject(problemOf(sending.status, sending.responseText, sending.getResponseHeader("Retry-After")));
      };
      alive();
      sending.send(form);
    });
  }

  /** The browser counts bytes of the whole request; its files went in order. */
  #spread(chunk, part) {
    let left = part * chunk.reduce((sum, item) => sum + item.size, 0);
    for (const item of chunk) {
      const sent = Math.min(item.size, left);
      left -= sent;
      if (sent !== item.sent) {
        item.sent = sent;
        this.changed(item);
      }
    }
  }

  #answered(chunk, answer) {
    for (const refusal of answer.rejected) this.#fail(chunk[refusal.index], refusal);
    const items = answer.accepted.map(({ index, id, duplicate_of: twin }) => {
      const item = chunk[index];
      this.#move(item, "processing", { sent: item.size, reason: "", image: id, job: answer.job_id, twin: Boolean(twin) });
      return item;
    });
    this.accepted(answer.job_id, items);
  }

  #refused(chunk, problem) {
    const listed = new Map((problem.body.errors || []).map((error) => [error.index, error]));
    chunk.forEach((item, index) => {
      this.#fail(item, listed.get(index) || { ...problem.body, code: problem.code, detail: problem.message });
    });
  }

  #fail(item, refusal) {
    this.#move(item, "failed", { reason: refusalText(refusal), image: null });
  }

  async #readable(chunk) {
    const looked = await Promise.all(chunk.map(async (item) => {
      try {
        await item.file.slice(0, 1).arrayBuffer();
        return item;
      } catch {
        this.#fail(item, { detail: "This file can't be read any more: it was moved or changed. Choose it again." });
        return null;
      }
    }));
    return looked.filter(Boolean);
  }

  #move(item, state, more = {}) {
    Object.assign(item, more, { state });
    this.changed(item);
  }
}

function waitingFor(problem) {
  return problem.status ? problem.message : "Waiting for the server";
}
