/** The bar at the foot that shows how far the uploads are: all of them, each of them, and what failed and why. */

import { element } from "../shared/element.js";
import { FileList } from "./files.js";
import { duration, number, plural } from "../shared/words.js";

const DRAW_MS = 120;
const ANNOUNCE_MS = 10_000;
const MOST_FAILURES = 50;
const IDS = [
  "progress", "progress-count", "progress-note", "retry-failed", "toggle-files", "clear-files", "overall", "failures",
  "files", "files-space",
];

export class Progress {
  /**
   * `items()` gives what there is, `reading()` whether a folder is still being listed; `retry(items)` and `clear()`
   * are wishes of the user; `announce(text)` speaks to screen readers.
   */
  constructor({ items, reading, retry, clear, announce }) {
    Object.assign(this, { items, reading, announce, timer: 0, announced: 0, began: 0, finished: true });
    this.part = Object.fromEntries(IDS.map((id) => [id, document.getElementById(id)]));
    this.list = new FileList(this.part.files, this.part["files-space"]);
    this.part["retry-failed"].addEventListener("click", () => retry(this.items().filter((item) => item.state === "failed")));
    this.part["clear-files"].addEventListener("click", () => {
      clear();
      this.#draw();
    });
    this.part["toggle-files"].addEventListener("click", () => this.#toggle());
  }

  /** Something moved; it is drawn soon, once for many. */
  soon() {
    if (!this.timer) {
      this.timer = setTimeout(() => {
        this.timer = 0;
        this.#draw();
      }, DRAW_MS);
    }
  }

  #toggle() {
    const { files } = this.part;
    files.hidden = !files.hidden;
    this.part["toggle-files"].setAttribute("aria-expanded", String(!files.hidden));
    this.part["toggle-files"].textContent = files.hidden ? "Show files" : "Hide files";
    this.#draw();
  }

  #draw() {
    const items = this.items();
    const sum = summed(items);
    const reading = this.reading();
    this.part.progress.hidden = !items.length && !reading;
    if (!items.length) {
      this.finished = true;
      this.list.set(items);
      this.part["progress-count"].textContent = reading ? "Reading the folder" : "";
      return;
    }
    const ended = sum.done + sum.failed;
    const busy = reading || ended < items.length;
    if (busy && this.finished) Object.assign(this, { began: performance.now(), finished: false, before: ended });
    this.#say(sum, items.length, busy, reading);
    this.#drawMeter(sum, items.length, busy, reading);
    this.part["retry-failed"].hidden = !sum.failed || busy;
    this.part["clear-files"].hidden = busy;
    this.#drawFailures(items, sum.failed);
    this.list.set(items);
    this.finished = !busy;
  }

  /** Done and failed are two stretches of one bar: nine files that all fail leave nothing done in it. */
  #drawMeter(sum, total, busy, reading) {
    const [sent, done, bad] = this.part.overall.children;
    const [donePart, badPart] = [sum.done / total, sum.failed / total];
    sent.style.transform = `scaleX(${sum.bytes ? sum.sent / sum.bytes : 1})`;
    done.style.transform = `scaleX(${donePart})`;
    bad.style.transform = `translateX(${100 * donePart}%) scaleX(${badPart})`;
    const percent = Math.floor(100 * portion(sum, total));
    this.part.overall.setAttribute("aria-valuenow", reading ? Math.min(99, percent) : percent);
    this.part.overall.classList.toggle("busy", busy);
  }

  #say(sum, total, busy, reading) {
    const count = this.#count(sum, total, busy);
    this.part["progress-count"].textContent = count;
    this.part["progress-note"].textContent = busy ? this.#note(sum, total, reading) : "";
    const now = performance.now();
    if ((!busy && !this.finished) || (busy && now - this.announced > ANNOUNCE_MS)) {
      this.announced = now;
      this.announce(count);
    }
  }

  #count(sum, total, busy) {
    const failed = sum.failed ? `, ${number(sum.failed)} failed` : "";
    if (busy) return `${number(sum.done)} of ${plural(total, "image")} done${failed}`;
    const twins = sum.twins ? `, ${number(sum.twins)} ${sum.twins === 1 ? "was" : "were"} already here` : "";
    return `${plural(sum.done, "image")} done${twins}${failed}`;
  }

  #note(sum, total, reading) {
    if (sum.held) return "Waiting for the server; nothing is lost";
    if (reading) return "still reading the folder";
    const seconds = (performance.now() - this.began) / 1000;
    const part = portion(sum, total) - this.before / total;
    const step = sum.sent < sum.bytes ? "sending" : "making sizes";
    if (seconds < 2 || part < 0.03) return step;
    const left = (seconds * (1 - this.before / total - part)) / part;
    return `${step}, ${duration(left)} left`;
  }

  #drawFailures(items, count) {
    const { failures } = this.part;
    failures.hidden = !count;
    if (count === this.failures) return;
    this.failures = count;
    const failed = items.filter((item) => item.state === "failed");
    const lines = failed.slice(0, MOST_FAILURES).map(({ name, reason }) => line(name, reason));
    if (failed.length > MOST_FAILURES) lines.push(line(`and ${number(failed.length - MOST_FAILURES)} more`, ""));
    failures.replaceChildren(...lines);
  }
}

function summed(items) {
  const sum = { bytes: 0, sent: 0, done: 0, failed: 0, twins: 0, held: false };
  for (const item of items) {
    sum.bytes += item.size;
    sum.sent += item.state === "failed" ? item.size : item.sent;
    sum.done += item.state === "done";
    sum.failed += item.state === "failed";
    sum.twins += item.state === "done" && item.twin;
    sum.held ||= item.state === "sending" && item.reason !== "";
  }
  return sum;
}

/** Sending and making count half each. */
function portion(sum, total) {
  return 0.5 * (sum.bytes ? sum.sent / sum.bytes : 1) + (0.5 * (sum.done + sum.failed)) / total;
}

function line(name, reason) {
  return element("li", {}, element("b", { textContent: name }), ` ${reason}`);
}
