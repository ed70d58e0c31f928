/**
 * The endless wall of pictures. Only tiles near the screen exist; their nodes are used again. Columns are stable:
 * a new picture goes into the shortest one, on top of what is older there, and only that column moves.
 */

import { element } from "../shared/element.js";
import { drawThumbhash } from "../shared/thumbhash.js";

const GAP = 10;
const MARGIN = 700; // pixels above and below the screen that are filled, too
const AHEAD = 1600; // pixels left below the screen when more is asked for
const SHARP_ENOUGH = 0.55; // of the pixels a tile has; below that the larger rendition is taken
const LONGEST = 2.2; // height / width of the tallest tile; longer pictures are cropped

export class Grid {
  /** `open(id)`, `remove(id)` are wishes of the user, `more()` asks for older pictures. */
  constructor(box, { open, remove, more }) {
    Object.assign(this, { box, open, remove, more, places: new Map(), columns: [], tiles: new Map(), spare: [], fresh: new Set(), selection: null });
    this.order = [];
    this.current = null;
    this.frame = 0;
    addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(box);
    box.addEventListener("click", (event) => this.#clicked(event));
    box.addEventListener("keydown", (event) => this.#typed(event));
  }

  get size() {
    return this.places.size;
  }

  show(images) {
    this.order = images.map((image) => image.id);
    this.#layOut(images);
    this.#soon();
  }

  append(images) {
    for (const image of images) {
      this.order.push(image.id);
      this.#place(image);
    }
    this.#settle();
  }

  /** Puts an image where its age says: mostly on top. */
  insert(image) {
    this.order.splice(this.#indexOf(image.id), 0, image.id);
    this.fresh.add(image.id);
    this.#place(image);
    this.#settle();
  }

  drop(id) {
    const place = this.places.get(id);
    if (!place) return;
    const at = this.order.indexOf(id);
    if (this.current === id) this.#focusOn(this.order[at + 1] ?? this.order[at - 1], { scroll: false });
    this.order.splice(at, 1);
    this.places.delete(id);
    this.selection?.dropped(id);
    const column = this.columns[place.column];
    const row = column.places.indexOf(place);
    column.places.splice(row, 1);
    for (const below of column.places.slice(row)) below.top -= place.height + GAP;
    column.height -= place.height + GAP;
    this.#settle();
  }

  /** The ids from one picture to the other, both included, in either order. */
  between(one, other) {
    const [from, to] = [this.order.indexOf(one), this.order.indexOf(other)].sort((first, second) => first - second);
    return this.order.slice(Math.max(0, from), to + 1);
  }

  /** Shows which tiles are selected. */
  mark() {
    for (const [id, tile] of this.tiles) markTile(tile, this.selection.has(id));
  }

  neighbour(id, step) {
    return this.order[this.order.indexOf(id) + step] ?? null;
  }

  image(id) {
    return this.places.get(id)?.image ?? null;
  }

  focus(id) {
    this.#focusOn(id, { scroll: true });
  }

  // Where things go

  #indexOf(id) {
    return first(this.order, (other) => other <= id);
  }

  #resized() {
    const width = this.box.clientWidth;
    if (width === this.width) return;
    this.width = width;
    this.#layOut(this.order.map((id) => this.places.get(id).image));
    this.#soon();
  }

  #layOut(images) {
    const width = this.box.clientWidth;
    const wanted = width < 560 ? 170 : width > 2200 ? 320 : 240;
    const count = Math.max(2, Math.round((width + GAP) / (wanted + GAP)));
    this.tileWidth = Math.floor((width - GAP * (count - 1)) / count);
    this.columns = Array.from({ length: count }, (_, index) => ({ index, height: 0, places: [] }));
    this.places.clear();
    for (const image of images) this.#place(image);
    this.#settle();
  }

