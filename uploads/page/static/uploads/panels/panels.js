/**
 * The drawer at the side, and the panels in it, each a module of its own that is loaded when it is first opened.
 *
 * To add one, put `<section id="NAME" data-title="Its title" data-module="{% static 'uploads/panels/NAME.js' %}" hidden>`
 * into the drawer of page.html (`data-wide` where it needs room), a button with `data-panel="NAME"` anywhere, and write NAME.js:
 *
 *   export function mount(section, api) { ... }
 *
 * What it gives may have `opened()`, called each time it is shown, and `closed()`. `api` has:
 *   request(path, {method, json, body, seconds})  parsed JSON, null for 204; raises Problem {status, code, message}
 *   insist(path, options)                         the same, again while trying again can help
 *   follow(jobId, {images, finished})             images(list of Image) as they change, finished(Job) once;
 *                                                 gives a function that stops it
 *   open(imageId)                                 shows a picture
 *   remove(images, undone)                        deletes them, with a way back; undone() once it was taken
 *   close()                                       closes the drawer
 *   announce(text)                                says it to screen readers
 *   toast(text)                                   shows it for a few seconds
 */

import { element } from "../shared/element.js";
import { Link } from "../shared/socket.js";

/** Follows one job by its own socket; after a lost connection it goes on behind the last event seen. */
export function follow(job, { images = () => {}, finished = () => {} }) {
  let seq = null;
  const link = new Link(() => `/ws/jobs/${job}/${seq === null ? "" : `?since=${seq}`}`, {
    heard: (frame) => {
      if (frame.seq === undefined) return;
      seq = frame.seq;
      if (frame.type === "job.progress") images(frame.images, frame.job);
      const ended = frame.type === "job.finished" || (frame.type === "job.snapshot" && frame.job.finished_at);
      if (frame.type === "job.snapshot") images(frame.images, frame.job);
      if (ended) {
        link.end();
        finished(frame.job);
      }
    },
  });
  return () => link.end();
}

export class Panels {
  constructor(drawer, api) {
    Object.assign(this, { drawer, api, mounted: new Map(), current: null });
    for (const button of document.querySelectorAll("[data-panel]")) {
      button.addEventListener("click", () => {
        button.closest("[popover]")?.hidePopover();
        this.open(button.dataset.panel);
      });
    }
    drawer.querySelector("#drawer-close").addEventListener("click", () => drawer.close());
    drawer.addEventListener("click", (event) => event.target === drawer && drawer.close());
    drawer.addEventListener("close", () => this.#closed());
  }

  /** Opens the panel with this name; gives what its `mount` gave, or null where it could not be loaded. */
  async open(name) {
    const section = this.drawer.querySelector(`#${name}`);
    for (const other of this.drawer.querySelectorAll("section[data-module]")) other.hidden = other !== section;
    this.drawer.querySelector("#drawer-title").textContent = section.dataset.title;
    this.drawer.toggleAttribute("data-wide", "wide" in section.dataset);
    if (!this.drawer.open) this.drawer.showModal();
    const panel = await this.#mount(section);
    this.current = panel;
    panel?.opened?.();
    return panel;
  }

  close() {
    this.drawer.close();
  }

  #closed() {
    this.current?.closed?.();
    this.current = null;
  }

  async #mount(section) {
    if (!this.mounted.has(section)) {
      section.replaceChildren();
      const loading = import(section.dataset.module).then((module) => module.mount(section, { ...this.api, close: () => this.close() }));
      this.mounted.set(section, loading);
    }
    try {
      return await this.mounted.get(section);
    } catch {
      this.mounted.delete(section);
      section.replaceChildren(element("p", { textContent: "This part could not be loaded. Close it and open it again." }));
      return null;
    }
  }
}
