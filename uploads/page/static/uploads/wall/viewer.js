/** One picture, large: its facts, its colours, its links, its neighbours. Its address is `#image=ID`. */

import { onAddress, wish, write } from "../shared/address.js";
import { element } from "../shared/element.js";
import { drawThumbhash } from "../shared/thumbhash.js";
import { bytes } from "../shared/words.js";
import { hueName } from "./hue.js";
import { share } from "./share.js";
import { imageById } from "./wall.js";

const PARTS = ["image", "hash", "name", "facts", "colors", "original", "job", "delete", "previous", "next", "close", "details", "side", "share"];
const SWIPE = 60; // pixels a finger goes before it is a step
const SIDE = "imageapi.details";

export class Viewer {
  /** `wall` knows the neighbours; `remove(image)`, `turnTo(hue)`, `pick(color)`, `openJob(id)` are wishes of the user. */
  constructor(wall, { remove, turnTo, pick, openJob }) {
    Object.assign(this, { wall, grid: wall.grid, image: null, remove });
    this.part = Object.fromEntries(PARTS.map((name) => [name, document.getElementById(`viewer-${name}`)]));
    this.dialog = document.getElementById("viewer");
    this.stage = this.part.image.parentElement;
    this.#wireButtons(turnTo, pick, openJob);
    this.#wireHands();
    this.dialog.addEventListener("close", () => this.#closed());
    onAddress(() => this.#fromAddress());
    this.#showSide(localStorage.getItem(SIDE) !== "closed" && innerWidth > 760);
    this.#fromAddress();
  }

  async open(id) {
    const image = await imageById(this.wall, id);
    if (!image) return;
    const first = !this.dialog.open;
    write({ image: id }, { push: first && wish("image") !== id });
    this.#show(image);
  }

  #show(image) {
    this.image = image;
    this.#fill(image);
    this.part.previous.hidden = !this.grid.neighbour(image.id, -1);
    this.part.next.hidden = !this.grid.image(image.id) || !this.grid.neighbour(image.id, 1);
    if (!this.dialog.open) this.dialog.showModal();
    // A button that just went, at the first or last picture, takes the focus with it, and the arrow keys.
    if (!this.dialog.contains(document.activeElement)) this.dialog.focus();
  }

  async #fromAddress() {
    const id = wish("image");
    if (!id) this.dialog.close();
    else if (id !== this.image?.id) {
      const image = await imageById(this.wall, id);
      if (image && wish("image") === id) this.#show(image);
    }
  }

  #wireButtons(turnTo, pick, openJob) {
    const { part } = this;
    part.previous.addEventListener("click", () => this.#step(-1));
    part.next.addEventListener("click", () => this.#step(1));
    part.close.addEventListener("click", () => this.dialog.close());
    part.delete.addEventListener("click", () => this.#remove());
    part.details.addEventListener("click", () => this.#showSide(part.side.hidden));
    part.job.addEventListener("click", () => {
      const { job_id: job } = this.image;
      this.#leave();
      openJob(job);
    });
    part.colors.addEventListener("click", (event) => {
      const { hue, color } = event.target.dataset;
      if (color === undefined) return;
      this.#leave();
      if (hue === undefined || event.shiftKey) pick(color);
      else turnTo(Number(hue));
    });
  }

  /** Closes it for something else on the page: going back in the history would undo that, too. */
  #leave() {
    write({ image: null });
    this.dialog.close();
  }

  #wireHands() {
    this.part.image.addEventListener("load", () => this.dialog.classList.add("loaded"));
    this.part.image.addEventListener("click", (event) => this.#zoom(event));
    this.stage.addEventListener("click", (event) => event.target === this.stage && this.dialog.close());
    this.dialog.addEventListener("keydown", (event) => {
      if (event.target.matches("input, select, textarea")) return;
      if (event.key === "ArrowLeft") this.#step(-1);
      else if (event.key === "ArrowRight") this.#step(1);
      else if (event.key === "Delete") this.#remove();
      else if (event.key === "z" && !event.ctrlKey && !event.metaKey) this.#zoom();
    });
    let from = null;
    this.stage.addEventListener("touchstart", ({ touches }) => {
      from = touches.length === 1 && !this.zoomed ? touches[0].clientX : null;
    }, { passive: true });
    this.stage.addEventListener("touchend", ({ changedTouches }) => {
      const way = from === null ? 0 : changedTouches[0].clientX - from;
      if (Math.abs(way) > SWIPE) this.#step(way > 0 ? -1 : 1);
    });
  }

  get zoomed() {
    return this.stage.classList.contains("zoomed");
  }

  /** To the pixels of the largest rendition and back, around where it was clicked. */
  #zoom(event) {
    const on = this.stage.classList.toggle("zoomed");
    const box = this.stage;
    if (!on || !event) return;
    const { offsetX, offsetY, target } = event;
    const [x, y] = [offsetX / target.clientWidth, offsetY / target.clientHeight];
    requestAnimationFrame(() => box.scrollTo(x * box.scrollWidth - box.clientWidth / 2, y * box.scrollHeight - box.clientHeight / 2));
  }

  #showSide(on) {
    this.part.side.hidden = !on;
    this.part.details.setAttribute("aria-expanded", String(on));
    this.dialog.classList.toggle("with-side", on);
    if (this.dialog.open) localStorage.setItem(SIDE, on ? "open" : "closed");
  }

