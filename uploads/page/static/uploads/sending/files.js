/** The list of files with a bar each: thousands of lines, of which only those on the screen exist. */

import { element } from "../shared/element.js";
import { bytes } from "../shared/words.js";

const HEIGHT = 44;
const MOST_PREVIEW = 8e6; // bytes of a file that a browser may be asked to decode for one small picture
const LABELS = { waiting: "Waiting", sending: "Sending", processing: "Making sizes", done: "Done", failed: "Failed" };

export class FileList {
  constructor(box, space) {
    Object.assign(this, { box, space, items: [], lines: new Map(), spare: [] });
    box.addEventListener("scroll", () => this.draw(), { passive: true });
  }

  set(items) {
    this.items = items;
    this.space.style.height = `${items.length * HEIGHT}px`;
    this.draw();
  }

  draw() {
    if (this.box.hidden) {
      for (const [item, line] of this.lines) this.#putAway(item, line);
      return;
    }
    const first = Math.max(0, Math.floor(this.box.scrollTop / HEIGHT) - 2);
    const shown = this.items.slice(first, first + Math.ceil(this.box.clientHeight / HEIGHT) + 4);
    const wanted = new Set(shown);
    for (const [item, line] of this.lines) if (!wanted.has(item)) this.#putAway(item, line);
    shown.forEach((item, index) => this.#drawLine(item, first + index));
  }

  #drawLine(item, at) {
    let line = this.lines.get(item);
    if (!line) {
      line = this.spare.pop() ?? makeLine();
      line.item = item;
      line.name.textContent = item.name;
      this.lines.set(item, line);
      this.space.append(line.node);
    }
    line.node.style.transform = `translateY(${at * HEIGHT}px)`;
    line.node.setAttribute("aria-posinset", at + 1);
    line.node.setAttribute("aria-setsize", this.items.length);
    line.node.dataset.state = item.state;
    const sent = item.size ? item.sent / item.size : 1;
    line.sent.style.transform = `scaleX(${item.state === "waiting" ? 0 : sent})`;
    line.done.style.transform = `scaleX(${item.state === "done" ? 1 : 0})`;
    line.meter.setAttribute("aria-valuenow", item.state === "done" ? 100 : Math.round(sent * 50));
    line.meter.setAttribute("aria-label", item.name);
    // Why it failed stands in the list of failures, once; here only what holds it up.
    const held = item.state === "failed" ? "" : item.reason;
    line.state.textContent = held || `${LABELS[item.state]} · ${bytes(item.size)}`;
    line.state.title = item.reason;
    this.#preview(line, item);
  }

  /** The file itself, through a URL that is given back; the server's picture where that is too much, or unknown. */
  #preview(line, item) {
    const own = item.file && item.size < MOST_PREVIEW && !item.undrawable ? "own" : null;
    const wanted = own ?? item.thumbnail ?? "none";
    if (line.source === wanted) return;
    release(line);
    line.source = wanted;
    if (wanted === "own") line.url = URL.createObjectURL(item.file);
    if (wanted === "none") line.picture.removeAttribute("src");
    else line.picture.src = line.url ?? wanted;
  }

  #putAway(item, line) {
    this.lines.delete(item);
    line.node.remove();
    line.picture.removeAttribute("src");
    release(line);
    this.spare.push(line);
  }
}

function release(line) {
  if (line.url) URL.revokeObjectURL(line.url);
  line.url = line.source = null;
}

function makeLine() {
  const picture = element("img", { alt: "", decoding: "async" });
  const name = element("span", { className: "file-name" });
  const state = element("span", { className: "file-state" });
  const { meter, sent, done } = makeMeter();
  const node = element("div", { className: "file" }, picture, name, state, meter);
  node.setAttribute("role", "listitem");
  const line = { node, picture, name, state, meter, sent, done, item: null, url: null, source: null };
  // Once drawn, the picture no longer needs its URL, nor the page the file's bytes behind it.
  picture.addEventListener("load", () => {
    if (line.url) URL.revokeObjectURL(line.url);
    line.url = null;
  });
  picture.addEventListener("error", () => {
    if (line.source === "own") line.item.undrawable = true;
    release(line);
    picture.removeAttribute("src");
  });
  return line;
}

function makeMeter() {
  const sent = element("i", { className: "sent" });
  const done = element("i", { className: "done" });
  const meter = element("div", { className: "meter" }, sent, done);
  meter.setAttribute("role", "progressbar");
  meter.setAttribute("aria-valuemin", 0);
  meter.setAttribute("aria-valuemax", 100);
  return { meter, sent, done };
}
