/** Puts the page together. */

import { insist, request } from "./shared/api.js";
import { follow, mountExtras } from "./panels/panels.js";
import { Feed } from "./wall/feed.js";
import { gather, inPieces, isPicture } from "./sending/gather.js";
import { Grid } from "./wall/grid.js";
import { HueDial, hueName } from "./wall/hue.js";
import { JobFollower } from "./sending/jobs.js";
import { Progress } from "./sending/progress.js";
import { Link } from "./shared/socket.js";
import { Toasts } from "./shared/toast.js";
import { UploadQueue } from "./sending/uploads.js";
import { Viewer } from "./wall/viewer.js";
import { plural } from "./shared/words.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 2500;
const TOP = 260; // pixels: within these a reader counts as being at the top

const toasts = new Toasts($("toasts"));
const announce = (text) => {
  $("announcer").textContent = text;
};

// Uploads

const queue = new UploadQueue({
  changed: () => progress.soon(),
  accepted: (job, items) => jobs.track(job, items),
});

const jobs = new JobFollower({
  ended: (item, { status, error, thumbnail }) => {
    const done = status === "completed";
    const reason = done ? "" : error?.detail || (status === "aborted" ? "It was cancelled." : "It could not be read.");
    Object.assign(item, { state: done ? "done" : "failed", reason, thumbnail: thumbnail ?? null });
    progress.soon();
  },
});

const progress = new Progress({ items: () => queue.items, retry: retryFailed, clear: () => queue.clear(), announce });

/** What the server holds it tries again; what never got there is sent again. */
async function retryFailed(failed) {
  const held = Map.groupBy(failed.filter((item) => item.image), (item) => item.job);
  queue.again(failed.filter((item) => !item.image));
  for (const [job, items] of held) {
    for (const item of items) Object.assign(item, { state: "processing", reason: "" });
    progress.soon();
    try {
      await jobs.retry(job, items);
    } catch (problem) {
      for (const item of items) Object.assign(item, { state: "failed", reason: problem.message });
      progress.soon();
    }
  }
}

function takePicked(input) {
  const files = Array.from(input.files);
  const good = input.webkitdirectory ? files.filter(isPicture) : files;
  tellSkipped(files.length - good.length);
  inPieces(good, takeFiles);
  input.value = "";
}

function tellSkipped(count) {
  if (count) toasts.show(`${plural(count, "file")} in the folder left out: not images.`);
}

for (const kind of ["file", "folder"]) {
  $(kind === "file" ? "pick-files" : "pick-folder").addEventListener("click", () => $(`${kind}-input`).click());
  $(`${kind}-input`).addEventListener("change", (event) => takePicked(event.target));
}

/** Pictures go to the queue, a list of their addresses to its own panel. */
function takeFiles(files) {
  const lists = files.filter((file) => /\.csv$/i.test(file.name));
  const pictures = files.filter((file) => !lists.includes(file));
  if (pictures.length) queue.add(pictures);
  if (lists.length) openExtra("csv").then((panel) => panel.take(lists[0]));
}

let hovering = 0;
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
const veil = (on) => {
  $("veil").hidden = !on;
  hovering = on ? hovering : 0;
};
addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  hovering += 1;
  veil(true);
});
addEventListener("dragleave", (event) => {
  if (!hasFiles(event)) return;
  hovering -= 1;
  if (hovering <= 0) veil(false);
});
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  veil(false);
  tellSkipped(await gather(event.dataTransfer, takeFiles));
});
addEventListener("paste", (event) => {
  const images = Array.from(event.clipboardData.files).filter((file) => file.type.startsWith("image/"));
  if (images.length) queue.add(images);
});
addEventListener("beforeunload", (event) => queue.unsent && event.preventDefault());

// The wall of pictures

const dial = new HueDial((near) => {
  feed.turn(near);
  release();
});

/** Arrivals while the reader is further down: they wait until asked for, so that nothing jumps. */
const held = new Map();

const grid = new Grid($("grid"), {
  open: (id) => viewer.open(id),
  remove,
  more: () => feed.more(),
});

const viewer = new Viewer(grid, { remove, turnTo: (hue) => dial.turnTo(hue) });

const feed = new Feed(dial.near, {
  show(images) {
    held.clear();
    grid.show(images);
    if (scrollY > wallTop()) scrollTo({ top: wallTop() });
    shown();
  },
  append(images) {
    grid.append(images);
    shown();
  },
  insert(image) {
    if (scrollY > wallTop() + TOP) held.set(image.id, image);
    else grid.insert(image);
    shown();
  },
  remove(id) {
    held.delete(id);
    grid.drop(id);
    shown();
  },
  busy(on) {
    $("grid").setAttribute("aria-busy", String(on));
  },
  linked: tellLink,
});

