"""Where the pixels of a rendition come from, worked out before any is touched.

Sizes, places and roundings are those of sharp 0.34 and libvips (https://sharp.pixelplumbing.com/api-resize).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from processing.imaging.pixels.geometry import Size, fit_within
from processing.imaging.recipes import ATTENTION, Recipe

# No rendition has more pixels, whatever shape an enlarged picture takes.
_MOST_PIXELS = 8192 * 8192

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture in size `whole`, of which the part `size` at `offset` is shown, on a `canvas`.

    `place` is where that part lies on the canvas. All in px.
    """

    whole: Size
    offset: tuple[int, int]
    size: Size
    canvas: Size
    place: tuple[int, int]

    @property
    def shows_all(self) -> bool:
        return self.size == self.whole


def layout(size: Size, recipe: Recipe, *, limit: int, focus: Point | None = None) -> Layout:
    """How `recipe` shows an upright picture of `size` px; no side gets longer than `limit`.

    `focus` (0 to 1 both ways) is what a crop keeps in its middle; without it the recipe's position counts.
    """
    whole = _scaled(size, recipe)
    wanted = (recipe.width or 0, recipe.height or 0)
    if recipe.fit == "cover" and all(wanted):
        shown = (min(wanted[0], whole[0]), min(wanted[1], whole[1]))
        offset = _around(whole, shown, focus) if focus else _placed(whole, shown, recipe.position, spare=1)
        return Layout(whole, offset, shown, shown, (0, 0))
    if recipe.fit == "contain" and all(wanted):
        canvas = (max(wanted[0], whole[0]), max(wanted[1], whole[1]))
        return Layout(whole, (0, 0), whole, canvas, _placed(canvas, whole, recipe.position, spare=0))
    bounded = fit_within(*whole, max_width=limit, max_height=limit)
    return Layout(bounded, (0, 0), bounded, bounded, (0, 0))


def _scaled(size: Size, recipe: Recipe) -> Size:
    across = Fraction(recipe.width or size[0], size[0])
    down = Fraction(recipe.height or size[1], size[1])
    if recipe.fit != "fill":
        across = down = _one_scale(recipe, across, down)
    if not recipe.enlarge:
        across, down = min(across, Fraction(1)), min(down, Fraction(1))
    scaled = max(1, _rounded(size[0] * across)), max(1, _rounded(size[1] * down))
    if scaled[0] * scaled[1] <= _MOST_PIXELS or recipe.fit == "cover":
        return scaled  # of a crop only the part that is shown is ever made
    shrink = (_MOST_PIXELS / (scaled[0] * scaled[1])) ** 0.5
    return max(1, int(scaled[0] * shrink)), max(1, int(scaled[1] * shrink))


def _one_scale(recipe: Recipe, across: Fraction, down: Fraction) -> Fraction:
    if recipe.width is None or recipe.height is None:
        return down if recipe.width is None else across
    return max(across, down) if recipe.fit in ("cover", "outside") else min(across, down)


def _rounded(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def _placed(outer: Size, inner: Size, position: str, *, spare: int) -> tuple[int, int]:
    """Where `inner` lies in `outer`; a spare pixel in the middle goes before it, or behind it."""
    words = ("center",) if position == ATTENTION else position.split()
    left = {"left": 0, "right": outer[0] - inner[0]}
    top = {"top": 0, "bottom": outer[1] - inner[1]}
    x = next((left[word] for word in words if word in left), (outer[0] - inner[0] + spare) // 2)
    y = next((top[word] for word in words if word in top), (outer[1] - inner[1] + spare) // 2)
    return x, y


def _around(whole: Size, shown: Size, focus: Point) -> tuple[int, int]:
    x, y = (
        min(max(0, round(place * side - part / 2)), side - part)
        for place, side, part in zip(focus, whole, shown, strict=True)
    )
    return x, y
