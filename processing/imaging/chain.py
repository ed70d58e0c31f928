"""One picture in, all its renditions out."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from processing.imaging.palette import Color, dominant_colors
from processing.imaging.pixels.color_profile import to_srgb
from processing.imaging.pixels.declared_colors import declared_profile
from processing.imaging.pixels.flat import flatten, is_deep
from processing.imaging.pixels.geometry import JPEG_LIMIT, Size, covers, fit_within
from processing.imaging.pixels.orientation import orientation_of, swapped, upright
from processing.imaging.pixels.resampling import shrink
from processing.imaging.placeholder import thumbhash
from processing.imaging.reading.faults import decoder_faults
from processing.imaging.reading.loading import load
from processing.imaging.reading.probe import Opened, Probe, opened
from processing.imaging.recipe import Recipe

_CONTENT_TYPE = "image/jpeg"

# Colours and placeholder are read from a copy of this side, px.
_SAMPLE_SIDE = 96


@dataclass(frozen=True, slots=True)
class Rendition:
    name: str
    width: int
    height: int
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Made:
    """`placeholder` is a base64 ThumbHash; `losses` are of animation, alpha, depth, gamut, in that order."""

    renditions: tuple[Rendition, ...]
    colors: tuple[Color, ...]
    placeholder: str
    losses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    size: Size
    quality: int


def make(file: BinaryIO, recipe: Recipe, *, max_pixels: int) -> Made:
    """Decode once, then make each rendition from the next larger one; the same bytes every time.

    Raises ImageFailed for whatever is wrong with the picture.
    """
    with decoder_faults(file), opened(file, max_pixels=max_pixels) as found:
        targets = _targets(found.seen, recipe)
        largest, losses = _largest_image(found, _bounding_size(targets))
        images = _pyramid(largest, {target.size for target in targets})
        sample = _sample(images)
        return Made(
            renditions=_encoded(targets, images),
            colors=dominant_colors(sample),
            placeholder=thumbhash(sample),
            losses=losses,
        )


def _targets(seen: Probe, recipe: Recipe) -> list[Target]:
    def fitting(max_width: int, max_height: int) -> Size:
        limits = {"max_width": min(max_width, JPEG_LIMIT), "max_height": min(max_height, JPEG_LIMIT)}
        return fit_within(seen.width, seen.height, **limits)

    targets = [Target("web", fitting(recipe.web_width, JPEG_LIMIT), recipe.quality)]
    targets += [
        Target(f"thumbnail-{height}", fitting(JPEG_LIMIT, height), recipe.quality)
        for height in recipe.heights
    ]
    if recipe.full_size_quality is not None:
        targets.append(Target("compressed", fitting(JPEG_LIMIT, JPEG_LIMIT), recipe.full_size_quality))
    return targets


def _bounding_size(targets: Iterable[Target]) -> Size:
    sizes = [target.size for target in targets]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _largest_image(found: Opened, size: Size) -> tuple[Image.Image, tuple[str, ...]]:
    """Decoded, flat, sRGB, upright, of exactly `size`; with what got lost on the way."""
    image = found.image
    orientation = orientation_of(image)
    profile = declared_profile(image)
    deep = is_deep(image)
    lying = swapped(size, orientation)
    box = _draft(image, lying)
    flat, alpha = flatten(load(image, found.file))
    # Turning and converting come after the first, large step down: they cost by the pixel.
    small = shrink(flat, lying, box)
    converted, wide = to_srgb(small, profile)
    standing = upright(converted, orientation)
    standing.info = {}  # Pillow would write the comment of the original into every rendition
    found = (("animation", found.seen.frames > 1), ("alpha", alpha), ("depth", deep), ("gamut", wide))
    return standing, tuple(name for name, lost in found if lost)


def _draft(image: Image.Image, size: Size) -> tuple[float, float, float, float] | None:
    """Let a JPEG decode to the half, quarter or eighth that is still larger than `size`."""
    if image.format not in ("JPEG", "MPO"):
        return None  # HEIC would answer with its embedded thumbnail, which may show anything
    drafted = image.draft(None, size)
    return drafted[1] if drafted else None


def _pyramid(largest: Image.Image, sizes: set[Size]) -> dict[Size, Image.Image]:
    """Each size from the smallest image that is already there and at least as large, largest first."""
    images = {largest.size: largest}
    for size in sorted(sizes - images.keys(), key=_area, reverse=True):
        source = min((made for made in images if covers(made, size)), key=_area)
        images[size] = shrink(images[source], size)
    return images


def _sample(images: dict[Size, Image.Image]) -> Image.Image:
    size = fit_within(*max(images, key=_area), max_width=_SAMPLE_SIDE, max_height=_SAMPLE_SIDE)
    source = min((made for made in images if covers(made, size)), key=_area)
    sample = images[source]
    if sample.size != size:
        sample = sample.resize(size, Image.Resampling.BOX)
    return sample.convert("RGB") if sample.mode != "RGB" else sample


def _encoded(targets: Iterable[Target], images: dict[Size, Image.Image]) -> tuple[Rendition, ...]:
    written: dict[tuple[Size, int], bytes] = {}
    for target in targets:
        key = (target.size, target.quality)
        if key not in written:
            written[key] = _jpeg(images[target.size], target.quality)
    return tuple(
        Rendition(target.name, *target.size, _CONTENT_TYPE, written[target.size, target.quality])
        for target in targets
    )


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling="4:2:0")
    return out.getvalue()


def _area(size: Size) -> int:
    return size[0] * size[1]
