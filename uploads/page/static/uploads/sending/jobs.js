/**
 * What becomes of accepted images. `/ws/upload/` tells it live; whatever was missed meanwhile is read from each
 * job's log, after the last event seen (`since`). So a lost socket, or a restarted server, loses nothing.
 */

import { request } from "../shared/api.js";

const ENDED = new Set(["completed", "failed", "aborted"]);
// A job that was silent for this long is asked, even while the socket seems to live.
const SILENT_MS = 4000;
const AT_ONCE = 4;
const MOST_EARLY = 5000;

export class JobFollower {
  /** `ended(item, {status, error, thumbnail})` is called once for each tracked item. */
  constructor({ ended }) {
    this.ended = ended;
    this.items = new Map();
    this.jobs = new Map();
    this.early = new Map();
    this.asking = false;
  }

  /** Items of one job, `item.image` being their ids; some may have ended before their 202 arrived. */
  track(job, items) {
    const left = new Set(items.map((item) => item.image));
    this.jobs.set(job, { seq: this.jobs.get(job)?.seq ?? 0, left, heard: Date.now() });
    for (const item of items) {
      this.items.set(item.image, item);
      const news = this.early.get(item.image);
      if (news) this.#end(job, item.image, news);
    }
  }

  /** A frame of `/ws/upload/`. */
  hear(frame) {
    if (frame.type !== "send_upload_notification" || !ENDED.has(frame.status)) return;
    const news = { status: frame.status, error: frame.error, thumbnail: frame.image };
    if (this.items.has(frame.image_id)) this.#end(frame.job_id, frame.image_id, news);
    else this.#keepEarly(frame.image_id, news);
  }

  #keepEarly(image, news) {
    this.early.set(image, news);
    if (this.early.size > MOST_EARLY) this.early.delete(this.early.keys().next().value);
  }

  #end(job, image, news) {
    const item = this.items.get(image);
    const record = this.jobs.get(job);
    this.early.delete(image);
    this.items.delete(image);
    if (record) {
      record.left.delete(image);
      record.heard = Date.now();
    }
    this.ended(item, news);
  }

  /** Asks the logs of unfinished jobs: all of them, or those that were silent. Raises Problem. */
  async catchUp({ all = false } = {}) {
    if (this.asking) return;
    this.asking = true;
    try {
      const now = Date.now();
      const open = [...this.jobs].filter(([, record]) => record.left.size && (all || now - record.heard > SILENT_MS));
      const work = open.values();
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (const [job, record] of work) await this.#ask(job, record);
      }));
    } finally {
      this.asking = false;
    }
  }

  async #ask(job, record) {
    for (let more = true; more && record.left.size; ) {
      const { events } = await request(`/api/jobs/${job}/events?since=${record.seq}`);
      for (const event of events) {
        record.seq = event.seq;
        for (const image of event.images || []) {
          if (ENDED.has(image.status) && this.items.has(image.id)) {
            this.#end(job, image.id, { status: image.status, error: image.error, thumbnail: image.renditions[0]?.url });
          }
        }
      }
      more = events.length >= 500;
    }
    record.heard = Date.now();
  }

  /** Has the server try the job's failed images once more. */
  async retry(job, items) {
    const answer = await request(`/api/jobs/${job}/retry`, { method: "POST" });
    this.jobs.set(job, { seq: answer.seq, left: new Set(), heard: Date.now() });
    this.track(job, items);
  }
}
