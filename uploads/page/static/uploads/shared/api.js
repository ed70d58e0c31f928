/** Requests to the HTTP interface, with its errors as values that say whether trying again can help. */

// This module lies at PREFIX/static/uploads/shared/: the service may be reached below a path such as /img.
const PREFIX = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");

/** A path of the service, such as `/api/list`, as it is reached from here; what an answer named is that already. */
export function at(path) {
  return path.startsWith("/") && !path.startsWith(`${PREFIX}/`) ? PREFIX + path : path;
}

/** What the server refused (RFC 9457), or `status` 0 where it did not answer at all. */
export class Problem extends Error {
  constructor(status, body = {}, retryAfter = 0) {
    super(body.detail || (status ? `The server answered ${status}.` : "The server can't be reached."));
    this.status = status;
    this.code = body.code || (status ? "http_error" : "unreachable");
    this.body = body;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 ||
      (this.status >= 500 && this.status !== 507) || this.code === "idempotency_key_in_use";
  }
}

export function problemOf(status, text, retryAfter) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy's own error page says nothing more than its status.
  }
  return new Problem(status, body, Number(retryAfter) || 0);
}

/** Headers for a request that changes something: the cookie's CSRF token. */
export function csrf() {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  return token ? { "X-CSRFToken": token[1] } : {};
}

/** 128 random bits; `crypto.randomUUID` is missing on pages that come over plain HTTP from another machine. */
export function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends JSON or a form, gives JSON (null for 204). Raises Problem. A lost session leads to the sign-in form. */
export async function request(path, options) {
  return (await ask(path, options)).body;
}

/** A list whose answer names its next page in the `Link` header (RFC 8288): `{items, next}`, next a path or null. */
export async function requestPage(path) {
  const { body, headers } = await ask(path);
  const next = /<([^>]*)>;\s*rel="?next"?/.exec(headers.get("Link") ?? "");
  return { items: body, next: next ? next[1] : null };
}

async function ask(path, { method = "GET", json, body, headers = {}, seconds = 20 } = {}) {
  const sent = { ...headers, ...(method === "GET" ? {} : csrf()) };
  if (json !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(at(path), {
      method,
      headers: sent,
      body: json === undefined ? body : JSON.stringify(json),
      signal: AbortSignal.timeout(seconds * 1000),
    });
    if (response.ok) {
      return { body: response.status === 204 ? null : await response.json(), headers: response.headers };
    }
  } catch {
    throw new Problem(0);
  }
  const problem = problemOf(response.status, await response.text().catch(() => ""), response.headers.get("Retry-After"));
  if (problem.status === 401) location.reload();
  throw problem;
}

/** Like `request`, and again with growing pauses while trying again can help. */
export async function insist(path, options, tries = 6) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await request(path, options);
    } catch (problem) {
      if (!problem.passing || attempt + 1 >= tries) throw problem;
      await pause(delay(attempt, problem.retryAfter));
    }
  }
}

/** Seconds before the next attempt: doubling up to 8, with jitter, never less than the server asked for. */
export function delay(attempt, retryAfter = 0) {
  return Math.max(retryAfter, Math.min(8, 0.5 * 2 ** attempt) * (0.75 + Math.random() / 2));
}

/** Waits; the browser's coming online ends it early. */
export function pause(seconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    addEventListener("online", done);
  });
}
