"""What is made of a picture, as data: one `Recipe` gives one rendition in each of its formats.

The words `fit` and `position` mean what they mean in sharp (https://sharp.pixelplumbing.com/api-resize)
and, where CSS has them, in `object-fit` and `object-position`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

MAX_SIDE = 8192
FITS = ("inside", "outside", "cover", "contain", "fill")
ATTENTION = "attention"
POSITIONS = (
    "center",
    "top",
    "right top",
    "right",
    "right bottom",
    "bottom",
    "left bottom",
    "left",
    "left top",
    ATTENTION,
)
AUTO = "auto"
FORMATS = (AUTO, "jpeg", "webp", "avif", "png")
ANIMATIONS = ("keep", "first")
MAX_QUALITY = {"jpeg": 95, "webp": 100, "avif": 100}

_NAME = re.compile(r"[a-z0-9-]{1,40}")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


class InvalidRecipe(ValueError):
    """`attr` is the path of the field that is wrong ("quality.jpeg"), `detail` says what is allowed."""

    def __init__(self, attr: str, detail: str) -> None:
        super().__init__(f"{attr}: {detail}")
        self.attr = attr
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Quality:
    """What the lossy encoders are told."""

    jpeg: int = 80
    webp: int = 79
    avif: int = 60

    def __post_init__(self) -> None:
        for name, most in MAX_QUALITY.items():
            _require_number(f"quality.{name}", getattr(self, name), most)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Raises InvalidRecipe for the first field that is wrong.

    `width` and `height` are px; without one of them the picture keeps its shape, without both its size.
    """

    name: str
    width: int | None = None
    height: int | None = None
    fit: str = "inside"
    position: str = "center"
    enlarge: bool = False
    formats: tuple[str, ...] = (AUTO,)
    quality: Quality = field(default_factory=Quality)
    animation: str = "keep"
    background: str = "#ffffff"
    version: int = 1

    def __post_init__(self) -> None:
        _require(isinstance(self.name, str) and _NAME.fullmatch(self.name), "name", _NAME_RULE)
        for side in ("width", "height"):
            value = getattr(self, side)
            if value is not None:
                _require_number(side, value, MAX_SIDE)
        for attr, allowed in (("fit", FITS), ("position", POSITIONS), ("animation", ANIMATIONS)):
            _require(getattr(self, attr) in allowed, attr, f"Allowed are {_listed(allowed)}.")
        _require(isinstance(self.enlarge, bool), "enlarge", "Allowed are true and false.")
        _require_formats(self.formats)
        _require(isinstance(self.quality, Quality), "quality", _QUALITY_RULE)
        colored = isinstance(self.background, str) and _COLOR.fullmatch(self.background)
        _require(colored, "background", "A colour is written #rrggbb.")
        _require_number("version", self.version, 2**31 - 1)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "formats": list(self.formats)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        """From an object with any of the fields; only `name` must be there. Raises InvalidRecipe."""
        _require_known(data, {item.name for item in fields(cls)}, "")
        values = dict(data)
        if "name" not in values:
            raise InvalidRecipe("name", _NAME_RULE)
        if "formats" in values:
            _require(isinstance(values["formats"], list | tuple), "formats", _FORMATS_RULE)
            values["formats"] = tuple(values["formats"])
        if "quality" in values:
            values["quality"] = _quality(values["quality"])
        return cls(**values)


def _quality(value: object) -> Quality:
    if isinstance(value, Quality):
        return value
    if not isinstance(value, Mapping):
        raise InvalidRecipe("quality", _QUALITY_RULE)
    _require_known(value, set(MAX_QUALITY), "quality.")
    return Quality(**value)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f'"{word}"' for word in words)


_NAME_RULE = "1 to 40 of the characters a-z, 0-9 and -."
_FORMATS_RULE = f"A list of one or more of {_listed(FORMATS)}, each once."
_QUALITY_RULE = 'An object with any of "jpeg" (1 to 95), "webp" (1 to 100) and "avif" (1 to 100).'


def _require(holds: object, attr: str, detail: str) -> None:
    if not holds:
        raise InvalidRecipe(attr, detail)


def _require_number(attr: str, value: object, most: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
    _require(whole, attr, f"A whole number from 1 to {most}.")


def _require_formats(formats: object) -> None:
    taken = isinstance(formats, tuple) and formats and all(one in FORMATS for one in formats)
    once = isinstance(formats, tuple) and all(formats.count(one) == 1 for one in formats)
    _require(taken and once, "formats", _FORMATS_RULE)


def _require_known(data: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for name in data:
        if name not in known:
            allowed = ", ".join(sorted(known))
            raise InvalidRecipe(f"{prefix}{name}", f"There is no such field; there are {allowed}.")


def thumbnail(height: int) -> Recipe:
    """`thumbnail-<height>`: never wider than four times that, nor than `web`, however long the picture is."""
    width = min(4 * height, max(_WEB_WIDTH, 2 * height), MAX_SIDE)
    return Recipe(f"thumbnail-{height}", width, height)


_WEB_WIDTH = 1500
# Three times the width: no phone's screen is longer, and no page loads a scroll of 12,000 px.
WEB = Recipe("web", _WEB_WIDTH, 3 * _WEB_WIDTH)
# The picture in its own size, as the CSV import asks for it.
COMPRESSED = Recipe("compressed", formats=("jpeg",), quality=Quality(jpeg=50))
DEFAULTS = (WEB, thumbnail(200), thumbnail(400))
