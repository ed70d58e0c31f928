/** A WebSocket that comes back by itself. */

import { at, delay } from "./api.js";

const NO_CREDENTIALS = 4401;
const STANDBY_SECONDS = 30;
// A silent network takes minutes to be noticed; an opening that takes longer than this is given up.
const OPENING_SECONDS = 10;

export class Link {
  /**
   * `path()` names the socket anew for each connection; `heard(frame)` takes every frame, `opened()` and
   * `closed()` every change.
   */
  constructor(path, { heard, opened = () => {}, closed = () => {} }) {
    Object.assign(this, { path, heard, opened, closed, attempt: 0, open: false, ended: false, socket: null, timer: 0 });
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    addEventListener("pagehide", () => this.socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.hurry());
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    const url = new URL(at(this.path()), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.socket = socket;
    this.timer = setTimeout(() => socket.close(), OPENING_SECONDS * 1000);
    socket.onopen = () => {
      clearTimeout(this.timer);
      this.open = true;
      this.opened();
    };
    socket.onmessage = (event) => {
      this.attempt = 0;
      this.heard(JSON.parse(event.data));
    };
    socket.onclose = (event) => this.#lost(socket, event.code);
  }

  #lost(socket, code) {
    if (socket !== this.socket) return;
    clearTimeout(this.timer);
    this.socket = null;
    this.open = false;
    this.closed();
    if (code === NO_CREDENTIALS) location.reload();
    this.timer = setTimeout(() => this.connect(), delay(this.attempt) * 1000);
    this.attempt += 1;
  }

  /** Connects at once where it was waiting to. */
  hurry() {
    if (!this.socket && !this.ended) this.connect();
  }

  /** Closes it for good. */
  end() {
    this.ended = true;
    this.open = false;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }

  say(frame) {
    if (!this.open) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }
}

/** Server-Sent Events in place of sockets that do not open: each message says that there is something to fetch. */
export class Standby {
  constructor(path, { rang, changed = () => {} }) {
    Object.assign(this, { path, rang, changed, source: null });
  }

  get open() {
    return this.source?.readyState === EventSource.OPEN;
  }

  /** On while it is needed; where it can't be opened either, it is tried again after a while. */
  need(needed) {
    if (needed === Boolean(this.source)) return;
    this.source?.close();
    this.source = needed ? new EventSource(this.path) : null;
    if (!needed) return;
    const source = this.source;
    source.onopen = () => this.changed();
    source.onmessage = () => this.rang();
    source.onerror = () => {
      this.changed();
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(() => {
        if (source === this.source) this.source = null;
      }, STANDBY_SECONDS * 1000);
    };
  }
}
