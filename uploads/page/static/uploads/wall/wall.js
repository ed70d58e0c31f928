/** What the grid shows and where it comes from: the live feed by colour, or a list by name, status or trash. */

import { request } from "../shared/api.js";
import { onAddress, wish, write } from "../shared/address.js";
import { plural } from "../shared/words.js";
import { ColorPicks } from "./colors.js";
import { Feed } from "./feed.js";
import { Histogram } from "./histogram.js";
import { HueDial, hueName } from "./hue.js";
import { Listing } from "./listing.js";

const $ = (id) => document.getElementById(id);
const TOP = 260; // pixels: within these a reader counts as being at the top
const FRAME = /^myImg_(\d+)\.png$/; // a canvas at so many per cent
const STATUS_WORDS = { completed: "done", processing: "being worked on", pending: "waiting", failed: "that failed" };

export class Wall {
  /**
   * `pick()` opens the file chooser, `adopt()` takes over what was uploaded without signing in, `linked()` is told of
   * each change of the feed's socket.
   */
  constructor(grid, { pick, adopt, linked }) {
    Object.assign(this, { grid, pick, adopt, held: new Map(), listing: null, frames: new Map(), problem: null });
    this.histogram = new Histogram($("histogram"));
    const view = this.#view();
    this.picks = new ColorPicks(() => this.#picked());
    // A hue, or all of them, in place of colours.
    this.dial = new HueDial(() => (this.picks.colors.length ? this.picks.clear() : this.#turn()), () => this.picks.colors.length > 0);
    if (this.picks.colors.length) this.dial.rest();
    this.feed = new Feed(this.#near, { ...this.#unless(() => this.listing, view), linked });
    this.listView = view;
    $("held").addEventListener("click", () => {
      scrollTo({ top: this.#top() });
      this.release();
    });
    addEventListener("scroll", () => this.held.size && scrollY < this.#top() + TOP && this.release(), { passive: true });
    this.#wire();
    this.#fromAddress();
  }

  get #near() {
    return { ...this.dial.near, colors: this.picks.colors };
  }

  #picked() {
    if (this.picks.colors.length) this.dial.rest();
    else this.dial.repaint();
    this.#turn();
  }

  #turn() {
    this.#browse({});
    this.feed.turn(this.#near);
    this.release();
  }

  get trash() {
    return Boolean(this.listing?.asked.trash);
  }

  more() {
    (this.listing ?? this.feed).more();
  }

  drop(id) {
    this.held.delete(id);
    this.feed.drop(id);
    this.listing?.drop(id);
    // The source no longer shown tells nobody.
    if (this.grid.image(id)) this.grid.drop(id);
    this.shown();
  }

  put(image) {
    (this.listing ?? this.feed).put(image);
  }

  /** A picture that came back: the live feed itself knows whether it belongs here, and may have told it already. */
  putBack(image) {
    if (this.trash) this.listing.drop(image.id);
    else if (this.listing) this.listing.put(image);
    if (!this.feed.link.open) this.feed.put(image);
  }

  release() {
    for (const image of this.held.values()) this.grid.insert(image);
    this.held.clear();
    this.#tellHeld();
  }

  // What is looked at

  #wire() {
    let timer = 0;
    $("search").addEventListener("submit", (event) => event.preventDefault());
    $("search-words").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#browse({ ...this.#asked(), q: $("search-words").value.trim(), trash: "" }), 250);
    });
    $("filter").addEventListener("change", () => this.#browse({ ...this.#asked(), status: $("filter").value, trash: "" }));
    $("open-trash").addEventListener("click", () => {
      $("account-menu").hidePopover();
      this.#browse({ trash: "1" });
    });
    $("heading-close").addEventListener("click", () => this.#browse({}));
    onAddress(() => this.#fromAddress());
  }

  #asked() {
    return { q: wish("q") ?? "", status: wish("status") ?? "", trash: wish("trash") ?? "" };
  }

  #browse({ q = "", status = "", trash = "" }) {
    const now = this.#asked();
    if (now.q === q && now.status === status && now.trash === trash) return;
    write({ q, status, trash });
    this.#open({ q, status, trash });
  }

  #fromAddress() {
    const asked = this.#asked();
    const shown = this.listing?.asked ?? { q: "", status: "", trash: "" };
    if (Object.keys(asked).some((key) => asked[key] !== shown[key])) this.#open(asked);
  }

  #open(asked) {
    const { q, status, trash } = asked;
    this.listing?.close();
    this.held.clear();
    this.frames.clear();
    if (document.activeElement !== $("search-words")) $("search-words").value = q;
    $("filter").value = status;
    document.documentElement.dataset.view = trash ? "trash" : q || status ? "list" : "feed";
    for (const id of ["links", "archive", "delete"]) $(`selection-${id}`).hidden = Boolean(trash);
    $("selection-restore").hidden = !trash;
    if (q || status || trash) {
      this.#head(asked);
      this.listing = new Listing(asked, this.#unless(() => this.listing?.asked !== asked, this.listView));
      this.listing.view = this.listView;
    } else {
      this.listing = null;
      $("heading").hidden = true;
      this.listView.show(this.feed.list);
    }
  }

  #head({ q, status, trash }) {
    const what = status ? `Pictures ${STATUS_WORDS[status] ?? status}` : "Pictures";
    $("heading-text").textContent = trash ? "Trash: deleted pictures, until they go for good" : q ? `${what} named “${q}”` : what;
    $("heading").hidden = false;
  }

  // What a source tells

  #view() {
    return {
      show: (images) => {
        this.held.clear();
        this.frames.clear();
        this.problem = null;
        this.grid.show(this.#worth(images));
        if (scrollY > this.#top()) scrollTo({ top: this.#top() });
        this.shown();
      },
      append: (images) => {
        this.grid.append(this.#worth(images));
        this.shown();
      },
      insert: (image) => {
        for (const one of this.#worth([image])) {
          if (scrollY > this.#top() + TOP) this.held.set(one.id, one);
          else this.grid.insert(one);
        }
        this.shown();
      },
      remove: (id) => {
        this.held.delete(id);
        this.grid.drop(id);
        this.shown();
      },
      busy: (on) => $("grid").setAttribute("aria-busy", String(on)),
      failed: (problem) => {
        this.problem = problem;
        if (this.listing) this.grid.show([]);
        this.shown();
      },
    };
  }

  /** The same view, deaf while `hidden()`: the feed stays true behind a list. */
  #unless(hidden, view) {
    return Object.fromEntries(Object.entries(view).map(([name, tell]) => [name, (...news) => hidden() || tell(...news)]));
  }

  /** Without second copies of a picture, and of a canvas only the latest frame. */
  #worth(images) {
    this.histogram.add(images);
    if (this.listing) return images;
    return images.filter((image) => !image.duplicate_of && this.#isLatestFrame(image));
  }

  #isLatestFrame(image) {
    const percent = Number(FRAME.exec(image.name)?.[1] ?? -1);
    if (percent < 0) return true;
    const shown = this.frames.get(image.job_id);
    if (shown && shown.percent > percent) return false;
    if (shown && shown.id !== image.id && this.grid.image(shown.id)) this.grid.drop(shown.id);
    this.frames.set(image.job_id, { id: image.id, percent });
    return true;
  }

  shown() {
    this.#tellHeld();
    const source = this.listing ?? this.feed;
    const none = !this.grid.size && !this.held.size && (source.shown || this.problem);
    $("empty").hidden = !none;
    $("feed-end").hidden = none || !source.end || this.grid.size < 12;
    $("feed-end").textContent = `That is all: ${plural(this.grid.size, "picture")}.`;
    if (none) this.#tellEmpty();
  }

  #tellEmpty() {
    const [title, text, button, act] = this.#emptyWords();
    $("empty-title").textContent = title;
    $("empty-text").textContent = text;
    $("empty-button").hidden = !button;
    $("empty-button").textContent = button;
    $("empty-button").onclick = act;
  }

  #emptyWords() {
    const { hue, tolerance } = this.dial.near;
    const all = ["Show all pictures", () => this.#browse({})];
    if (this.problem) return ["The pictures could not be listed", this.problem.message, ...all];
    if (this.trash) return ["The trash is empty", "Deleted pictures stay here for a while.", ...all];
    if (this.listing) return ["Nothing found", "No picture's name has words that begin so, or none stands so.", ...all];
    if (this.picks.colors.length) {
      const text = "None of your pictures has all of the chosen colours. Take one out, or look at everything.";
      return ["Nothing in these colours", text, "Show all colours", () => this.picks.clear()];
    }
    if (hue === null && "unsignedPictures" in document.body.dataset) return this.#unsignedWords();
    if (hue === null) {
      const text = "Drop images or whole folders anywhere on this page. They appear here the moment they are done, and the slider finds them by colour.";
      return ["No pictures yet", text, "Choose images", this.pick];
    }
    const text = `None of your pictures has a colour within ${tolerance}° of ${hue}°. Turn the slider, allow more tolerance, or look at everything.`;
    return [`Nothing near ${hueName(hue)}`, text, "Show all colours", () => this.dial.showAll()];
  }

  #unsignedWords() {
    const title = "None of these pictures are yours yet";
    const text = "Those that were uploaded without signing in belong to nobody's account: sign out to see them.";
    if (document.body.dataset.unsignedPictures === "adopt") {
      return [title, `${text} As an administrator you can take them over.`, "Take them over", this.adopt];
    }
    return [title, `${text} Drop images anywhere to add your own.`, "Choose images", this.pick];
  }

  #tellHeld() {
    $("held").hidden = !this.held.size;
    $("held").textContent = `↑ ${this.held.size} new`;
    $("held").setAttribute("aria-label", `Show ${plural(this.held.size, "new picture")}`);
  }

  #top() {
    return $("pictures").offsetTop;
  }
}

/** One picture by its id, also one that is not on the wall; null where there is none. */
export async function imageById(wall, id) {
  return wall.grid.image(id) ?? (await request(`/api/images/${id}`).catch(() => null));
}
