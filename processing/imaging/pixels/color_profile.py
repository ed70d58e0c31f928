"""From an embedded colour profile to sRGB."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

_COLOR_SPACES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}

# The triangle of the sRGB primaries in x and y, under the D50 light of all profiles.
_SRGB_AREA = 0.109
_WIDER = 1.05

# A profile that moves no colour of a grid by more than this (of 255) is sRGB under another name.
_INVISIBLE = 2


@dataclass(frozen=True, slots=True)
class Conversion:
    """`transform` is None where the profile is sRGB; `wide` says that it holds colours which sRGB has not."""

    transform: ImageCms.ImageCmsTransform | None
    wide: bool


Loss = Literal["", "gamut", "profile"]


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Loss]:
    """A mode L, RGB or CMYK image as sRGB (mode L or RGB), and what got lost.

    "gamut" where its colour space was wider. A profile that is broken or made for another kind of pixels is
    ignored: "profile"; one for colours says nothing of grey.
    """
    conversion = _conversion(profile, image.mode) if profile else None
    if conversion and conversion.transform:
        converted = ImageCms.applyTransform(image, conversion.transform)
        assert converted is not None
        return converted, "gamut" if conversion.wide else ""
    if image.mode == "CMYK":
        return image.convert("RGB"), "gamut"
    return image, "profile" if profile and not conversion and image.mode == "RGB" else ""


# Photos of one camera share their profile, building its transform costs as much as using it.
@lru_cache(maxsize=16)
def _conversion(profile: bytes, mode: str) -> Conversion | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _COLOR_SPACES.get(source.profile.xcolor_space) != mode:
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode != "CMYK" and _is_invisible(transform, mode):
            return Conversion(None, wide=False)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return Conversion(transform, wide=_is_wide(source, mode))


def _is_invisible(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    colors = np.array(np.meshgrid(steps, steps, steps)).T.reshape(-1, 1, 3).copy()
    grid = Image.fromarray(colors, "RGB").convert(mode)
    converted = ImageCms.applyTransform(grid, transform)
    assert converted is not None
    moved = np.asarray(converted, np.int16) - np.asarray(grid.convert("RGB"), np.int16)
    return int(np.abs(moved).max()) <= _INVISIBLE


def _is_wide(source: ImageCms.ImageCmsProfile, mode: str) -> bool:
    if mode != "RGB":
        return mode == "CMYK"
    primaries = (source.profile.red_primary, source.profile.green_primary, source.profile.blue_primary)
    if None in primaries:
        return True  # a table instead of three primaries: made for printers
    (rx, ry), (gx, gy), (bx, by) = (primary[1][:2] for primary in primaries if primary)
    area = abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry)) / 2
    return area > _WIDER * _SRGB_AREA
