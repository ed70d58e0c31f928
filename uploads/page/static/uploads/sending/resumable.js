/**
 * A file in pieces, each safe on the server once it is answered: it goes on after a lost connection or a reload
 * (tus 1.0.0, tus.io/protocols/resumable-upload). No DOM in here.
 */

import { Problem, delay, problemOf } from "../shared/api.js";

const VERSION = { "Tus-Resumable": "1.0.0" };
const TYPE = "application/offset+octet-stream";
/** From this many bytes on the page sends a file this way. */
export const LARGE = 8 * 1024 * 1024;
// A piece is what goes in about this time, so that the bar moves and little is sent twice.
const PIECE_SECONDS = 2;
const [SMALLEST, LARGEST] = [256 * 1024, 8 * 1024 * 1024];
// Without an answer for this long, a request is given up and the server asked how far it got.
const STALL_SECONDS = 60;
const PATIENCE_SECONDS = 600;
// What an upload that is no more is answered with; a new one begins.
const GONE = new Set([403, 404, 410]);
// Another request still writes, or the file grew meanwhile: the offset is asked for again.
const CONTESTED = new Set([409, 423]);

/** The same file again after a reload: by name, size and time. */
export function fingerprint({ name, size, lastModified }) {
  return `imageapi.upload:${name}:${size}:${lastModified || 0}`;
}

class Sender {
  constructor(file, { endpoint, headers = () => ({}), storage = globalThis.localStorage, ...options }) {
    Object.assign(this, { file, endpoint, headers, storage, options, url: null, offset: 0 });
    this.size = options.piece || SMALLEST * 4;
  }

  async ask(method, url, headers = {}, body = undefined) {
    const signals = [AbortSignal.timeout(STALL_SECONDS * 1000), this.options.signal].filter(Boolean);
    const sent = { ...VERSION, ...this.headers(), ...headers };
    let answer;
    try {
      answer = await fetch(url, { method, body, headers: sent, signal: AbortSignal.any(signals) });
    } catch {
      this.options.signal?.throwIfAborted();
      throw new Problem(0);
    }
    if (answer.ok) return answer;
    throw problemOf(answer.status, await answer.text().catch(() => ""), answer.headers.get("Retry-After"));
  }

  /** Where the upload stands: that of an earlier visit, or a new one. */
  async find() {
    this.url ||= this.storage?.getItem(fingerprint(this.file));
    if (this.url) {
      try {
        const answer = await this.ask("HEAD", this.url);
        this.offset = Number(answer.headers.get("Upload-Offset"));
        return answer;
      } catch (problem) {
        if (!GONE.has(problem.status)) throw problem;
        this.forget();
      }
    }
    return this.begin();
  }

  async begin() {
    const { name, size, type } = this.file;
    const said = metadata({ filename: name, filetype: type, ...this.options.metadata });
    const answer = await this.ask("POST", this.endpoint, { "Upload-Length": String(size), "Upload-Metadata": said });
    this.url = new URL(answer.headers.get("Location"), new URL(this.endpoint, globalThis.location?.href)).href;
    this.storage?.setItem(fingerprint(this.file), this.url);
    this.offset = 0;
    return answer;
  }

  forget() {
    this.storage?.removeItem(fingerprint(this.file));
    this.url = null;
  }

  async piece() {
    const began = performance.now();
    const body = this.file.slice(this.offset, this.offset + this.size);
    const headers = { "Content-Type": TYPE, "Upload-Offset": String(this.offset) };
    const answer = await this.ask("PATCH", this.url, headers, body);
    this.offset = Number(answer.headers.get("Upload-Offset"));
    if (!this.options.piece) this.#fit((performance.now() - began) / 1000);
    return answer;
  }

  #fit(seconds) {
    if (seconds < PIECE_SECONDS / 2) this.size = Math.min(LARGEST, this.size * 2);
    if (seconds > PIECE_SECONDS * 2) this.size = Math.max(SMALLEST, this.size / 2);
  }

  async rest() {
    let answer = await this.find();
    for (this.#tell(); this.offset < this.file.size; this.#tell()) {
      answer = await this.piece();
      this.failed = 0;
    }
    this.forget();
    const job = answer.headers.get("Content-Location");
    return { job: job?.split("/").pop(), image: answer.headers.get("X-Image-Id") };
  }

  #tell() {
    this.options.progress?.(this.offset);
  }

  async send() {
    const until = Date.now() + PATIENCE_SECONDS * 1000;
    for (this.failed = 0; ; this.failed += 1) {
      try {
        return await this.rest();
      } catch (problem) {
        const passes = problem instanceof Problem && (problem.passing || CONTESTED.has(problem.status));
        if (!passes || Date.now() > until) {
          if (problem instanceof Problem && !passes) this.forget();
          throw problem;
        }
        this.options.held?.(problem);
        await (this.options.pause ?? sleep)(delay(this.failed, problem.retryAfter));
      }
    }
  }
}

const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

function metadata(values) {
  const encoded = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  return Object.entries(values).filter(([, value]) => value).map(([key, value]) => `${key} ${encoded(value)}`).join(",");
}

/**
 * Sends `file`; gives `{job, image}`. Raises Problem where it is refused, or what `signal` was aborted with.
 * `endpoint`; `headers()`: credentials of each request; `metadata` (batch, webhook_url); `progress(bytes)`;
 * `held(problem)` before each further try, `pause(seconds)` to wait for it; `signal`; `piece` (bytes).
 */
export function sendResumable(file, options) {
  return new Sender(file, options).send();
}

/** The address of what is under way for this file from an earlier visit; null where there is nothing. */
export function underWay(file, storage = globalThis.localStorage) {
  return storage?.getItem(fingerprint(file)) ?? null;
}
