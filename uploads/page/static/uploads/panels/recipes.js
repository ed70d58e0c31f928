/** What is made of each picture: the plan's recipes and one's own, which can be made, applied and removed here. */

import { element } from "../shared/element.js";

const FITS = ["inside", "outside", "cover", "contain", "fill"];
const FORMATS = ["auto", "jpeg", "webp", "avif", "png"];

export function mount(section, api) {
  return new Recipes(section, api);
}

class Recipes {
  constructor(section, api) {
    this.api = api;
    this.list = element("ul", { className: "rows" });
    this.note = element("p");
    this.note.setAttribute("role", "status");
    section.append(element("p", { className: "quiet", textContent: "Every upload gets these; applied, older pictures get them too." }), this.list, this.#form(), this.note);
  }

  opened() {
    this.#load();
  }

  async #load() {
    try {
      const { results } = await this.api.request("/api/recipes");
      this.list.replaceChildren(...results.map((recipe) => this.#row(recipe)));
    } catch (problem) {
      this.note.textContent = `The recipes could not be listed: ${problem.message}`;
    }
  }

  #row(recipe) {
    const { name, origin } = recipe;
    const row = element("li", {}, element("span", {}, element("b", { textContent: name }), ` ${words(recipe)}`));
    row.append(this.#button("Apply", () => this.#apply(name)));
    if (origin === "own") row.append(this.#button("Remove", () => this.#send("DELETE", name)));
    return row;
  }

  #button(textContent, act) {
    const button = element("button", { type: "button", className: "small", textContent });
    button.addEventListener("click", act);
    return button;
  }

  #form() {
    const name = element("input", { required: true, pattern: "[a-z0-9\\-]{1,40}", title: "a-z, 0-9 and -, at most 40", placeholder: "square-600" });
    const width = element("input", { type: "number", min: 1, max: 8192 });
    const height = element("input", { type: "number", min: 1, max: 8192 });
    const fit = element("select", {}, ...FITS.map((textContent) => element("option", { textContent })));
    const format = element("select", {}, ...FORMATS.map((textContent) => element("option", { textContent })));
    const fields = [["Name ", name], ["Width, px ", width], ["Height, px ", height], ["Fit ", fit], ["Format ", format]];
    const form = element("form", { className: "fields" }, ...fields.map(([label, field]) => element("label", {}, label, field)),
      element("button", { type: "submit", textContent: "Make this recipe" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const size = (field) => (field.value ? Number(field.value) : null);
      this.#send("PUT", name.value, { width: size(width), height: size(height), fit: fit.value, formats: [format.value] });
    });
    return form;
  }

  async #send(method, name, json) {
    try {
      await this.api.request(`/api/recipes/${encodeURIComponent(name)}`, { method, json });
      this.note.textContent = method === "PUT" ? `${name} is made of every new picture from now on.` : `${name} is gone.`;
    } catch (problem) {
      this.note.textContent = problem.body?.errors?.[0]?.detail ?? problem.message;
    }
    this.#load();
  }

  async #apply(name) {
    try {
      const job = await this.api.request(`/api/recipes/${encodeURIComponent(name)}/apply`, { method: "POST" });
      this.note.textContent = job.total ? `${name} is being made of ${job.total} pictures: see Jobs.` : `Every picture has ${name} already.`;
    } catch (problem) {
      this.note.textContent = problem.message;
    }
  }
}

function words({ width, height, fit, formats }) {
  const size = width || height ? `${width ?? "any"} × ${height ?? "any"} px, ${fit}` : "full size";
  return `${size}, ${formats.join(" and ")}`;
}
