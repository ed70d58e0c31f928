/** Everything of a picture that can be copied elsewhere: addresses, markup, colours, a link that expires. */

import { insist } from "../shared/api.js";
import { copy, copyButton } from "../shared/copy.js";
import { element } from "../shared/element.js";
import { bytes } from "../shared/words.js";

const TIMES = [[300, "5 minutes"], [3600, "1 hour"], [14_400, "4 hours"], [30_000, "8 hours"]];
const absolute = (url) => new URL(url, location.href).href;
const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** The parts of the side panel below the facts. */
export function share(image) {
  return [colors(image), renditions(image), markup(image), expiringLink(image)].filter(Boolean);
}

function part(title, ...children) {
  return element("section", {}, element("h3", { textContent: title }), ...children);
}

function colors({ colors: found }) {
  if (!found.length) return null;
  return part("Colours", element("div", { className: "row" }, ...found.map(({ hex }) => copyButton(hex, () => hex))));
}

function renditions({ name, renditions: made }) {
  if (!made.length) return null;
  const rows = made.map((one) => {
    const link = element("a", { href: one.url, target: "_blank", rel: "noopener", textContent: one.name });
    const facts = element("span", { className: "quiet", textContent: ` ${one.width} × ${one.height}, ${bytes(one.size)}` });
    const buttons = [
      copyButton("Link", () => absolute(one.url)),
      copyButton("Markdown", () => `![${name.replace(/[[\]]/g, "")}](${absolute(one.url)})`),
      copyButton("<img>", () => imgTag(one, name)),
    ];
    return element("li", {}, element("p", {}, link, facts), element("div", { className: "row" }, ...buttons));
  });
  return part("Sizes", element("ul", {}, ...rows));
}

function markup({ picture, name }) {
  if (!picture?.img) return null;
  return part("For a web page", element("div", { className: "row" }, copyButton("<picture>", () => pictureTag(picture, name))));
}

function imgTag({ url, width, height }, name) {
  return `<img src="${escaped(absolute(url))}" width="${width}" height="${height}" alt="${escaped(name)}" loading="lazy">`;
}

/** The whole element, with every format and width there is. */
function pictureTag({ sources, img }, name) {
  const whole = (srcset) => srcset.split(", ").map((one) => one.replace(/^\S+/, absolute)).join(", ");
  const lines = sources.map(({ type, srcset }) => `  <source type="${type}" srcset="${escaped(whole(srcset))}">`);
  const { src: url, width, height } = img;
  return ["<picture>", ...lines, `  ${imgTag({ url, width, height }, name)}`, "</picture>"].join("\n");
}

function expiringLink({ id, original_url: original }) {
  if (!original) return null;
  const time = element("select", {}, ...TIMES.map(([value, textContent]) => element("option", { value, textContent })));
  time.setAttribute("aria-label", "How long the link works");
  const make = element("button", { type: "button", className: "small", textContent: "Copy a link to the original" });
  const said = element("p", { className: "quiet" });
  said.setAttribute("role", "status");
  make.addEventListener("click", async () => {
    make.disabled = true;
    try {
      const json = { expire_time: Number(time.value) };
      const { url, expires_at: end } = await insist(`/api/images/${id}/links`, { method: "POST", json });
      const done = await copy(absolute(url), said.parentElement);
      said.replaceChildren(
        `${done ? "Copied. It" : "It"} works until ${new Date(end).toLocaleTimeString(undefined, { timeStyle: "short" })}: `,
        element("a", { href: url, textContent: "open" }),
      );
    } catch (problem) {
      said.textContent = problem.message;
    }
    make.disabled = false;
  });
  return part("A link that expires", element("div", { className: "row" }, time, make), said);
}
