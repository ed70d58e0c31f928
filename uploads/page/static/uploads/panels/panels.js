/**
 * Further ways in, each a module of its own that is loaded when its section is opened.
 *
 * To add one, put this into <section id="extras"> of page.html:
 *
 *   <details class="card extra" data-module="{% static 'uploads/NAME.js' %}">
 *     <summary>Its title</summary><div></div>
 *   </details>
 *
 * and write NAME.js:
 *
 *   export function mount(section, api) { ... }
 *
 * `section` is the empty <div>. `api` has:
 *   request(path, {method, json, body, seconds})  parsed JSON, null for 204; raises Problem {status, code, message}
 *   insist(path, options)                         the same, again while trying again can help
 *   follow(jobId, {images, finished})             images(list of Image) as they change, finished(Job) once;
 *                                                 gives a function that stops it
 *   announce(text)                                says it to screen readers
 *   toast(text)                                   shows it for a few seconds
 */

import { Link } from "../shared/socket.js";

/** Follows one job by its own socket; after a lost connection it goes on behind the last event seen. */
export function follow(job, { images = () => {}, finished = () => {} }) {
  let seq = null;
  const link = new Link(() => `/ws/jobs/${job}/${seq === null ? "" : `?since=${seq}`}`, {
    heard: (frame) => {
      if (frame.seq === undefined) return;
      seq = frame.seq;
      if (frame.type === "job.progress") images(frame.images, frame.job);
      const ended = frame.type === "job.finished" || (frame.type === "job.snapshot" && frame.job.finished_at);
      if (frame.type === "job.snapshot") images(frame.images, frame.job);
      if (ended) {
        link.end();
        finished(frame.job);
      }
    },
  });
  return () => link.end();
}

/**
 * Makes every <details data-module> in `section` load and mount its module when it is first opened.
 *
 * Gives a function that opens the one with this id, and gives what its `mount` gave.
 */
export function mountExtras(section, api) {
  const mounted = new Map();
  const load = (details) => {
    if (!mounted.has(details)) mounted.set(details, mountInto(details, api).catch((error) => {
      mounted.delete(details);
      details.querySelector("div").textContent = "This part could not be loaded. Close it and open it again.";
      throw error;
    }));
    return mounted.get(details);
  };
  for (const details of section.querySelectorAll("details[data-module]")) {
    details.addEventListener("toggle", () => details.open && load(details));
  }
  return (id) => {
    const details = section.querySelector(`#${id}`);
    details.open = true;
    return load(details);
  };
}

async function mountInto(details, api) {
  const place = details.querySelector("div");
  place.replaceChildren();
  return (await import(details.dataset.module)).mount(place, api);
}
