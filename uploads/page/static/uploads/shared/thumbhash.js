/** Placeholders: draws a ThumbHash (https://evanw.github.io/thumbhash/, opaque pictures) on a small canvas. */

const LONGER_SIDE = 32;

/** Width / height that the hash itself knows, roughly. */
function shape(bytes) {
  const header = bytes[3] | (bytes[4] << 8);
  const shorter = header & 7;
  const landscape = header >> 15;
  return { columns: landscape ? 7 : shorter, rows: landscape ? shorter : 7 };
}

/** The channel's terms, in the format's order, as [x, y, factor]. */
function terms(columns, rows, nibble, scale) {
  const found = [];
  for (let y = 0; y < rows; y += 1) {
    for (let x = y ? 0 : 1; x * rows < columns * (rows - y); x += 1) {
      found.push([x, y, (nibble() / 7.5 - 1) * scale]);
    }
  }
  return found;
}

function cosines(count, size) {
  return Array.from({ length: count }, (_, term) =>
    Float32Array.from({ length: size }, (_, at) => Math.cos((Math.PI / size) * (at + 0.5) * term)));
}

function parse(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const first = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
  const second = bytes[3] | (bytes[4] << 8);
  const { columns, rows } = shape(bytes);
  let at = 0;
  const nibble = () => (bytes[5 + (at >> 1)] >> ((at++ & 1) << 2)) & 15;
  const light = terms(Math.max(3, columns), Math.max(3, rows), nibble, (first >> 18 & 31) / 31);
  // The format asks for a little more colour than was measured: quantising takes some away.
  const yellow = terms(3, 3, nibble, ((second >> 3 & 63) / 63) * 1.25);
  const red = terms(3, 3, nibble, ((second >> 9 & 63) / 63) * 1.25);
  return {
    columns, rows, light, yellow, red,
    mean: [(first & 63) / 63, (first >> 6 & 63) / 31.5 - 1, (first >> 12 & 63) / 31.5 - 1],
  };
}

function sum(list, mean, across, down, x, y) {
  let value = mean;
  for (const [u, v, factor] of list) value += 2 * factor * across[u][x] * down[v][y];
  return value;
}

/** Draws `hash` (base64) on `canvas`; leaves it empty where the hash is none. */
export function drawThumbhash(canvas, hash) {
  if (!hash) {
    canvas.width = canvas.height = 1;
    return;
  }
  const parsed = parse(hash);
  const longer = Math.max(parsed.columns, parsed.rows);
  const width = Math.max(1, Math.round((LONGER_SIDE * parsed.columns) / longer));
  const height = Math.max(1, Math.round((LONGER_SIDE * parsed.rows) / longer));
  const across = cosines(7, width);
  const down = cosines(7, height);
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      const l = sum(parsed.light, parsed.mean[0], across, down, x, y);
      const p = sum(parsed.yellow, parsed.mean[1], across, down, x, y);
      const q = sum(parsed.red, parsed.mean[2], across, down, x, y);
      const blue = l - (2 / 3) * p;
      const red = (3 * l - blue + q) / 2;
      pixels.set([255 * red, 255 * (red - q), 255 * blue, 255], at);
    }
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}
