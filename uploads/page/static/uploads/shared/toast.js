/** Short notes at the edge of the page, some with a way back. */

import { element } from "./element.js";

const SECONDS = 8;

export class Toasts {
  constructor(box) {
    Object.assign(this, { box, home: box.parentElement });
    // `close` does not bubble.
    document.addEventListener("close", () => this.#settle(), { capture: true });
  }

  /** Into the dialog that is open, if one is: what is outside of it can't be reached. */
  #settle() {
    const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
    const home = dialog ?? this.home;
    if (this.box.parentElement !== home) home.append(this.box);
  }

  /** Shows `text`; with `action` a button that is called `label`. Gives a function that takes it away. */
  show(text, { label, action, seconds = SECONDS } = {}) {
    const note = element("div", { className: "toast" }, element("p", { textContent: text }));
    let timer = 0;
    const close = () => {
      clearTimeout(timer);
      note.remove();
    };
    if (action) {
      const button = element("button", { type: "button", textContent: label });
      button.addEventListener("click", () => {
        close();
        action();
      });
      note.append(button);
    }
    const start = () => {
      timer = setTimeout(close, seconds * 1000);
    };
    // Nobody reads against a clock: it waits for the pointer and the focus.
    for (const name of ["pointerenter", "focusin"]) note.addEventListener(name, () => clearTimeout(timer));
    for (const name of ["pointerleave", "focusout"]) note.addEventListener(name, start);
    this.#settle();
    this.box.append(note);
    while (this.box.children.length > 3) this.box.firstElementChild.remove();
    start();
    return close;
  }
}
