/** One picture, large: its facts, its colours, its neighbours. */

import { element } from "../shared/element.js";
import { drawThumbhash } from "../shared/thumbhash.js";
import { hueName } from "./hue.js";
import { bytes } from "../shared/words.js";

export class Viewer {
  /** `grid` knows the neighbours; `remove(id)` and `turnTo(hue)` are wishes of the user. */
  constructor(grid, { remove, turnTo }) {
    this.grid = grid;
    this.id = null;
    const parts = ["image", "hash", "name", "facts", "colors", "original", "delete", "previous", "next", "close"];
    this.part = Object.fromEntries(parts.map((name) => [name, document.getElementById(`viewer-${name}`)]));
    this.dialog = document.getElementById("viewer");
    this.part.previous.addEventListener("click", () => this.#step(-1));
    this.part.next.addEventListener("click", () => this.#step(1));
    this.part.close.addEventListener("click", () => this.dialog.close());
    this.part.delete.addEventListener("click", () => this.#remove(remove));
    this.part.image.addEventListener("load", () => this.dialog.classList.add("loaded"));
    this.part.colors.addEventListener("click", (event) => {
      const { hue } = event.target.dataset;
      if (hue === undefined) return;
      this.dialog.close();
      turnTo(Number(hue));
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog || event.target.classList.contains("viewer-stage")) this.dialog.close();
    });
    this.dialog.addEventListener("close", () => this.#closed());
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.#step(-1);
      else if (event.key === "ArrowRight") this.#step(1);
      else if (event.key === "Delete") this.#remove(remove);
    });
  }

  open(id) {
    const image = this.grid.image(id);
    if (!image) return;
    this.id = id;
    this.#fill(image);
    this.part.previous.hidden = !this.grid.neighbour(id, -1);
    this.part.next.hidden = !this.grid.neighbour(id, 1);
    if (!this.dialog.open) this.dialog.showModal();
    // A button that just went, at the first or last picture, takes the focus with it, and the arrow keys.
    if (!this.dialog.contains(document.activeElement)) this.dialog.focus();
  }

  #fill(image) {
    this.dialog.classList.remove("loaded");
    const { part } = this;
    const large = image.renditions.reduce((best, one) => (one.width > (best?.width ?? 0) ? one : best), null);
    drawThumbhash(part.hash, image.placeholder);
    const stage = part.hash.parentElement;
    stage.style.setProperty("--ratio", large ? large.width / large.height : image.width / image.height);
    stage.style.setProperty("--width", `${large?.width ?? image.width}px`);
    part.image.src = large?.url ?? "";
    part.image.alt = image.name;
    part.name.textContent = image.name;
    part.facts.textContent = facts(image);
    part.original.hidden = !image.original_url;
    part.original.href = image.original_url ?? "";
    part.colors.replaceChildren(...image.colors.map(swatch));
  }

  #step(step) {
    const id = this.grid.neighbour(this.id, step);
    if (id) this.open(id);
  }

  #remove(remove) {
    const { id } = this;
    const next = this.grid.neighbour(id, 1) ?? this.grid.neighbour(id, -1);
    remove(id);
    if (next) this.open(next);
    else this.dialog.close();
  }

  #closed() {
    this.part.image.removeAttribute("src");
    if (this.id) this.grid.focus(this.id);
    this.id = null;
  }
}

function facts(image) {
  const when = new Date(image.uploaded_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const kind = image.content_type.replace("image/", "").toUpperCase();
  const lost = image.losses.length ? [`shown without ${image.losses.join(", ")}`] : [];
  return [`${image.width} × ${image.height}`, kind, bytes(image.size), when, ...lost].join(" · ");
}

function swatch({ hex, hue, share }) {
  const name = hue === null ? hex : `${hueName(hue)}, ${hue}°`;
  const title = `${name}, ${Math.round(share * 100)} %`;
  const part = element(hue === null ? "span" : "button", { className: "swatch", title });
  part.style.backgroundColor = hex;
  part.style.flexGrow = 100 * Math.max(0.08, share);
  if (hue !== null) {
    part.type = "button";
    part.dataset.hue = hue;
    part.setAttribute("aria-label", `Show pictures near ${name}`);
  }
  return part;
}
