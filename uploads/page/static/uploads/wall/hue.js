/** The slider of hues, which colours the whole page. */

import { onAddress, wish, write } from "../shared/address.js";

const NAMES = [
  [12, "red"], [35, "orange"], [52, "amber"], [68, "yellow"], [95, "lime"], [150, "green"], [175, "teal"], [195, "cyan"],
  [220, "azure"], [250, "blue"], [280, "violet"], [310, "purple"], [335, "pink"], [352, "rose"], [360, "red"],
];

export function hueName(hue) {
  return NAMES.find(([end]) => hue < end)[1];
}

export class HueDial {
  /**
   * `turned({hue, tolerance})` with every move, `otherwise()` says whether something else chooses the colours. The
   * choice lives in the address: `#hue=210&tolerance=10`.
   */
  constructor(turned, otherwise) {
    Object.assign(this, { turned, otherwise });
    for (const id of ["hue", "tolerance", "hue-all", "hue-name", "tolerance-value", "band"]) {
      this[id] = document.getElementById(id);
    }
    this.all = true;
    this.#fromAddress();
    this.hue.addEventListener("input", () => this.#moved(false));
    this.hue.addEventListener("pointerdown", () => this.all && this.#moved(false));
    this.tolerance.addEventListener("input", () => this.#moved(this.all));
    this["hue-all"].addEventListener("click", () => this.#moved(this.otherwise() || !this.all));
    onAddress(() => {
      const before = JSON.stringify(this.near);
      this.#fromAddress();
      if (JSON.stringify(this.near) !== before) this.turned(this.near);
    });
    this.#paint();
  }

  get near() {
    return { hue: this.all ? null : Number(this.hue.value), tolerance: Number(this.tolerance.value) };
  }

  turnTo(hue) {
    this.hue.value = hue;
    this.#moved(false);
  }

  showAll() {
    this.#moved(true);
  }

  /** Every hue, because something else chooses: nobody is told. */
  rest() {
    clearTimeout(this.writing);
    this.all = true;
    write({ hue: null, tolerance: null });
    this.#paint();
  }

  #moved(all) {
    this.all = all;
    this.#paint();
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.#toAddress(), 300);
    this.turned(this.near);
  }

  /** What else chooses has changed. */
  repaint() {
    this.#paint();
  }

  #fromAddress() {
    const hue = Number.parseInt(wish("hue"), 10);
    this.all = !(hue >= 0 && hue < 360);
    if (!this.all) this.hue.value = hue;
    if (wish("tolerance")) this.tolerance.value = wish("tolerance");
    this.#paint();
  }

  #toAddress() {
    const { hue, tolerance } = this.near;
    write({ hue, tolerance: hue === null ? null : tolerance });
  }

  #paint() {
    const hue = Number(this.hue.value);
    const tolerance = Number(this.tolerance.value);
    const root = document.documentElement;
    root.dataset.hue = this.all ? "all" : "one";
    root.style.setProperty("--hue", hue);
    const otherwise = this.otherwise();
    this["hue-all"].setAttribute("aria-pressed", String(this.all && !otherwise));
    const name = hueName(hue);
    const every = otherwise ? "Chosen colours" : "Every picture";
    this["hue-name"].textContent = this.all ? every : `${name[0].toUpperCase()}${name.slice(1)}, ${hue}°`;
    this.hue.setAttribute("aria-valuetext", this.all ? "all colours" : `${name}, ${hue} degrees`);
    this["tolerance-value"].textContent = `±${tolerance}°`;
    this.tolerance.setAttribute("aria-valuetext", `plus or minus ${tolerance} degrees`);
    this.band.style.setProperty("background", this.all ? "none" : veil(hue, tolerance));
  }
}

/** A gradient that dims the track outside hue ± tolerance, round the circle. */
function veil(hue, tolerance) {
  const dim = "var(--dim)";
  const at = (degrees) => `calc(var(--inset) + (100% - 2 * var(--inset)) * ${(degrees / 359).toFixed(4)})`;
  const [low, high] = [hue - tolerance, hue + tolerance];
  if (high - low >= 359) return "none";
  if (low < 0) return stops("transparent", at(high), dim, at(low + 360), "transparent");
  if (high > 359) return stops("transparent", at(high - 360), dim, at(low), "transparent");
  return stops(dim, at(low), "transparent", at(high), dim);
}

function stops(first, one, second, two, third) {
  return `linear-gradient(to right, ${first} ${one}, ${second} ${one}, ${second} ${two}, ${third} ${two})`;
}
