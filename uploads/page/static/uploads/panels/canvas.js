/** A panel that starts a canvas and shows it filling, live. */

import { element } from "../shared/element.js";

const MAX_SIDE = 4096;
// Above this the panel shows the `web` rendition: nobody sees single pixels there, and it is far smaller.
const EXACT_PIXELS = 512 * 512;

const FIELDS = [
  { name: "width", label: "Width, px", max: MAX_SIDE, value: 256 },
  { name: "height", label: "Height, px", max: MAX_SIDE, value: 256 },
  { name: "granular", label: "Picture every, %", max: 100, value: 2 },
];

/** Builds the panel into `section`; `api` is that of panels.js. A canvas under way is shown at once. */
export function mount(section, api) {
  new Panel(section, api).pickUp();
}

class Panel {
  constructor(section, api) {
    this.api = api;
    this.job = null;
    this.percent = 0;
    this.start = element("button", { type: "submit", textContent: "Start" });
    this.cancel = element("button", { type: "button", textContent: "Cancel", disabled: true });
    this.bar = element("progress", { className: "canvas-bar", max: 100, value: 0 });
    this.bar.setAttribute("aria-label", "Per cent of the canvas coloured");
    this.status = element("p", { className: "canvas-status" });
    this.picture = new Picture();
    this.form = element("form", { className: "canvas-form" }, ...FIELDS.map(input), this.start, this.cancel);
    this.form.addEventListener("submit", (event) => this.#submit(event));
    this.cancel.addEventListener("click", () => this.#stop());
    section.classList.add("canvas");
    section.append(this.form, this.bar, this.status, this.picture.frame);
  }

  async pickUp() {
    const { results } = await this.api.request("/api/jobs?limit=20").catch(() => ({ results: [] }));
    const running = results.find((job) => job.kind === "canvas" && !job.finished_at);
    if (running && !this.job) this.#follow(running);
  }

  async #submit(event) {
    event.preventDefault();
    const values = new FormData(this.form);
    const json = Object.fromEntries(FIELDS.map(({ name }) => [name, Number(values.get(name))]));
    this.start.disabled = true;
    try {
      this.#follow(await this.api.request("/api/canvas", { method: "POST", json }));
    } catch (error) {
      this.start.disabled = false;
      this.status.textContent = error.message;
    }
  }

  async #stop() {
    this.cancel.disabled = true;
    try {
      await this.api.request(`/api/jobs/${this.job.id}/cancel`, { method: "POST" });
    } catch (error) {
      this.cancel.disabled = Boolean(this.job.finished_at);
      this.status.textContent = error.message;
    }
  }

  #follow(job) {
    this.start.disabled = true;
    this.cancel.disabled = false;
    this.picture.clear();
    this.percent = 0;
    this.job = job;
    this.api.follow(job.id, {
      images: (images, now) => this.#hear(images, now),
      finished: (now) => this.#finished(now),
    });
    this.#tell();
  }

  #hear(images, job) {
    this.job = job;
    const done = images.filter(({ status }) => status === "completed");
    // A snapshot of the job names its images without their addresses.
    if (done.some(({ renditions }) => !renditions)) this.#ask();
    else done.forEach((image) => this.#show(image));
    this.#tell();
  }

  async #ask() {
    const path = `/api/jobs/${this.job.id}/images?status=completed`;
    const { results } = await this.api.request(path).catch(() => ({ results: [] }));
    for (const image of results) this.#show(image);
    this.#tell();
  }

  #finished(job) {
    this.job = job;
    this.start.disabled = false;
    this.cancel.disabled = true;
    this.#tell();
    this.api.announce(this.status.textContent);
  }

  #show(image) {
    const percent = percentOf(image.name);
    if (percent < this.percent) return;
    this.percent = percent;
    this.picture.show(image, percent);
  }

  #tell() {
    const words = {
      pending: "Waiting for a worker",
      processing: `${this.percent} % coloured`,
      completed: "Every pixel has its own colour",
      partial: `${this.job.failed} of ${this.job.total} pictures failed`,
      failed: "All pictures failed",
      aborted: `Cancelled at ${this.percent} %`,
    };
    this.bar.value = this.percent;
    this.status.textContent = words[this.job.status] ?? this.job.status;
  }
}

function input({ name, label, max, value }) {
  const field = element("input", { type: "number", name, min: 1, max, value, required: true });
  return element("label", {}, `${label} `, field);
}

/** `myImg_40.png` is the canvas at 40 %. */
function percentOf(name) {
  return Number(name.match(/_(\d+)\.png$/)?.[1] ?? 0);
}

/** The newest snapshot; each takes the place of the one before only when it is loaded. */
class Picture {
  constructor() {
    this.frame = element("div", { className: "canvas-frame" });
    this.shown = 0;
  }

  clear() {
    this.frame.replaceChildren();
    this.shown = 0;
  }

  show(image, percent) {
    const [first, second] = this.#sources(image);
    const alt = `The canvas, ${percent} % coloured`;
    const next = element("img", { width: image.width, height: image.height, alt });
    next.addEventListener("load", () => this.#place(next, percent));
    if (second) next.addEventListener("error", () => (next.src = second), { once: true });
    next.src = first;
  }

  #place(next, percent) {
    if (percent < this.shown) return;
    this.shown = percent;
    this.frame.replaceChildren(next);
  }

  #sources(image) {
    const web = image.renditions.find(({ name }) => name === "web")?.url;
    const exact = image.width * image.height <= EXACT_PIXELS && image.original_url;
    return exact ? [exact, web] : [web];
  }
}