  #heightOf(image) {
    return Math.round(this.tileWidth * Math.min(LONGEST, Math.max(0.4, image.height / image.width)));
  }

  /** Into the shortest column, below all newer ones there: late images keep the columns even. */
  #place(image) {
    const column = shortest(this.columns);
    const row = firstOlder(column.places, image.id);
    const above = column.places[row - 1];
    const top = above ? above.top + above.height + GAP : 0;
    const place = { image, column: column.index, top, height: this.#heightOf(image) };
    for (const below of column.places.slice(row)) below.top += place.height + GAP;
    column.places.splice(row, 0, place);
    column.height += place.height + GAP;
    this.places.set(image.id, place);
  }

  #settle() {
    const height = this.columns.length ? Math.max(...this.columns.map((column) => column.height)) : 0;
    this.box.style.height = `${Math.max(0, height - GAP)}px`;
    this.#soon();
  }

  // What is on the screen

  #soon() {
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.#draw();
      });
    }
  }

  #draw() {
    const above = this.box.getBoundingClientRect().top;
    const [top, bottom] = [-above - MARGIN, -above + innerHeight + MARGIN];
    const seen = new Set();
    for (const column of this.columns) {
      for (let row = firstBelow(column.places, top); row < column.places.length; row += 1) {
        const place = column.places[row];
        if (place.top > bottom) break;
        seen.add(place.image.id);
        this.#drawTile(place);
      }
    }
    for (const [id, tile] of this.tiles) if (!seen.has(id)) this.#putAway(id, tile);
    if (this.unsorted) this.#sortNodes();
    this.fresh.clear();
    this.#keepOneTabStop(seen);
    const lowest = this.columns.length ? Math.min(...this.columns.map((column) => column.height)) : 0;
    if (lowest + above - innerHeight < AHEAD) this.more();
  }

  #drawTile(place) {
    const { image } = place;
    let tile = this.tiles.get(image.id);
    if (!tile) {
      tile = this.spare.pop() ?? makeTile();
      fill(tile, image, this.tileWidth);
      if (this.selection) markTile(tile, this.selection.has(image.id));
      tile.node.classList.toggle("fresh", this.fresh.has(image.id));
      this.tiles.set(image.id, tile);
      this.box.append(tile.node);
      this.unsorted = true;
    }
    const { style } = tile.node;
    style.width = `${this.tileWidth}px`;
    style.height = `${place.height}px`;
    style.transform = `translate(${place.column * (this.tileWidth + GAP)}px, ${place.top}px)`;
    if (!tile.settled) {
      // Its first place is taken at once; only later moves are shown as moves.
      tile.settled = true;
      requestAnimationFrame(() => tile.node.classList.add("settled"));
    }
    tile.node.setAttribute("aria-posinset", this.#indexOf(image.id) + 1);
    tile.node.setAttribute("aria-setsize", -1);
  }

  /** The order of the nodes is that of the feed, for those who hear the page. Only new ones move. */
  #sortNodes() {
    this.unsorted = false;
    let next = this.box.firstElementChild;
    for (const id of [...this.tiles.keys()].sort().reverse()) {
      const { node } = this.tiles.get(id);
      if (node === next) next = next.nextElementSibling;
      else this.box.insertBefore(node, next);
    }
  }

  #putAway(id, tile) {
    this.tiles.delete(id);
    tile.node.remove();
    tile.node.classList.remove("settled", "fresh", "loaded");
    tile.settled = false;
    tile.picture.removeAttribute("src");
    this.spare.push(tile);
  }

  #keepOneTabStop(seen) {
    if (!seen.has(this.current)) this.current = this.order.find((id) => seen.has(id)) ?? null;
    for (const [id, tile] of this.tiles) {
      tile.opener.tabIndex = id === this.current ? 0 : -1;
      tile.remover.tabIndex = id === this.current ? 0 : -1;
      tile.picker.tabIndex = id === this.current ? 0 : -1;
    }
  }

  // Hands

  #clicked(event) {
    const node = event.target.closest(".tile");
    if (!node) return;
    this.current = node.dataset.id;
    const many = this.selection?.on || event.ctrlKey || event.metaKey || (event.shiftKey && this.selection);
    if (event.target.closest(".tile-remove")) this.remove(node.dataset.id);
    else if (many || event.target.closest(".tile-pick")) this.selection.pick(node.dataset.id, { range: event.shiftKey });
    else this.open(node.dataset.id);
  }

  #typed(event) {
    const id = event.target.closest(".tile")?.dataset.id;
    if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
    const places = this.columns[this.places.get(id).column].places;
    const row = places.indexOf(this.places.get(id));
    const targets = {
      ArrowRight: () => this.neighbour(id, 1),
      ArrowLeft: () => this.neighbour(id, -1),
      ArrowDown: () => places[row + 1]?.image.id,
      ArrowUp: () => places[row - 1]?.image.id,
      Home: () => this.order[0],
      End: () => this.order.at(-1),
    };
    if (event.key === "Delete" && this.selection?.chosen.size) return; // all that are selected: selection.js
    if (event.key === "Delete" || event.key === "Backspace") this.remove(id);
    else if (event.key === "x") this.selection.pick(id, { range: event.shiftKey });
    else if (targets[event.key]) this.#focusOn(targets[event.key](), { scroll: true });
    else return;
    event.preventDefault();
  }

  #focusOn(id, { scroll }) {
    const place = this.places.get(id);
    if (!place) return;
    this.current = id;
    const top = this.box.getBoundingClientRect().top + place.top;
    const head = 110; // the bar that sticks to the top
    if (scroll && (top < head || top + place.height > innerHeight)) {
      scrollBy({ top: top < head ? top - head : top + place.height - innerHeight + GAP });
    }
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
      this.tiles.get(id)?.opener.focus({ preventScroll: true });
    });
  }
}