function wallTop() {
  return $("pictures").offsetTop - 70;
}

function release() {
  for (const image of held.values()) grid.insert(image);
  held.clear();
  tellHeld();
}

function tellHeld() {
  $("held").hidden = !held.size;
  $("held").textContent = `↑ ${held.size} new`;
  $("held").setAttribute("aria-label", `Show ${plural(held.size, "new picture")}`);
}

$("held").addEventListener("click", () => {
  scrollTo({ top: wallTop() });
  release();
});
addEventListener("scroll", () => held.size && scrollY < wallTop() + TOP && release(), { passive: true });

function shown() {
  tellHeld();
  const none = !grid.size && !held.size && feed.shown;
  $("empty").hidden = !none;
  $("feed-end").hidden = none || !feed.end || grid.size < 12;
  $("feed-end").textContent = `That is all: ${plural(grid.size, "picture")}.`;
  if (none) tellEmpty();
}

function tellEmpty() {
  const { hue, tolerance } = dial.near;
  const all = hue === null;
  $("empty-title").textContent = all ? "No pictures yet" : `Nothing near ${hueName(hue)}`;
  $("empty-text").textContent = all
    ? "Drop some images anywhere on this page. They appear here the moment they are done, and the slider finds them by colour."
    : `None of your pictures has a colour within ${tolerance}° of ${hue}°. Turn the slider, allow more tolerance, or look at everything.`;
  $("empty-button").hidden = false;
  $("empty-button").textContent = all ? "Choose images" : "Show all colours";
  $("empty-button").onclick = all ? () => $("file-input").click() : () => dial.showAll();
}

// Deleting, with a way back

const removed = [];

async function remove(id) {
  const image = grid.image(id);
  if (!image) return;
  feed.drop(id);
  removed.push(image);
  const gone = insist(`/api/images/${id}`, { method: "DELETE" }).catch((problem) => {
    if (problem.status === 404) return;
    feed.put(image);
    toasts.show(`${image.name} could not be deleted: ${problem.message}`);
  });
  toasts.show(`Deleted ${image.name}`, { label: "Undo", action: () => undo(image, gone) });
}

async function undo(image, gone) {
  const at = removed.indexOf(image);
  if (at >= 0) removed.splice(at, 1);
  await gone;
  try {
    const back = await insist(`/api/images/${image.id}/restore`, { method: "POST" });
    // Where the hue was turned meanwhile, the feed itself knows whether it belongs here.
    if (!feed.link.open) feed.put(back);
  } catch (problem) {
    toasts.show(`${image.name} could not be brought back: ${problem.message}`);
  }
}

addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input:not([type=range]), textarea");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing && removed.length) {
    event.preventDefault();
    undo(removed.at(-1));
  }
});

// The sign: live, polling, offline

const uploads = new Link(() => "/ws/upload/", {
  opened: () => {
    tellLink();
    jobs.catchUp({ all: true }).catch(() => {});
  },
  closed: tellLink,
  heard: (frame) => jobs.hear(frame),
});

const SIGNS = {
  live: ["Live", "Everything appears the moment it is done."],
  polling: ["Polling", "No live connection; the page asks every few seconds."],
  offline: ["Offline", "The server can't be reached. The page goes on by itself when it is back."],
  connecting: ["Connecting", ""],
};

function sign(state) {
  const link = $("link");
  if (link.dataset.state === state) return;
  link.dataset.state = state;
  link.querySelector(".link-text").textContent = SIGNS[state][0];
  link.title = SIGNS[state][1];
}

/** The functions above may run while this module is still being put together. */
function tellLink() {
  queueMicrotask(() => {
    if (uploads.open && feed.link.open) sign("live");
  });
}

setInterval(async () => {
  const live = uploads.open && feed.link.open;
  try {
    if (!feed.link.open) await feed.poll();
    else if (!live) await request("/healthz/live");
    await jobs.catchUp({ all: !uploads.open });
    if (!(uploads.open && feed.link.open)) sign("polling");
  } catch {
    if (!(uploads.open && feed.link.open)) sign("offline");
  }
}, POLL_MS);

const openExtra = mountExtras($("extras"), { request, insist, follow, announce, toast: (text) => toasts.show(text) });
