/** Groups of pictures that look alike, side by side: what is not kept is deleted, with one way back. */

import { element } from "../shared/element.js";
import { bytes, number, plural } from "../shared/words.js";
import { renditionFor } from "../wall/grid.js";

const SHOWN = 240; // CSS pixels of a picture's side, at most
const ENOUGH = 10; // groups; thousands of pictures without a copy give pages without a group
const PAGES = 5;

export function mount(section, api) {
  return new Duplicates(section, api);
}

class Duplicates {
  constructor(section, api) {
    Object.assign(this, { api, groups: new Set(), next: null, looking: null });
    this.note = element("p", { className: "quiet" });
    this.note.setAttribute("role", "status");
    this.all = element("button", { type: "button", hidden: true });
    this.all.addEventListener("click", () => this.#settleAll());
    this.list = element("ul", { className: "duplicates" });
    this.more = element("button", { type: "button", textContent: "Look further", hidden: true });
    this.more.addEventListener("click", () => this.#look(this.next));
    section.append(element("div", { className: "row" }, this.note, this.all), this.list, this.more);
  }

  opened() {
    this.groups.clear();
    this.list.replaceChildren();
    this.#look("/api/duplicates?limit=20");
  }

  async #look(from) {
    const looking = (this.looking = Symbol("a look"));
    this.more.hidden = true;
    this.note.textContent = "Looking for pictures that look alike";
    const before = this.groups.size;
    try {
      let path = from;
      for (let page = 0; path && page < PAGES && this.groups.size - before < ENOUGH; page += 1) {
        const { results, next } = await this.api.request(path);
        if (looking !== this.looking) return;
        path = next && new URL(next, location.href).pathname + new URL(next, location.href).search;
        for (const { images } of results) this.#add(images);
      }
      this.next = path;
      this.more.hidden = !path;
      this.#tell();
    } catch (problem) {
      if (looking !== this.looking) return;
      this.next = from;
      this.more.hidden = false;
      this.note.textContent = `They could not be looked for: ${problem.message}`;
    }
  }

  #add(images) {
    const group = new Group(images, { settle: (one) => this.#settle([one]), leave: (one) => this.#drop(one), open: (id) => this.#open(id) });
    this.groups.add(group);
    this.list.append(group.node);
  }

  #open(id) {
    this.api.close();
    this.api.open(id);
  }

  #drop(group) {
    const focused = group.node.contains(document.activeElement);
    const neighbour = group.node.nextElementSibling ?? group.node.previousElementSibling;
    this.groups.delete(group);
    group.node.remove();
    this.#tell();
    if (focused) (neighbour?.querySelector(".settle") ?? this.more).focus();
  }

  #settleAll() {
    this.#settle([...this.groups]);
  }

  /** Deletes what these groups do not keep; an undo brings the groups back, too. */
  #settle(groups) {
    const gone = groups.flatMap((group) => group.others);
    for (const group of groups) this.#drop(group);
    this.api.remove(gone, () => {
      for (const group of groups) {
        this.groups.add(group);
        this.list.prepend(group.node);
      }
      this.#tell();
    });
  }

  #tell() {
    const count = this.groups.size;
    const more = this.next ? " so far" : "";
    this.note.textContent = count ? `${plural(count, "group")} of pictures that look alike${more}` : `No pictures look alike${more}.`;
    this.all.hidden = count < 2;
    this.all.textContent = `Keep the chosen ones of all ${number(count)} groups`;
  }
}

/** The largest comes first and is kept, unless another is chosen. */
class Group {
  constructor(images, { settle, leave, open }) {
    this.images = images;
    this.kept = new Set([images[0].id]);
    this.tiles = images.map((image) => this.#tile(image, open));
    this.go = element("button", { type: "button", className: "settle" });
    this.go.addEventListener("click", () => settle(this));
    const stay = element("button", { type: "button", className: "plain", textContent: "Leave them all" });
    stay.addEventListener("click", () => leave(this));
    this.node = element("li", {}, element("div", { className: "alike" }, ...this.tiles.map(({ node }) => node)), element("div", { className: "row" }, this.go, stay));
    this.#show();
  }

  get others() {
    return this.images.filter(({ id }) => !this.kept.has(id));
  }

  #tile(image, open) {
    const picture = element("img", { src: renditionFor(image, SHOWN)?.url ?? "", alt: "", loading: "lazy" });
    const look = element("button", { type: "button", className: "alike-picture", title: "Open it" }, picture);
    look.setAttribute("aria-label", `Open ${image.name}`);
    look.addEventListener("click", () => open(image.id));
    const keep = element("input", { type: "checkbox" });
    keep.setAttribute("aria-label", `Keep ${image.name}`);
    keep.addEventListener("change", () => {
      if (keep.checked) this.kept.add(image.id);
      else this.kept.delete(image.id);
      this.#show();
    });
    const facts = `${number(image.width)} × ${number(image.height)}, ${bytes(image.size)}`;
    const label = element("label", {}, keep, element("span", { className: "alike-name", textContent: image.name, title: image.name }));
    const node = element("div", { className: "alike-one" }, look, label, element("span", { className: "quiet", textContent: facts }));
    return { id: image.id, keep, node };
  }

  #show() {
    for (const { id, keep, node } of this.tiles) {
      keep.checked = this.kept.has(id);
      node.classList.toggle("kept", keep.checked);
    }
    const count = this.others.length;
    // All of a group are never deleted from here.
    this.go.disabled = !count || !this.kept.size;
    this.go.textContent = !this.kept.size ? "Choose what is kept" : count === 1 ? "Delete the other one" : `Delete the other ${number(count)}`;
  }
}