  #fill(image) {
    const { part } = this;
    this.dialog.classList.remove("loaded");
    this.stage.classList.remove("zoomed");
    const large = image.renditions.reduce((best, one) => (one.width > (best?.width ?? 0) ? one : best), null);
    drawThumbhash(part.hash, image.placeholder);
    this.stage.style.setProperty("--ratio", large ? large.width / large.height : image.width / image.height);
    this.stage.style.setProperty("--width", `${large?.width ?? image.width}px`);
    part.image.src = large?.url ?? "";
    part.image.alt = image.name;
    part.name.textContent = image.name;
    part.facts.textContent = facts(image);
    part.original.hidden = !image.original_url;
    part.original.href = image.original_url ?? "";
    part.colors.replaceChildren(...image.colors.map(swatch));
    part.share.replaceChildren(...share(image));
  }

  #step(step) {
    const id = this.grid.image(this.image.id) && this.grid.neighbour(this.image.id, step);
    if (id) this.open(id);
  }

  #remove() {
    const { image } = this;
    const next = this.grid.neighbour(image.id, 1) ?? this.grid.neighbour(image.id, -1);
    this.remove(image);
    if (next) this.open(next);
    else this.dialog.close();
  }

  #closed() {
    const { image } = this;
    this.image = null;
    this.part.image.removeAttribute("src");
    // What Back would have undone is undone: the next Back leaves the page as it was before the picture.
    if (wish("image")) {
      if (history.state?.pushed) history.back();
      else write({ image: null });
    }
    if (image && this.grid.image(image.id)) this.grid.focus(image.id);
  }
}

function facts(image) {
  const when = new Date(image.uploaded_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const kind = image.content_type.replace("image/", "").toUpperCase();
  const lost = image.losses.length ? [`shown without ${image.losses.join(", ")}`] : [];
  const failed = image.error ? [image.error.detail] : [];
  return [`${image.width} × ${image.height}`, kind, bytes(image.size), when, ...lost, ...failed].join(" · ");
}

function swatch({ hex, hue, share: part }) {
  const name = hue === null ? hex : `${hueName(hue)}, ${hue}°`;
  const title = `${hex}, ${name}, ${Math.round(part * 100)} %${hue === null ? "" : "; with Shift: this very colour"}`;
  const made = element("button", { type: "button", className: "swatch", title });
  made.style.backgroundColor = hex;
  made.style.flexGrow = 100 * Math.max(0.08, part);
  made.dataset.color = hex;
  if (hue !== null) made.dataset.hue = hue;
  made.setAttribute("aria-label", `Show pictures near ${name}`);
  return made;
}
