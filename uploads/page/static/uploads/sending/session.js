/** What a reload of the page would forget: the jobs it follows, and how many files had not been sent. */

import { request } from "../shared/api.js";
import { refusalText } from "../shared/words.js";

const JOBS = "imageapi.jobs";
const UNSENT = "imageapi.unsent";
const MOST_JOBS = 400;
const STATES = { completed: "done", failed: "failed", aborted: "failed" };

const read = (key, otherwise) => JSON.parse(sessionStorage.getItem(key) ?? "null") ?? otherwise;
const keep = (key, value) => sessionStorage.setItem(key, JSON.stringify(value));

export function remember(job) {
  keep(JOBS, [...read(JOBS, []), job].slice(-MOST_JOBS));
}

export function forget() {
  sessionStorage.removeItem(JOBS);
}

export function rememberUnsent(count) {
  if (count) keep(UNSENT, count);
  else sessionStorage.removeItem(UNSENT);
}

/** How many files an earlier load of this page still had to send; asked once. */
export function unsentBefore() {
  const count = read(UNSENT, 0);
  sessionStorage.removeItem(UNSENT);
  return count;
}

/** The images of each job that an earlier load of this page followed, as items: `take(job, items)`. */
export async function takeUp(take) {
  for (const job of read(JOBS, [])) {
    const items = [];
    try {
      for (let path = `/api/jobs/${job}/images?limit=100`; path; ) {
        const { results, next } = await request(path);
        items.push(...results.map((image) => itemOf(job, image)));
        path = next && new URL(next, location.href).pathname + new URL(next, location.href).search;
      }
    } catch {
      continue; // a job that is gone has nothing to show
    }
    take(job, items);
  }
}

function itemOf(job, { id, name, size, status, error, renditions, duplicate_of: twin }) {
  const state = STATES[status] ?? "processing";
  const reason = state === "failed" ? (error ? refusalText(error) : "It was cancelled.") : "";
  return { name, size, image: id, job, state, reason, thumbnail: renditions[0]?.url ?? null, twin: Boolean(twin) };
}
