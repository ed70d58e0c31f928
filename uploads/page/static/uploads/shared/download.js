/** Downloads that are asked for by a form: the browser writes them to the disk as they arrive. */

import { at, csrf } from "./api.js";
import { element } from "./element.js";

/**
 * Posts `fields` (name to text, or to a list of texts) to `path`, whose answer is a file. `refused()` is told where it
 * is none: then the frame, which nobody sees, has a document.
 */
export function download(path, fields, refused) {
  const name = `download-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const frame = element("iframe", { name, hidden: true });
  const form = element("form", { action: at(path), method: "post", target: name, hidden: true });
  const sent = { ...fields, csrfmiddlewaretoken: csrf()["X-CSRFToken"] ?? "" };
  for (const [key, value] of Object.entries(sent)) {
    form.append(...[value].flat().map((text) => element("input", { type: "hidden", name: key, value: text })));
  }
  document.body.append(frame, form);
  frame.addEventListener("load", () => {
    if (isBlank(frame)) return; // as it was made
    frame.remove();
    refused();
  });
  form.submit();
  form.remove();
}

function isBlank(frame) {
  try {
    return frame.contentWindow.location.href === "about:blank";
  } catch {
    return false; // the browser's own page for what can't be reached
  }
}
