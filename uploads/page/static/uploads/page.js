/** Puts the page together. */

import { insist, request } from "./shared/api.js";
import { sign } from "./shared/sign.js";
import { Link, Standby } from "./shared/socket.js";
import { Toasts } from "./shared/toast.js";
import { plural } from "./shared/words.js";
import { follow, Panels } from "./panels/panels.js";
import { Adding } from "./sending/adding.js";
import { JobFollower } from "./sending/jobs.js";
import { Progress } from "./sending/progress.js";
import { forget, remember, rememberUnsent, takeUp, unsentBefore } from "./sending/session.js";
import { UploadQueue } from "./sending/uploads.js";
import { Deletion } from "./wall/deletion.js";
import { Grid } from "./wall/grid.js";
import { Selection } from "./wall/selection.js";
import { Viewer } from "./wall/viewer.js";
import { Wall } from "./wall/wall.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 2500;

const toasts = new Toasts($("toasts"));
const tell = (text) => toasts.show(text);
const announce = (text) => {
  $("announcer").textContent = text;
};

// Uploads

const queue = new UploadQueue({
  changed: () => progress.soon(),
  accepted(job, items) {
    remember(job);
    jobs.track(job, items);
  },
});

const jobs = new JobFollower({
  ended(item, { status, error, thumbnail }) {
    const done = status === "completed";
    const reason = done ? "" : error?.detail || (status === "aborted" ? "It was cancelled." : "It could not be read.");
    Object.assign(item, { state: done ? "done" : "failed", reason, thumbnail: thumbnail ?? null });
    progress.soon();
  },
});

const progress = new Progress({
  items: () => queue.items,
  reading: () => adding.reading > 0,
  retry: retryFailed,
  clear() {
    queue.clear();
    forget();
  },
  announce,
});

const adding = new Adding({
  take: (files) => queue.add(files),
  takeList: (file) => panels.open("csv").then((panel) => panel?.take(file)),
  tell,
  changed: () => progress.soon(),
});

/** What the server holds it tries again; what never got there is sent again. */
async function retryFailed(failed) {
  const held = Map.groupBy(failed.filter((item) => item.image), (item) => item.job);
  queue.again(failed.filter((item) => !item.image && item.file));
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

addEventListener("beforeunload", (event) => (queue.unsent || adding.reading) && event.preventDefault());
addEventListener("pagehide", () => rememberUnsent(queue.items.filter((item) => item.file && !item.image && item.state !== "failed").length));

takeUp((job, known) => {
  const items = queue.adopt(known);
  jobs.track(job, items.filter((item) => item.state === "processing"));
  progress.soon();
});
const unsent = unsentBefore();
if (unsent) tell(`${plural(unsent, "file")} had not been sent when the page was left. Choose them again.`);

// The wall of pictures

const grid = new Grid($("grid"), {
  open: (id) => viewer.open(id),
  remove: (id) => (wall.trash ? deletion.restore([grid.image(id)]) : deletion.delete([grid.image(id)])),
  more: () => wall.more(),
});
const wall = new Wall(grid, { pick: () => adding.pick(), adopt, linked: tellLink });

/** The pictures that were uploaded before anybody signed in become the administrator's. */
async function adopt() {
  try {
    const { images } = await request("/api/images/adopt", { method: "POST", seconds: 120 });
    delete document.body.dataset.unsignedPictures;
    tell(`${plural(images, "picture")} taken over.`);
    wall.feed.turn(wall.feed.near);
  } catch (problem) {
    tell(`They could not be taken over: ${problem.message}`);
  }
}

const deletion = new Deletion(wall, toasts);
new Selection(grid, {
  remove: (images) => deletion.delete(images),
  restore: (images) => deletion.restore(images),
  tell,
});
const viewer = new Viewer(wall, {
  remove: (image) => deletion.delete([image]),
  turnTo: (hue) => wall.dial.turnTo(hue),
  pick: (color) => wall.picks.add(color),
  openJob: (job) => panels.open("jobs").then((panel) => panel?.show(job)),
});

const panels = new Panels($("drawer"), {
  request, insist,
  follow,
  announce,
  toast: tell,
  open: (id) => viewer.open(id),
  remove: (images, undone) => deletion.delete(images, undone),
});

// Live, polling, offline

const uploads = new Link(() => "/ws/upload/", {
  opened() {
    tellLink();
    jobs.catchUp({ all: true }).catch(() => {});
  },
  closed: tellLink,
  heard: (frame) => jobs.hear(frame),
});

const live = () => uploads.open && wall.feed.link.open;

/** It may be called while this module is still being put together. */
function tellLink() {
  queueMicrotask(() => live() && sign("live"));
}

// Where sockets do not open, a stream says when to fetch; without it the page fetches every few seconds.
const standby = new Standby("/api/events", { rang: () => fetchNews() });

async function fetchNews() {
  standby.need(!live());
  try {
    // Side by side: a feed that is refused (too many requests) must not keep the uploads from being followed.
    const feed = wall.feed.link.open ? live() || request("/healthz/live") : wall.feed.poll();
    const [asked, caughtUp] = await Promise.allSettled([feed, jobs.catchUp({ all: !uploads.open })]);
    if (asked.reason || caughtUp.reason) throw asked.reason ?? caughtUp.reason;
    if (!live()) sign(standby.open ? "streaming" : "polling");
  } catch {
    if (!live()) sign("offline");
  }
}

setInterval(fetchNews, POLL_MS);
