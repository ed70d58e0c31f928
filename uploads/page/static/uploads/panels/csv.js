/** A panel that takes a CSV of image addresses, shows how it goes, and gives the CSV with the results. */

import { at, randomKey } from "../shared/api.js";
import { element } from "../shared/element.js";

const HEADER = "S. No.,Product Name,Input Image Urls";
// More lines than these help nobody to mend a file: the first ones say what is wrong with all.
const MOST_SHOWN = 50;

/** Builds the panel into `section`; `api` is that of panels.js. Gives the panel, for files dropped on the page. */
export function mount(section, api) {
  return new Panel(section, api);
}

class Panel {
  constructor(section, api) {
    this.api = api;
    this.file = element("input", { type: "file", accept: ".csv,text/csv" });
    this.file.addEventListener("change", () => this.file.files[0] && this.take(this.file.files[0]));
    const label = element("label", {}, "Choose a CSV, or drop one on this page ", this.file);
    const help = element("p", { className: "quiet" }, "Its first line is ", element("code", { textContent: HEADER }), ".");
    this.bar = element("progress", { className: "canvas-bar", max: 1, value: 0, hidden: true });
    this.bar.setAttribute("aria-label", "Addresses done");
    this.status = element("p", { className: "csv-status" });
    this.errors = element("ul", { className: "failures", hidden: true });
    this.errors.setAttribute("aria-label", "What is wrong with the CSV");
    this.result = element("a", { className: "csv-result", textContent: "Download the results", hidden: true });
    section.classList.add("csv");
    section.append(label, help, this.bar, this.status, this.errors, this.result);
  }

  /** Sends the file and follows its job. */
  async take(file) {
    this.#clear(`Sending ${file.name} …`);
    const body = new FormData();
    body.append("file", file);
    // The same file sent again by a retry is the same request: it makes one job.
    const headers = { "Idempotency-Key": `"${randomKey()}"` };
    try {
      const { request_id: id } = await this.api.insist("/imgproc/upload", { method: "POST", body, headers, seconds: 120 });
      this.#follow(id);
    } catch (problem) {
      this.#refused(problem);
    }
    this.file.value = "";
  }

  #clear(text) {
    this.stop?.();
    this.failures = new Map();
    this.status.textContent = text;
    this.errors.replaceChildren();
    this.errors.hidden = this.bar.hidden = this.result.hidden = true;
  }

  #refused(problem) {
    this.status.textContent = problem.message;
    this.#list((problem.body?.errors ?? []).filter(({ line }) => line).map(({ detail }) => detail));
  }

  #list(texts) {
    const shown = texts.slice(0, MOST_SHOWN);
    if (texts.length > shown.length) shown.push(`and ${texts.length - shown.length} more`);
    this.errors.replaceChildren(...shown.map((textContent) => element("li", { textContent })));
    this.errors.hidden = !shown.length;
  }

  #follow(id) {
    this.bar.hidden = false;
    this.stop = this.api.follow(id, {
      images: (images, job) => this.#hear(images, job),
      finished: (job) => this.#finished(job),
    });
  }

  #hear(images, job) {
    for (const { id, index, name, error } of images) {
      if (error) this.failures.set(id, `Address ${index + 1}${name ? ` (${name})` : ""}: ${error.detail}`);
    }
    this.bar.max = job.total;
    this.bar.value = job.completed + job.failed + job.aborted;
    this.status.textContent = `${job.completed} of ${job.total} done${job.failed ? `, ${job.failed} failed` : ""}`;
    this.#list([...this.failures.values()]);
  }

  #finished(job) {
    this.bar.max = this.bar.value = job.total;
    this.status.textContent = job.failed
      ? `Finished: ${job.completed} of ${job.total} done, ${job.failed} failed`
      : `Finished: all ${job.total} done`;
    this.result.href = at(`/imgproc/result/${job.id}/`);
    this.result.hidden = false;
    this.api.announce(this.status.textContent);
  }
}
