"""What each format of a recipe costs beside JPEG, and beside sharp on the same photos.

Processor time of one photo made into one rendition of 1500 px, in one process; sharp, which npm installs for
this run, with one thread and the qualities of the recipe.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.support.table import show
from processing.imaging.recipes import Recipe
from processing.imaging.renditions import make
from tests.drawing import photo

_FORMATS = ("jpeg", "webp", "avif", "png")
_SIZES = {"800 x 1200": (800, 1200), "3456 x 5184": (3456, 5184)}
_ROUNDS = 2
_SHARP = """
const sharp = require("sharp");
sharp.concurrency(1);
const [, file, format, rounds] = process.argv;
const quality = { jpeg: { quality: 80 }, webp: { quality: 79 }, avif: { quality: 60 }, png: {} }[format];
(async () => {
  const made = () => sharp(file).rotate().resize(1500, null, { withoutEnlargement: true })
    .toFormat(format, quality).toBuffer();
  let bytes = (await made()).length;
  const before = process.cpuUsage();
  for (let round = 0; round < Number(rounds); round++) await made();
  const spent = process.cpuUsage(before);
  console.log(JSON.stringify([(spent.user + spent.system) / 1e6 / Number(rounds), bytes]));
})();
"""


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sharp = _installed(Path(folder))
        rows = []
        for name, size in _SIZES.items():
            data = photo(7, *size)
            (Path(folder) / "photo.jpg").write_bytes(data)
            rows += [(name, one, *_cells(data, one, Path(folder), sharp=sharp)) for one in _FORMATS]
    show(("photo", "format", "ms", "kB", "sharp, ms", "sharp, kB"), rows)


def _installed(folder: Path) -> bool:
    if not shutil.which("npm"):
        return False
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "sharp@0.35.5"]
    return subprocess.run(command, cwd=folder, check=False).returncode == 0


def _cells(data: bytes, format: str, folder: Path, *, sharp: bool) -> list[str]:
    recipe = Recipe("r", 1500, formats=(format,))
    (rendition,) = make(io.BytesIO(data), [recipe], max_pixels=10**8).renditions
    started = time.process_time()
    for _ in range(_ROUNDS):
        make(io.BytesIO(data), [recipe], max_pixels=10**8)
    ours = (time.process_time() - started) / _ROUNDS
    cells = [f"{ours * 1000:.0f}", f"{len(rendition.data) / 1000:.0f}"]
    if not sharp:
        return [*cells, "-", "-"]
    command = ["node", "-e", _SHARP, "photo.jpg", format, str(_ROUNDS)]
    said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    seconds, size = json.loads(said)
    return [*cells, f"{seconds * 1000:.0f}", f"{size / 1000:.0f}"]
