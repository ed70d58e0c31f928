"""Sizes, worked out before any pixel is touched."""

from __future__ import annotations

Size = tuple[int, int]

# libjpeg's JPEG_MAX_DIMENSION: one pixel more cannot be written at all.
JPEG_LIMIT = 65_500


def fit_within(
    width: int, height: int, *, max_width: int | None = None, max_height: int | None = None
) -> Size:
    """The largest (width, height) in px of the same shape inside the limits; never larger, at least 1 px."""
    bounded_width = width if max_width is None else min(width, max_width)
    bounded_height = height if max_height is None else min(height, max_height)
    if bounded_width * height <= bounded_height * width:
        return bounded_width, max(1, _divide_rounding(height * bounded_width, width))
    return max(1, _divide_rounding(width * bounded_height, height)), bounded_height


def covers(outer: Size, inner: Size) -> bool:
    """True where `inner` can be made from `outer` without enlarging either side."""
    return outer[0] >= inner[0] and outer[1] >= inner[1]


def _divide_rounding(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
