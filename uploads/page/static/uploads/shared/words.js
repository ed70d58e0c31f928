/** Numbers as people say them. */

export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  const units = ["kB", "MB", "GB", "TB"];
  const power = Math.min(units.length, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power - 1]}`;
}

export function number(count) {
  return count.toLocaleString("en");
}

export function plural(count, word) {
  return `${number(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** Seconds, roughly: nobody believes `1 min 43 s`. */
export function duration(seconds) {
  if (seconds < 8) return "a few seconds";
  if (seconds < 55) return `${Math.ceil(seconds / 5) * 5} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** A refusal in human units where its limit is one of bytes; else in the server's own words. */
export function refusalText({ code, detail, limit, actual, plan }) {
  if (code === "file_too_large" && limit) {
    return `It has ${bytes(actual)}; ${plan ? `the plan ${plan}` : "this service"} takes ${bytes(limit)} a file.`;
  }
  if (code === "quota_exceeded" && limit) return `No room: ${bytes(limit)} are all that the plan ${plan} stores.`;
  return detail || code || "It was refused.";
}