function shortest(columns) {
  return columns.reduce((best, column) => (column.height < best.height ? column : best));
}

/** Index of the first place whose foot is below `top`. */
function firstBelow(places, top) {
  return first(places, (place) => place.top + place.height >= top);
}

/** Index of the first place with an older image; ids rise with time. */
function firstOlder(places, id) {
  return first(places, (place) => place.image.id < id);
}

/** Index of the first item that `holds`, where all after it do, too; their number where none does. */
function first(items, holds) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

function makeTile() {
  const canvas = element("canvas");
  const picture = element("img", { decoding: "async", draggable: false });
  const opener = element("button", { type: "button", className: "tile-open" }, canvas, picture);
  const remover = element("button", { type: "button", className: "tile-remove", textContent: "×" });
  const picker = element("button", { type: "button", className: "tile-pick" });
  const node = element("article", { className: "tile" }, opener, picker, remover);
  picture.addEventListener("load", () => node.classList.add("loaded"));
  return { node, opener, picker, remover, canvas, picture, settled: false };
}

function fill(tile, image, width) {
  tile.node.dataset.id = image.id;
  tile.node.setAttribute("aria-label", image.name);
  tile.opener.setAttribute("aria-label", `Open ${image.name}`);
  tile.remover.setAttribute("aria-label", `Delete ${image.name}`);
  tile.remover.title = "Delete";
  tile.picker.setAttribute("aria-label", `Select ${image.name}`);
  tile.node.classList.toggle("see-through", seeThrough(image));
  tile.node.classList.toggle("unfinished", image.status !== "completed");
  tile.node.style.backgroundColor = image.colors[0]?.hex ?? "";
  tile.picture.alt = "";
  drawThumbhash(tile.canvas, image.placeholder);
  tile.picture.src = renditionFor(image, width)?.url ?? "";
}

function markTile({ node, picker }, on) {
  node.classList.toggle("chosen", on);
  picker.setAttribute("aria-pressed", String(on));
}

/** Whether a checkerboard belongs behind it: a format that may be transparent, of a picture that is not moving. */
function seeThrough({ renditions, losses }) {
  return !losses.includes("alpha") && renditions.some((one) => /webp|png|avif/.test(one.content_type) && !one.animated);
}

/** The smallest rendition that is sharp enough at `width` CSS pixels; null where there is none. */
export function renditionFor(image, width) {
  const wanted = width * Math.min(2, devicePixelRatio) * SHARP_ENOUGH;
  const rising = image.renditions.toSorted((first, second) => first.width - second.width);
  return rising.find((rendition) => rendition.width >= wanted) ?? rising.at(-1) ?? null;
}
