"""Whether copies of a picture are found by their looks, and others are not; what the hash costs.

    python -m benchmarks.pictures.likeness [FOLDER]  with parts of the photos in FOLDER, else with drawn ones

How fast they are found among a million is in `python -m benchmarks.feed pages`.
"""

from __future__ import annotations

import io
import itertools
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from benchmarks.support.table import show
from processing.imaging.likeness import perceptual_hash
from processing.imaging.recipes import Recipe
from processing.imaging.renditions import make
from tests.drawing import drawn_photo

_PICTURES = 500
_NEAR = 10  # processing.news.likeness.DEFAULT_DISTANCE, which needs Django
_THUMBNAIL = Recipe("thumbnail-200", None, 200)
_COPIES = {
    "JPEG, quality 40": ("JPEG", 1.0, {"quality": 40}),
    "JPEG, quality 60": ("JPEG", 1.0, {"quality": 60}),
    "JPEG, quality 95": ("JPEG", 1.0, {"quality": 95}),
    "25 %": ("JPEG", 0.25, {"quality": 85}),
    "50 %": ("JPEG", 0.5, {"quality": 85}),
    "200 %": ("JPEG", 2.0, {"quality": 85}),
    "WebP": ("WEBP", 1.0, {"quality": 75}),
    "AVIF": ("AVIF", 1.0, {"quality": 60}),
}


def run(folder: Path | None = None) -> None:
    pictures = list(itertools.islice(_parts(folder) if folder else _drawn(), _PICTURES))
    hashes = [_hash(_coded(picture, "PNG", 1.0)) for _, picture in pictures]
    rows = []
    for label, (format, scale, options) in _COPIES.items():
        apart = [
            (_hash(_coded(picture, format, scale, **options)) ^ known).bit_count()
            for (_, picture), known in zip(pictures, hashes, strict=True)
        ]
        found = sum(bits <= _NEAR for bits in apart)
        rows.append((label, f"{100 * found / len(apart):.1f} %", max(apart)))
    show(("copy", f"within {_NEAR} bits", "furthest, bits"), rows)
    pairs = [
        (one ^ other).bit_count()
        for (source, one), (another, other) in itertools.combinations(
            zip([source for source, _ in pictures], hashes, strict=True), 2
        )
        if source != another
    ]
    near = sum(bits <= _NEAR for bits in pairs)
    print(f"\nunrelated pairs within {_NEAR} bits: {near:,} of {len(pairs):,}")
    _cost(pictures[0][1])


def _parts(folder: Path) -> Iterator[tuple[str, Image.Image]]:
    """Parts of real photos, each with the photo's name: a quarter to all of it, some mirrored or lighter."""
    dice = random.Random(1)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    photos = [(path.name, ImageOps.exif_transpose(Image.open(path)).convert("RGB")) for path in files]
    for name, photo in itertools.cycle(photos):
        share = dice.uniform(0.5, 1)
        width, height = round(photo.width * share), round(photo.height * share)
        left, top = dice.randint(0, photo.width - width), dice.randint(0, photo.height - height)
        part = photo.crop((left, top, left + width, top + height))
        part.thumbnail((800, 800))
        if dice.random() < 0.3:
            part = ImageOps.mirror(part)
        yield name, ImageEnhance.Brightness(part).enhance(dice.uniform(0.8, 1.2))


def _drawn() -> Iterator[tuple[str, Image.Image]]:
    for seed in itertools.count():
        yield str(seed), drawn_photo(seed, 480, 360)


def _coded(picture: Image.Image, format: str, scale: float, **options: object) -> io.BytesIO:
    out = io.BytesIO()
    size = round(picture.width * scale), round(picture.height * scale)
    picture.resize(size, Image.Resampling.LANCZOS).save(out, format, **options)
    return out


def _hash(file: io.BytesIO) -> int:
    made = make(file, [_THUMBNAIL], max_pixels=10**8)
    assert made.phash is not None, "a flat picture"
    return made.phash


def _cost(picture: Image.Image) -> None:
    sample = picture.copy()
    sample.thumbnail((96, 96))
    began = time.process_time()
    for _ in range(500):
        perceptual_hash(sample)
    print(f"the hash of a sample: {(time.process_time() - began) * 2:.2f} ms")


if __name__ == "__main__":
    run(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
