/** The account: its plan and how much of it is used, its keys, the receivers of its webhooks. */

import { copyButton } from "../shared/copy.js";
import { element } from "../shared/element.js";
import { bytes, number } from "../shared/words.js";

const EVENTS = ["job.finished", "image.failed"];

export function mount(section, api) {
  return new Account(section, api);
}

function part(title, ...children) {
  return element("section", { className: "part" }, element("h3", { textContent: title }), ...children);
}

function date(text) {
  return text ? new Date(text).toLocaleDateString(undefined, { dateStyle: "medium" }) : "never";
}

class Account {
  constructor(section, api) {
    this.api = api;
    this.plan = element("div");
    this.keys = element("div");
    this.hooks = element("div");
    section.append(part("Plan", this.plan), part("Keys for programs", this.keys), part("Webhooks", this.hooks));
  }

  opened() {
    this.#fill(this.plan, () => this.#showPlan());
    this.#fill(this.keys, () => this.#showKeys());
    this.#fill(this.hooks, () => this.#showHooks());
  }

  /** Whatever fails in one part ends in a sentence there, with a way to try again. */
  async #fill(place, work) {
    try {
      place.replaceChildren(...(await work()));
    } catch (problem) {
      const again = element("button", { type: "button", className: "small", textContent: "Try again" });
      again.addEventListener("click", () => this.#fill(place, work));
      place.replaceChildren(element("p", { className: "refusal", textContent: problem.message }), again);
    }
  }

  async #showPlan() {
    const { plan, usage } = await this.api.request("/api/me");
    const limit = plan.storage_quota_bytes;
    const bar = element("progress", { max: limit, value: usage.bytes });
    bar.setAttribute("aria-label", "Storage used");
    const lines = [
      `${plan.name}: ${bytes(usage.bytes)} of ${bytes(limit)} used`,
      `Up to ${bytes(plan.max_file_bytes)} a file, ${number(plan.max_files)} files a request, ${number(plan.requests_per_minute)} requests a minute`,
      plan.keeps_original ? "Originals are kept" : "Originals are not kept",
    ];
    return [bar, ...lines.map((textContent) => element("p", { textContent }))];
  }

  async #showKeys() {
    const { results } = await this.api.request("/api/tokens");
    const rows = results.map((key) => this.#key(key));
    return [rows.length ? element("ul", { className: "rows" }, ...rows) : element("p", { className: "quiet", textContent: "None." }), this.#keyForm()];
  }

  #key({ id, created_at: made, expires_at: end, current, token_key: start }) {
    const stop = element("button", { type: "button", className: "small", textContent: "End" });
    stop.addEventListener("click", async () => {
      await this.#try(() => this.api.request(`/api/tokens/${id}`, { method: "DELETE" }));
      this.#fill(this.keys, () => this.#showKeys());
    });
    const words = `${start ? `${start}… ` : ""}made ${date(made)}, until ${date(end)}${current ? ", this one" : ""}`;
    return element("li", {}, element("span", { textContent: words }), stop);
  }

  #keyForm() {
    const password = element("input", { type: "password", autocomplete: "current-password", required: true });
    const name = element("input", { type: "text", autocomplete: "username", required: true });
    const said = element("p");
    said.setAttribute("role", "status");
    const form = element(
      "form", { className: "fields" }, element("label", {}, "Name ", name), element("label", {}, "Password ", password),
      element("button", { type: "submit", textContent: "Make a key" }), said,
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const json = { username: name.value, password: password.value };
      const made = await this.#try(() => this.api.request("/api/tokens", { method: "POST", json }), said);
      if (!made) return;
      password.value = "";
      said.replaceChildren("Shown this once: ", element("code", { textContent: made.token }), " ", copyButton("Copy", () => made.token));
    });
    return form;
  }

  async #showHooks() {
    const { results } = await this.api.request("/api/webhooks");
    const rows = results.map((hook) => this.#hook(hook));
    return [rows.length ? element("ul", { className: "rows" }, ...rows) : element("p", { className: "quiet", textContent: "None." }), this.#hookForm()];
  }

  #hook({ id, url, events, disabled_at: off }) {
    const words = `${url}: ${events.join(", ")}${off ? `; off since ${date(off)}` : ""}`;
    const act = (label, path, method) => {
      const button = element("button", { type: "button", className: "small", textContent: label });
      button.addEventListener("click", async () => {
        await this.#try(() => this.api.request(`/api/webhooks/${id}${path}`, { method }));
        if (method === "DELETE") this.#fill(this.hooks, () => this.#showHooks());
        else this.api.toast("A test message is on its way.");
      });
      return button;
    };
    return element("li", {}, element("span", { textContent: words }), act("Test", "/test", "POST"), act("Remove", "", "DELETE"));
  }

  #hookForm() {
    const url = element("input", { type: "url", required: true, placeholder: "https://" });
    const said = element("p");
    said.setAttribute("role", "status");
    const form = element("form", { className: "fields" }, element("label", {}, "Address ", url), element("button", { type: "submit", textContent: "Add" }), said);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const json = { url: url.value, events: EVENTS };
      const made = await this.#try(() => this.api.request("/api/webhooks", { method: "POST", json }), said);
      if (!made) return;
      await this.#fill(this.hooks, () => this.#showHooks());
      const secret = element("p", {}, "Its secret, shown this once: ", element("code", { textContent: made.secret }), " ", copyButton("Copy", () => made.secret));
      this.hooks.append(secret);
    });
    return form;
  }

  /** The answer, or null after its refusal was said. */
  async #try(work, place = null) {
    try {
      return (await work()) ?? true;
    } catch (problem) {
      if (place) place.textContent = problem.message;
      else this.api.toast(problem.message);
      return null;
    }
  }
}
