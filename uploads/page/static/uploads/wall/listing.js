/** Pictures as `/api/list` gives them: by words of their name, by status, or those in the trash. Newest first. */

import { requestPage } from "../shared/api.js";

const PAGE = 60;

export class Listing {
  /** `asked` is `{q, status, trash}`; `view` as in feed.js. */
  constructor(asked, view) {
    Object.assign(this, { asked, view, images: new Map(), next: null, busy: false, shown: false, over: false });
    const query = new URLSearchParams({ limit: PAGE });
    if (asked.q) query.set("q", asked.q);
    if (asked.status) query.set("status", asked.status);
    if (asked.trash) query.set("deleted", "1");
    this.first = `/api/list?${query}`;
    this.refresh();
  }

  get end() {
    return this.shown && this.next === null;
  }

  async refresh() {
    await this.#page(this.first, (images) => {
      this.images = new Map(images.map((image) => [image.id, image]));
      this.shown = true;
      this.view.show(images);
    });
  }

  async more() {
    if (this.next === null) return;
    await this.#page(this.next, (images) => {
      const fresh = images.filter((image) => !this.images.has(image.id));
      for (const image of fresh) this.images.set(image.id, image);
      this.view.append(fresh);
    });
  }

  drop(id) {
    if (this.images.delete(id)) this.view.remove(id);
  }

  put(image) {
    if (this.images.has(image.id)) return;
    this.images.set(image.id, image);
    this.view.insert(image);
  }

  /** Nothing more is shown of it. */
  close() {
    this.over = true;
  }

  async #page(path, take) {
    if (this.busy) return;
    this.busy = true;
    this.view.busy(true);
    try {
      const { items, next } = await requestPage(path);
      if (this.over) return;
      const link = next && new URL(next, location.href);
      this.next = link && link.pathname + link.search;
      take(items);
    } catch (problem) {
      if (!this.over) this.view.failed(problem);
    } finally {
      this.busy = false;
      if (!this.over) this.view.busy(false);
    }
  }
}
