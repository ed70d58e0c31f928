/** What the page shows lives in its address, after the `#`: `hue`, `tolerance`, `colors`, `q`, `status`, `trash`, `image`. */

const read = () => new URLSearchParams(location.hash.slice(1));

/** The value of one of them, or null. */
export function wish(name) {
  return read().get(name);
}

/** Sets some of them, null or "" taking one out; with `push` the browser's Back comes here again. */
export function write(values, { push = false } = {}) {
  const all = read();
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === "") all.delete(name);
    else all.set(name, value);
  }
  const text = all.toString();
  const address = text ? `#${text}` : location.pathname + location.search;
  if (address === (location.hash || location.pathname + location.search)) return;
  history[push ? "pushState" : "replaceState"]({ pushed: push }, "", address);
}

/** Calls `changed()` when the address was changed by hand or by Back and Forward. */
export function onAddress(changed) {
  addEventListener("popstate", changed);
}
