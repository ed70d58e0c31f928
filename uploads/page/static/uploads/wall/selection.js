/** Many pictures at once: chosen by click, shift, drag or keyboard; what is done to them stands at the foot. */

import { copy } from "../shared/copy.js";
import { download } from "../shared/download.js";
import { number, plural } from "../shared/words.js";

const $ = (id) => document.getElementById(id);
const MOST_IN_ARCHIVE = 1000; // what POST /api/archive takes

export class Selection {
  /** `remove(images)`, `restore(images)` are wishes; `tell(text)` shows a note. */
  constructor(grid, { remove, restore, tell }) {
    Object.assign(this, { grid, chosen: new Set(), on: false, anchor: null, tell });
    grid.selection = this;
    $("select").addEventListener("click", () => this.toggleMode());
    $("selection-clear").addEventListener("click", () => this.toggleMode(false));
    $("selection-delete").addEventListener("click", () => this.#with(remove));
    $("selection-restore").addEventListener("click", () => this.#with(restore));
    $("selection-links").addEventListener("click", () => this.#copyLinks());
    $("selection-archive").addEventListener("click", () => this.#download());
    addEventListener("keydown", (event) => this.#typed(event));
    grid.box.addEventListener("pointerdown", (event) => this.#dragFrom(event));
    grid.box.addEventListener("dragstart", (event) => this.on && event.preventDefault());
  }

  has(id) {
    return this.chosen.has(id);
  }

  toggleMode(on = !this.on) {
    this.on = on;
    if (!on) this.chosen.clear();
    this.anchor = null;
    this.#show();
  }

  /** One more or one less; with `range` all from the last one to this. */
  pick(id, { range = false } = {}) {
    this.on = true;
    if (range && this.anchor) {
      for (const one of this.grid.between(this.anchor, id)) this.chosen.add(one);
    } else if (!this.chosen.delete(id)) {
      this.chosen.add(id);
    }
    this.anchor = id;
    this.#show();
  }

  /** Pictures that went are no longer chosen. */
  dropped(id) {
    if (this.chosen.delete(id)) this.#show();
  }

  get images() {
    return [...this.chosen].map((id) => this.grid.image(id)).filter(Boolean);
  }

  #with(action) {
    const { images } = this;
    this.toggleMode(false);
    action(images);
  }

  async #copyLinks() {
    const urls = this.images.map((image) => image.renditions.find(({ name }) => name === "web") ?? image.renditions[0]);
    const text = urls.filter(Boolean).map(({ url }) => new URL(url, location.href).href).join("\n");
    this.tell((await copy(text)) ? `${plural(urls.length, "link")} copied.` : "The browser did not let the links be copied.");
  }

  #download() {
    const ids = this.images.map(({ id }) => id);
    if (ids.length > MOST_IN_ARCHIVE) {
      this.tell(`At most ${number(MOST_IN_ARCHIVE)} pictures come in one archive; ${number(ids.length)} are selected.`);
      return;
    }
    download("/api/archive", { images: ids }, () => this.tell("The archive could not be made. Try again in a moment."));
  }

  #typed(event) {
    if (event.target.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "a") {
      for (const id of this.grid.order) this.chosen.add(id);
      this.on = true;
      this.#show();
    } else if (event.key === "Escape" && this.on) this.toggleMode(false);
    else if (event.key === "Delete" && this.chosen.size) $($("selection-delete").hidden ? "selection-clear" : "selection-delete").click();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /** In this mode a press that wanders over other tiles chooses them all. */
  #dragFrom(event) {
    if (!this.on || event.button || event.pointerType === "touch") return;
    const tileAt = ({ clientX, clientY }) => document.elementFromPoint(clientX, clientY)?.closest(".tile")?.dataset.id;
    const from = tileAt(event);
    let wandered = false;
    const over = (moved) => {
      const id = tileAt(moved);
      if (!id || (id === from && !wandered)) return;
      wandered = true;
      this.chosen.add(from ?? id).add(id);
      this.#show();
    };
    const up = () => {
      removeEventListener("pointermove", over);
      // The click that ends a drag chooses nothing more.
      if (wandered) addEventListener("click", (click) => click.stopPropagation(), { capture: true, once: true });
    };
    addEventListener("pointermove", over);
    addEventListener("pointerup", up, { once: true });
  }

  #show() {
    $("select").setAttribute("aria-pressed", String(this.on));
    $("selection").hidden = !this.on;
    $("selection-count").textContent = this.chosen.size ? `${number(this.chosen.size)} selected` : "Click pictures to select them";
    for (const id of ["links", "archive", "delete", "restore"]) $(`selection-${id}`).disabled = !this.chosen.size;
    this.grid.box.classList.toggle("selecting", this.on);
    this.grid.mark();
  }
}
