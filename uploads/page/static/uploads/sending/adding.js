/** Every way files come onto the page: picked, dropped, pasted; folders piece by piece. */

import { gather, inPieces, isPicture } from "./gather.js";
import { plural } from "../shared/words.js";

const $ = (id) => document.getElementById(id);
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

export class Adding {
  /** `take(files)` gets pictures, `takeList(file)` a CSV, `tell(text)` shows a note, `changed()` with each step. */
  constructor({ take, takeList, tell, changed }) {
    Object.assign(this, { take, takeList, tell, changed, reading: 0, hovering: 0 });
    for (const kind of ["file", "folder"]) {
      $(kind === "file" ? "pick-files" : "pick-folder").addEventListener("click", () => $(`${kind}-input`).click());
      $(`${kind}-input`).addEventListener("change", (event) => this.#picked(event.target));
    }
    addEventListener("dragenter", (event) => this.#hover(event, 1));
    addEventListener("dragleave", (event) => this.#hover(event, -1));
    addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    addEventListener("drop", (event) => this.#dropped(event));
    addEventListener("paste", (event) => {
      const images = Array.from(event.clipboardData.files).filter((file) => file.type.startsWith("image/"));
      if (images.length) this.take(images);
    });
  }

  pick() {
    $("file-input").click();
  }

  #picked(input) {
    const files = Array.from(input.files);
    const good = input.webkitdirectory ? files.filter(isPicture) : files;
    this.#tellLeftOut({ skipped: files.length - good.length, unread: 0 });
    this.#read(() => inPieces(good, (piece) => this.#sort(piece)));
    input.value = "";
  }

  async #dropped(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    this.hovering = 0;
    $("veil").hidden = true;
    this.#tellLeftOut(await this.#read(() => gather(event.dataTransfer, (piece) => this.#sort(piece))));
  }

  /** While this runs, files may still come: nothing is done yet, whatever the queue says. */
  async #read(work) {
    this.reading += 1;
    this.changed();
    try {
      return await work();
    } finally {
      this.reading -= 1;
      this.changed();
    }
  }

  #sort(files) {
    const lists = files.filter((file) => /\.csv$/i.test(file.name));
    const pictures = files.filter((file) => !lists.includes(file));
    if (pictures.length) this.take(pictures);
    if (lists.length) this.takeList(lists[0]);
  }

  #tellLeftOut({ skipped, unread }) {
    if (skipped) this.tell(`${plural(skipped, "file")} in the folder left out: not images.`);
    if (unread) this.tell(`${plural(unread, "file")} in the folder could not be read.`);
  }

  #hover(event, step) {
    if (!hasFiles(event)) return;
    this.hovering = Math.max(0, this.hovering + step);
    $("veil").hidden = !this.hovering;
  }
}
