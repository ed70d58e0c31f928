/** Deleting pictures, one or many, each with one way back, whichever way it is asked for. */

import { insist } from "../shared/api.js";
import { number } from "../shared/words.js";

const AT_ONCE = 4;

export class Deletion {
  /** `wall` has `drop(id)`, `put(image)`, `putBack(image)`; `toasts` shows notes. */
  constructor(wall, toasts) {
    Object.assign(this, { wall, toasts, done: [] });
    addEventListener("keydown", (event) => {
      const typing = event.target.matches?.("input:not([type=range], [type=checkbox]), textarea");
      if (!(event.ctrlKey || event.metaKey) || event.key !== "z" || typing || !this.done.length) return;
      event.preventDefault();
      this.#undo(this.done.at(-1));
    });
  }

  /** `undone()` is told when they are brought back. */
  delete(images, undone = () => {}) {
    if (!images.length) return;
    for (const image of images) this.wall.drop(image.id);
    const step = { images, undone, gone: null, close: null };
    step.gone = inTurns(images, (image) => this.#send(image));
    const text = images.length === 1 ? `Deleted ${images[0].name}` : `Deleted ${number(images.length)} pictures`;
    step.close = this.toasts.show(text, { label: "Undo", action: () => this.#undo(step) });
    this.done.push(step);
  }

  /** Out of the trash. */
  async restore(images) {
    await inTurns(images, (image) => this.#bringBack(image));
  }

  async #send(image) {
    try {
      await insist(`/api/images/${image.id}`, { method: "DELETE" });
    } catch (problem) {
      if (problem.status === 404) return;
      this.wall.put(image);
      this.toasts.show(`${image.name} could not be deleted: ${problem.message}`);
    }
  }

  /** A restore that overtook its DELETE would leave the picture deleted: the way back waits for the way there. */
  async #undo(step) {
    const at = this.done.indexOf(step);
    if (at < 0) return;
    this.done.splice(at, 1);
    step.close();
    await step.gone;
    await inTurns(step.images, (image) => this.#bringBack(image));
    step.undone();
  }

  async #bringBack(image) {
    try {
      this.wall.putBack(await insist(`/api/images/${image.id}/restore`, { method: "POST" }));
    } catch (problem) {
      this.toasts.show(`${image.name} could not be brought back: ${problem.message}`);
    }
  }
}

/** `work(item)` for each, a few at a time. */
async function inTurns(items, work) {
  const left = items.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const item of left) await work(item);
  }));
}
