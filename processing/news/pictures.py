"""The `<picture>` of an image: what a page needs to show it in the best format and size a browser takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processing.news.representations import RenditionShape

# Best first: the smaller file for the same picture.
FORMATS = ("image/avif", "image/webp", "image/jpeg", "image/png")
# What every program shows, most common first.
COMMON = ("image/jpeg", "image/png", "image/webp", "image/avif")


class SourceShape(TypedDict):
    type: str
    srcset: str


class FallbackShape(TypedDict):
    src: str
    width: int
    height: int


class PictureShape(TypedDict):
    sources: list[SourceShape]
    img: FallbackShape


def picture_shape(width: int, height: int, renditions: Sequence[RenditionShape]) -> PictureShape | None:
    """Of the renditions that show the whole picture of `width` x `height` px; None where there is none."""
    whole = [each for each in renditions if _shows_all(width, height, each)]
    if not whole:
        return None
    fallback = min(whole, key=lambda each: (COMMON.index(each["content_type"]), -each["width"]))
    kinds = (kind for kind in FORMATS if any(each["content_type"] == kind for each in whole))
    return {
        "sources": [{"type": kind, "srcset": _srcset(whole, kind)} for kind in kinds],
        "img": {"src": fallback["url"], "width": fallback["width"], "height": fallback["height"]},
    }


def _shows_all(width: int, height: int, rendition: RenditionShape) -> bool:
    """Whether its sides are those of the picture, made smaller and rounded to whole pixels."""
    if not width or not height or rendition["content_type"] not in FORMATS:
        return False
    difference = rendition["width"] / width - rendition["height"] / height
    return abs(difference) <= 0.5 / width + 0.5 / height + 1e-9


def _srcset(renditions: Sequence[RenditionShape], kind: str) -> str:
    """One candidate a width, narrowest first (HTML, section 4.8.4.3.2)."""
    by_width = {each["width"]: each["url"] for each in renditions if each["content_type"] == kind}
    return ", ".join(f"{url} {width}w" for width, url in sorted(by_width.items()))
