/** Text into the clipboard, also on pages that come over plain HTTP, where `navigator.clipboard` is missing. */

import { element } from "./element.js";

/** Resolves to whether it worked. `near` is in the document, inside the dialog that is open if one is. */
export async function copy(text, near = document.body) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", { value: text, className: "unseen" });
    near.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** A button that copies what `text()` gives and says that it did. */
export function copyButton(label, text) {
  const button = element("button", { type: "button", className: "small", textContent: label });
  button.addEventListener("click", async () => {
    const done = await copy(text(), button.parentElement);
    button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}
