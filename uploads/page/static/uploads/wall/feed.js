/**
 * The feed by hue and by colours as a list that is kept true: pages and live news from `/ws/feed/`, or pages alone over HTTP
 * while there is no socket. Newest first; ids are UUIDv7, so their order as text is that of time.
 */

import { request } from "../shared/api.js";
import { Link } from "../shared/socket.js";

const PAGE = 20;
const OLDER = 60; // a page of older pictures: who scrolls fast asks seldom

export class Feed {
  /**
   * `show(images, {turned})`: the whole list anew, `turned` when the hue was; `append(images)`;
   * `insert(image)`; `remove(id)`; `busy(bool)`; `linked()` whenever the socket opens or closes.
   */
  constructor(near, view) {
    Object.assign(this, { near, view, images: new Map(), end: false, asked: null, wanted: null, last: null });
    // Images shown before a lost connection, not yet seen again after it.
    this.stale = new Set();
    // A socket begins at a hue; colours are asked for as soon as it is open.
    this.link = new Link(() => `/ws/feed/?${query({ ...this.near, colors: [] }) || "hue=null"}`, {
      opened: () => this.#opened(),
      closed: () => this.#closed(),
      heard: (frame) => this.#hear(frame),
    });
  }

  /** The list as it is, newest first. */
  get list() {
    return [...this.images.values()].sort(byAge);
  }

  /** Another hue; while an answer is on its way only the latest wish is kept. */
  turn(near) {
    this.near = near;
    if (this.asked && this.link.open) this.wanted = near;
    else this.#ask("turn", frame(near));
  }

  more() {
    if (this.shown && !this.end && !this.asked) this.#older();
  }

  /** Takes an image out here at once; the server is told by the caller. */
  drop(id) {
    if (this.images.delete(id)) this.view.remove(id);
  }

  /** Puts back what `drop` took out. */
  put(image) {
    if (this.images.has(image.id)) return;
    this.images.set(image.id, image);
    this.view.insert(image);
  }

  /** The newest page over HTTP, for times without a socket. Raises Problem. */
  async poll() {
    const near = this.near;
    const { images, next } = await request(`/api/feed?limit=${PAGE}&${query(near)}`);
    if (near !== this.near || this.link.open) return;
    if (this.#covers(near)) {
      for (const image of images.toReversed()) this.put(image);
    } else {
      this.#replace(images, next === null, near);
    }
  }

  #covers(near) {
    return Boolean(this.shown) && same(this.shown, near);
  }

  #ask(what, frame) {
    this.view.busy(true);
    if (this.link.open) {
      this.asked = what;
      this.link.say(frame);
    } else {
      this.poll().catch(() => {}).finally(() => this.view.busy(false));
    }
  }

  /** Older pictures come over HTTP, in larger pages than the socket's, while the socket tells what is new. */
  async #older() {
    if (this.older) return;
    const near = this.near;
    this.older = true;
    this.view.busy(true);
    try {
      const { images, next } = await request(`/api/feed?limit=${OLDER}&${query(near)}&cursor=${this.last ?? ""}`);
      if (near === this.near && this.#covers(near) && !this.asked) this.#append(images, next === null);
    } catch {
      // The sign at the top of the page says it; scrolling on asks again.
    } finally {
      this.older = false;
      this.view.busy(Boolean(this.asked));
    }
  }

  #opened() {
    this.asked = "open";
    if (this.near.colors.length) this.wanted = this.near;
    this.view.linked();
  }

  #closed() {
    this.asked = this.wanted = null;
    this.view.busy(false);
    this.view.linked();
  }

  #hear(frame) {
    if (frame.type === "feed.images") this.#page(frame);
    else if (frame.type === "feed.added") this.put(frame.image);
    else if (frame.type === "feed.removed") this.drop(frame.id);
  }

  #page({ images, end, hue, tolerance, colors = [] }) {
    const asked = this.asked;
    this.asked = null;
    if (this.wanted) {
      const near = this.wanted;
      this.wanted = null;
      this.#ask(asked === "open" ? "open" : "turn", frame(near));
      if (asked !== "turn") return;
    } else {
      this.view.busy(false);
    }
    const near = { hue, tolerance, colors };
    if (asked === "open" && this.#covers(near)) this.#resume(images, end);
    else this.#replace(images, end, near);
  }

  #replace(images, end, near) {
    this.shown = near;
    this.stale.clear();
    this.images = new Map(images.map((image) => [image.id, image]));
    this.last = images.at(-1)?.id ?? null;
    this.end = end;
    this.view.show(images);
  }

  /** After a lost connection: what is shown stays, what came is added, what is gone goes. */
  #resume(images, end) {
    this.stale = new Set(this.images.keys());
    this.last = null;
    this.#append(images, end);
  }

  #append(images, end) {
    const from = this.last;
    this.last = images.at(-1)?.id ?? this.last;
    this.end = end;
    const page = new Set(images.map((image) => image.id));
    for (const id of this.stale) {
      const passed = (from === null || id < from) && (end || id >= this.last);
      if (passed && !page.has(id)) this.drop(id);
      if (passed) this.stale.delete(id);
    }
    const oldest = this.images.size ? this.list.at(-1).id : null;
    const fresh = images.filter((image) => !this.images.has(image.id));
    for (const image of fresh) this.images.set(image.id, image);
    if (oldest === null || fresh.every((image) => image.id < oldest)) this.view.append(fresh);
    else fresh.forEach((image) => this.view.insert(image));
  }
}

function byAge(first, second) {
  return first.id < second.id ? 1 : -1;
}

function query({ hue, tolerance, colors }) {
  const asked = colors.map((color) => `color=${color.slice(1)}`);
  return [...(hue === null ? [] : [`hue=${hue}`, `tolerance=${tolerance}`]), ...asked].join("&");
}

/** What the socket is asked: colours stand for themselves, without a hue. */
function frame({ hue, tolerance, colors }) {
  return colors.length ? { type: "set_colors", colors } : { type: "set_hue", hue, tolerance };
}

function same(one, other) {
  if (one.hue !== other.hue || one.colors.join() !== other.colors.join()) return false;
  return one.hue === null || one.tolerance === other.tolerance;
}
