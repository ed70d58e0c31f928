/** Files out of what was dropped, picked or pasted: folders too, piece by piece, so that the page stays alive. */

// What cameras and computers leave in folders of pictures; naming them as failures would help nobody.
const PICTURE = /\.(jpe?g|png|webp|gif|avif|hei[cf]|bmp|tiff?)$/i;
const PIECE = 100;

/** Whether a file out of a folder may be meant as a picture. */
export function isPicture(file) {
  if (file.name.startsWith(".")) return false;
  return file.type.startsWith("image/") || PICTURE.test(file.name);
}

/**
 * Hands the files of a drop to `take(files)` in pieces; gives `{skipped, unread}`: the number of those left out
 * of folders, and of those that could not be read.
 */
export async function gather(transfer, take) {
  const items = Array.from(transfer.items).filter((item) => item.kind === "file");
  // Entries must be taken in the event itself: later the drop is empty.
  const entries = items.map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) {
    await inPieces(Array.from(transfer.files), take);
    return { skipped: 0, unread: 0 };
  }
  const count = { skipped: 0, unread: 0 };
  let piece = [];
  for (const entry of entries) {
    if (!entry) continue;
    for await (const file of walk(entry, count)) {
      if (file && entry.isDirectory && !isPicture(file)) count.skipped += 1;
      else if (file) piece.push(file);
      if (piece.length === PIECE || (!file && piece.length)) {
        take(piece);
        piece = [];
      }
    }
  }
  if (piece.length) take(piece);
  return count;
}

/** Hands `files` to `take` in pieces, with a breath between them. */
export async function inPieces(files, take) {
  for (let at = 0; at < files.length; at += PIECE) {
    take(files.slice(at, at + PIECE));
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Every file below `entry`, null before each wait for a listing; what can't be read is counted. */
async function* walk(entry, count) {
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) yield file;
    else count.unread += 1;
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives at most a hundred entries a call, and no sign of how many are left.
    yield null;
    const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve(null)));
    if (!entries) count.unread += 1;
    if (!entries?.length) return;
    for (const child of entries) yield* walk(child, count);
  }
}
