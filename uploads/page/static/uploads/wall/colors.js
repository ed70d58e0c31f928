/** The colours that pictures must have, beside the slider of hues: picked, or taken from a picture's swatches. */

import { onAddress, wish, write } from "../shared/address.js";
import { element } from "../shared/element.js";

const MOST = 5;
const HEX = /^[0-9a-f]{6}$/;

export class ColorPicks {
  /** `turned()` with every change. The choice lives in the address: `#colors=ff8800,ffffff`. */
  constructor(turned) {
    this.turned = turned;
    for (const id of ["colors-chosen", "color-pick"]) this[id] = document.getElementById(id);
    this.colors = fromAddress();
    this["color-pick"].addEventListener("change", () => this.add(this["color-pick"].value));
    this["colors-chosen"].addEventListener("click", (event) => {
      const { color } = event.target.dataset;
      if (color) this.#set(this.colors.filter((one) => one !== color));
    });
    onAddress(() => {
      const colors = fromAddress();
      if (colors.join() !== this.colors.join()) this.#set(colors);
    });
    this.#paint();
  }

  /** One more, `#rrggbb`; beyond five the oldest goes. */
  add(color) {
    if (!this.colors.includes(color)) this.#set([...this.colors, color].slice(-MOST));
  }

  clear() {
    if (this.colors.length) this.#set([]);
  }

  #set(colors) {
    this.colors = colors;
    write({ colors: colors.map((color) => color.slice(1)).join(",") });
    this.#paint();
    this.turned();
  }

  #paint() {
    this["colors-chosen"].replaceChildren(...this.colors.map(chip));
    this["colors-chosen"].hidden = !this.colors.length;
    document.documentElement.toggleAttribute("data-colors", this.colors.length > 0);
  }
}

function fromAddress() {
  const texts = (wish("colors") ?? "").toLowerCase().split(",").filter((text) => HEX.test(text));
  return [...new Set(texts)].slice(0, MOST).map((text) => `#${text}`);
}

function chip(color) {
  const made = element("button", { type: "button", className: "color-chip", title: `${color}: take it out` });
  made.style.backgroundColor = color;
  made.dataset.color = color;
  made.setAttribute("aria-label", `Without the colour ${color}`);
  return made;
}
