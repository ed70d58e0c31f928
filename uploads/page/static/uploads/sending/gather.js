/** Files out of what was dropped, picked or pasted: folders too, piece by piece, so that the page stays alive. */

// What cameras and computers leave in folders of pictures; naming them as failures would help nobody.
const PICTURE = /\.(jpe?g|png|webp|gif|avif|hei[cf]|bmp|tiff?)$/i;
const PIECE = 100;

/** Whether a file out of a folder may be meant as a picture. */
export function isPicture(file) {
  if (file.name.startsWith(".")) return false;
  return file.type.startsWith("image/") || PICTURE.test(file.name);
}

/** Hands the files of a drop to `take(files)` in pieces; gives the number of those left out of folders. */
export async function gather(transfer, take) {
  const items = Array.from(transfer.items).filter((item) => item.kind === "file");
  // Entries must be taken in the event itself: later the drop is empty.
  const entries = items.map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) {
    await inPieces(Array.from(transfer.files), take);
    return 0;
  }
  let skipped = 0;
  let piece = [];
  for (const entry of entries) {
    if (!entry) continue;
    for await (const file of walk(entry)) {
      if (entry.isDirectory && !isPicture(file)) skipped += 1;
      else piece.push(file);
      if (piece.length === PIECE) {
        take(piece);
        piece = [];
      }
    }
  }
  if (piece.length) take(piece);
  return skipped;
}

/** Hands `files` to `take` in pieces, with a breath between them. */
export async function inPieces(files, take) {
  for (let at = 0; at < files.length; at += PIECE) {
    take(files.slice(at, at + PIECE));
    await new Promise((resolve) => setTimeout(resolve));
  }
}

async function* walk(entry) {
  if (entry.isFile) {
    yield await new Promise((resolve, reject) => entry.file(resolve, reject));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives at most a hundred entries a call.
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return;
    for (const child of entries) yield* walk(child);
  }
}
