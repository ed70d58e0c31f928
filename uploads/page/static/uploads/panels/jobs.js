/** The account's jobs, newest first, with their progress, failures and pictures; new ones appear by themselves. */

import { element } from "../shared/element.js";
import { number, plural } from "../shared/words.js";

const POLL_MS = 2000;
const KINDS = {
  single: "One image", multi: "Images", batch: "Batch", csv: "CSV", canvas: "Canvas", derive: "New sizes", resumable: "Resumable upload",
};
const FILTERS = [["", "All"], ["running", "Running"], ["failed", "With failures"]];
const MOST_PICTURES = 100;

export function mount(section, api) {
  return new Jobs(section, api);
}

class Jobs {
  constructor(section, api) {
    Object.assign(this, { api, jobs: new Map(), rows: new Map(), next: null, timer: 0, filter: "" });
    const filter = element("select", {}, ...FILTERS.map(([value, textContent]) => element("option", { value, textContent })));
    filter.addEventListener("change", () => {
      this.filter = filter.value;
      this.#draw();
    });
    this.list = element("ul", { className: "jobs" });
    this.note = element("p", { className: "quiet" });
    this.more = element("button", { type: "button", textContent: "Older jobs", hidden: true });
    this.more.addEventListener("click", () => this.#load(this.next));
    section.append(element("label", { className: "row" }, "Show ", filter), this.list, this.note, this.more);
  }

  opened() {
    this.#poll();
  }

  closed() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  /** Opens one job, wherever it stands in the list. */
  async show(id) {
    try {
      this.#take([await this.api.request(`/api/jobs/${id}`)]);
      const row = this.rows.get(id);
      row.open(true);
      row.node.scrollIntoView({ block: "center" });
    } catch (problem) {
      this.note.textContent = problem.message;
    }
  }

  async #poll() {
    clearTimeout(this.timer);
    await this.#load("/api/jobs?limit=30", { first: true });
    this.timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  async #load(path, { first = false } = {}) {
    try {
      const { results, next } = await this.api.request(path);
      if (!first || !this.next) this.next = next && new URL(next, location.href).pathname + new URL(next, location.href).search;
      this.note.textContent = results.length || this.jobs.size ? "" : "No jobs yet: each upload is one.";
      this.#take(results);
    } catch (problem) {
      this.note.textContent = `The jobs could not be listed: ${problem.message}`;
    }
    this.more.hidden = !this.next;
  }

  #take(jobs) {
    for (const job of jobs) this.jobs.set(job.id, job);
    this.#draw();
  }

  #draw() {
    const sorted = [...this.jobs.values()].sort((first, second) => (first.id < second.id ? 1 : -1));
    let before = null;
    for (const job of sorted) {
      let row = this.rows.get(job.id);
      if (!row) this.rows.set(job.id, (row = new Row(this.api, () => this.#poll())));
      row.show(job);
      row.node.hidden = !passes(job, this.filter);
      if (before ? before.nextSibling !== row.node : this.list.firstChild !== row.node) {
        this.list.insertBefore(row.node, before ? before.nextSibling : this.list.firstChild);
      }
      before = row.node;
    }
  }
}

function passes(job, filter) {
  if (filter === "running") return !job.finished_at;
  return filter !== "failed" || job.failed > 0;
}

class Row {
  constructor(api, changed) {
    Object.assign(this, { api, changed });
    this.title = element("strong");
    this.words = element("span", { className: "quiet" });
    this.bar = element("progress", { max: 1, value: 0 });
    this.bar.setAttribute("aria-label", "Images done");
    this.look = element("button", { type: "button", className: "small", textContent: "Pictures" });
    this.look.setAttribute("aria-expanded", "false");
    this.again = element("button", { type: "button", className: "small", textContent: "Retry failed" });
    this.stop = element("button", { type: "button", className: "small", textContent: "Cancel" });
    this.home = element("a", { className: "small", download: "", textContent: "Archive" });
    this.pictures = element("div", { className: "job-pictures", hidden: true });
    this.look.addEventListener("click", () => this.open(this.pictures.hidden));
    this.again.addEventListener("click", () => this.#ask("retry"));
    this.stop.addEventListener("click", () => this.#ask("cancel"));
    const buttons = element("div", { className: "row" }, this.look, this.again, this.stop, this.home);
    this.node = element("li", {}, this.title, " ", this.words, this.bar, buttons, this.pictures);
  }

  show(job) {
    const changed = this.job && this.job.seq !== job.seq;
    this.job = job;
    const when = new Date(job.created_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    this.title.textContent = `${KINDS[job.kind] ?? job.kind}, ${plural(job.total, "image")}`;
    this.words.textContent = `${when} · ${state(job)}`;
    this.bar.max = job.total || 1;
    this.bar.value = job.completed + job.failed + job.aborted;
    this.bar.hidden = Boolean(job.finished_at);
    this.home.href = `/api/jobs/${job.id}/archive`;
    this.home.hidden = !job.completed || !job.finished_at;
    this.again.hidden = !job.failed || !job.finished_at;
    this.stop.hidden = Boolean(job.finished_at);
    if (changed && !this.pictures.hidden) this.#list();
  }

  open(on) {
    this.pictures.hidden = !on;
    this.look.setAttribute("aria-expanded", String(on));
    if (on) this.#list();
  }

  async #ask(what) {
    try {
      this.show(await this.api.request(`/api/jobs/${this.job.id}/${what}`, { method: "POST" }));
    } catch (problem) {
      this.api.toast(problem.message);
    }
    this.changed();
  }

  async #list() {
    try {
      const { results, next } = await this.api.request(`/api/jobs/${this.job.id}/images?limit=${MOST_PICTURES}`);
      const tiles = results.map((image) => this.#tile(image));
      if (next) tiles.push(element("p", { className: "quiet", textContent: `and ${number(this.job.total - results.length)} more` }));
      this.pictures.replaceChildren(...tiles);
    } catch (problem) {
      this.pictures.replaceChildren(element("p", { textContent: problem.message }));
    }
  }

  #tile(image) {
    if (image.error) return element("p", { className: "failure" }, element("b", { textContent: image.name }), ` ${image.error.detail}`);
    const button = element("button", { type: "button", className: "job-picture", title: image.name });
    button.setAttribute("aria-label", `Open ${image.name}`);
    const small = image.renditions[0];
    if (small) button.append(element("img", { src: small.url, alt: "", loading: "lazy" }));
    button.addEventListener("click", () => {
      this.api.close();
      this.api.open(image.id);
    });
    return button;
  }
}

function state({ status, completed, failed, aborted, total, ahead, eta_seconds: eta }) {
  const parts = [];
  if (status === "pending" && ahead) parts.push(`${number(ahead)} ahead`);
  if (status === "pending" || status === "processing") parts.push(`${number(completed + failed + aborted)} of ${number(total)}`);
  if (eta) parts.push(`about ${Math.ceil(eta)} s left`);
  if (status === "completed") parts.push("done");
  if (failed) parts.push(`${number(failed)} failed`);
  if (aborted) parts.push(`${number(aborted)} cancelled`);
  return parts.join(", ") || status;
}
