/** The sign at the head of the page: live, streaming, polling, offline. */

const SIGNS = {
  live: ["Live", "Everything appears the moment it is done."],
  streaming: ["Streaming", "No socket; a stream of events says when there is something new."],
  polling: ["Polling", "No live connection; the page asks every few seconds."],
  offline: ["Offline", "The server can't be reached. The page goes on by itself when it is back."],
  connecting: ["Connecting", ""],
};

export function sign(state) {
  const link = document.getElementById("link");
  if (link.dataset.state === state) return;
  link.dataset.state = state;
  link.querySelector(".link-text").textContent = SIGNS[state][0];
  link.title = SIGNS[state][1];
}
