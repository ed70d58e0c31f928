"""The colours that people would name in a picture."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from PIL import Image

from processing.imaging.oklab import oklab
from processing.imaging.pixels.geometry import fit_within

_LARGEST_SIDE = 96
# Of 255: less than this and the ground behind is seen, not the picture.
_OPAQUE = 128
_MOST_COLORS = 4
_MOST_CLUSTERS = 20

# Distances in OKLab with lightness at half its weight: a shadow on an object is still the object's colour.
_LIGHTNESS_WEIGHT = 0.5
_SAME_CLUSTER = 0.05

# Clusters nearer than this in all three ways are one colour: hue in degrees, grey and distance in OKLab.
_SAME_HUE, _SAME_GREY, _SAME_COLOR = 16, 0.15, 0.2
# Colours nearer than these are told apart, but the second is less interesting.
_LIKE_HUE, _LIKE_GREY = 25, 0.25

# Below this chroma people say white, grey or black; in the dark only more of it can be seen as a hue.
_GREY_CHROMA = 0.035
_DARK_LIGHTNESS, _DARK_CHROMA = 0.35, 0.06

# Shares of the picture below which a colour is not named.
_LEAST_HUE_SHARE, _LEAST_GREY_SHARE = 0.01, 0.03

# A saturated colour draws the eye: it counts as so many times its area, per unit of chroma.
_EYE_CATCHING = 12.0
# A colour much like one that is already named counts for so much.
_REPEATED = 0.15

# Where neighbours differ by more than this (sum of three channels), the pixel between them may be a mixture.
_EDGE = 60


@dataclass(frozen=True, slots=True)
class Color:
    """`hue` is the HSL (and HSV) hue of `hex` in degrees: 0 red, 120 green, 240 blue, as on a slider.

    It is None for white, black and grey. `share` is the part of the picture, 0 to 1, to four places.
    """

    hex: str
    hue: int | None
    share: float


@dataclass(frozen=True, slots=True)
class _Clusters:
    """Mean sRGB (n, 3) in 0..255, OKLab (n, 3), part of the picture (n); `groups` numbers what went in."""

    colors: np.ndarray
    lab: np.ndarray
    shares: np.ndarray
    groups: np.ndarray


def dominant_colors(image: Image.Image) -> tuple[Color, ...]:
    """Up to four colours, largest share first; one above 96 px a side is made smaller first.

    What is transparent has no colour: shares are those of the rest.
    """
    size = fit_within(*image.size, max_width=_LARGEST_SIDE, max_height=_LARGEST_SIDE)
    mode = "RGBA" if "A" in image.getbands() else "RGB"
    plain = image.convert(mode) if image.mode != mode else image
    small = np.asarray(plain if size == plain.size else plain.resize(size, Image.Resampling.BOX))
    seen = small[..., 3] >= _OPAQUE if mode == "RGBA" else None
    if seen is not None and not seen.any():
        return ()
    clusters = _clustered(_histogram(small[..., :3], seen))
    chosen = sorted(_chosen(clusters), key=lambda index: -clusters.shares[index])
    return tuple(_named(clusters, index) for index in chosen)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Occupied cells of a 16 x 16 x 16 grid: mean sRGB (n, 3), their pixels (n), the pure ones among them."""

    colors: np.ndarray
    counts: np.ndarray
    pure: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """The pure pixels; the others only tell where there is nothing else."""
        return self.pure + 1e-6 * self.counts


def _histogram(pixels: np.ndarray, seen: np.ndarray | None) -> _Cells:
    """Of all pixels, or of those in the mask `seen`."""
    pure_pixels = _is_pure(pixels)
    if seen is not None:
        pixels, pure_pixels = pixels[seen], pure_pixels[seen]
    flat = pixels.reshape(-1, 3)
    cells = (flat >> 4).astype(np.int32) @ np.array((256, 16, 1), np.int32)
    counts = np.bincount(cells, minlength=4096)
    occupied = np.flatnonzero(counts)
    sums = [np.bincount(cells, flat[:, channel], minlength=4096)[occupied] for channel in range(3)]
    counts = counts[occupied]
    pure = np.bincount(cells[pure_pixels.ravel()], minlength=4096)[occupied]
    # A picture without calm spots, such as noise, is taken as it is.
    pure = pure if 4 * pure.sum() > len(flat) else counts
    return _Cells(np.stack(sums, axis=1) / counts[:, None], counts, pure)


def _is_pure(pixels: np.ndarray) -> np.ndarray:
    """Mask (height, width) without the mixtures on edges: red beside green must not give brown."""
    # One plane a channel: adding planes is several times as fast as adding along a last axis of three.
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.int16)
    mixed = np.zeros(pixels.shape[:2], bool)
    mixed[1:-1] |= _between(planes[:, :-2], planes[:, 1:-1], planes[:, 2:])
    mixed[:, 1:-1] |= _between(planes[:, :, :-2], planes[:, :, 1:-1], planes[:, :, 2:])
    return ~mixed


def _between(before: np.ndarray, middle: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where the middle pixel differs from both neighbours and lies on the way from one to the other."""
    whole = _difference(before, after)
    first, second = _difference(middle, before), _difference(middle, after)
    near = np.minimum(first, second)
    return (whole > _EDGE) & ((first + second) * 5 < whole * 6) & (near * 8 > whole)


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    red, green, blue = np.abs(first - second)
    return red + green + blue


def _clustered(cells: _Cells) -> _Clusters:
    """Only pure pixels make and place a cluster; all of them make its share."""
    lab = oklab(cells.colors)
    points = lab * (_LIGHTNESS_WEIGHT, 1, 1)
    centers = _seeds(points, cells.pure * (1 + _EYE_CATCHING * np.hypot(lab[:, 1], lab[:, 2])))
    for _ in range(2):
        centers = _means(points, _nearest(points, centers), cells.weights, len(centers))
    parts = _measured(cells, _nearest(points, centers))
    return _measured(cells, _merged(parts)[parts.groups])


def _measured(cells: _Cells, groups: np.ndarray) -> _Clusters:
    """The clusters of cells that have a group number each; numbers nobody has are closed up."""
    _, groups = np.unique(groups, return_inverse=True)
    means = _means(cells.colors, groups, cells.weights, int(groups.max()) + 1)
    return _Clusters(means, oklab(means), np.bincount(groups, cells.counts) / cells.counts.sum(), groups)


def _seeds(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The heaviest point that no earlier seed covers, again and again."""
    left = weights.astype(np.float64)
    seeds: list[np.ndarray] = []
    while len(seeds) < _MOST_CLUSTERS and left.max() > 0:
        seeds.append(points[left.argmax()])
        left[((points - seeds[-1]) ** 2).sum(axis=1) < _SAME_CLUSTER**2] = 0
    return np.array(seeds)


def _nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    # |p - c|^2 without |p|^2, which is the same for every centre.
    return ((centers**2).sum(axis=1) - 2 * points @ centers.T).argmin(axis=1)


def _means(values: np.ndarray, groups: np.ndarray, counts: np.ndarray, number: int) -> np.ndarray:
    members = np.zeros((number, len(values)))
    members[groups, np.arange(len(values))] = counts
    return (members @ values) / np.maximum(members.sum(axis=1, keepdims=True), 1e-9)


def _merged(parts: _Clusters) -> np.ndarray:
    """For each cluster the largest one that is the same to people: it alone, or the one that absorbs it."""
    same = _alike(parts, _SAME_HUE, _SAME_GREY) & (_distances(parts.lab) < _SAME_COLOR)
    return np.where(same, parts.shares[None], -1).argmax(axis=1)


def _distances(lab: np.ndarray) -> np.ndarray:
    points = lab * (_LIGHTNESS_WEIGHT, 1, 1)
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))


def _chosen(clusters: _Clusters) -> list[int]:
    """Indices of up to four clusters: large or eye-catching, and unlike the ones before."""
    chroma = np.hypot(clusters.lab[:, 1], clusters.lab[:, 2])
    grey = _is_grey(clusters.lab)
    scores = clusters.shares * (1 + _EYE_CATCHING * np.where(grey, 0, chroma))
    scores[clusters.shares < np.where(grey, _LEAST_GREY_SHARE, _LEAST_HUE_SHARE)] = 0
    if not scores.any():
        return [int(clusters.shares.argmax())]
    alike = _alike(clusters, _LIKE_HUE, _LIKE_GREY)
    chosen: list[int] = []
    while len(chosen) < _MOST_COLORS and scores.any():
        index = int(scores.argmax())
        chosen.append(index)
        scores[index] = 0
        scores[alike[index]] *= _REPEATED
    return chosen


def _alike(clusters: _Clusters, hue: float, lightness: float) -> np.ndarray:
    """Square mask: two colours within `hue` degrees, or two greys within `lightness` (0..1)."""
    hues = np.array([_hue(color) for color in clusters.colors])
    turn = np.abs((hues[:, None] - hues[None] + 180) % 360 - 180)
    lighter = np.abs(clusters.lab[:, 0][:, None] - clusters.lab[:, 0][None])
    grey = _is_grey(clusters.lab)
    both_grey, both_hued = grey[:, None] & grey[None], ~grey[:, None] & ~grey[None]
    return (both_grey & (lighter < lightness)) | (both_hued & (turn < hue))


def _hue(color: np.ndarray) -> float:
    return colorsys.rgb_to_hsv(*color.tolist())[0] * 360


def _is_grey(lab: np.ndarray) -> np.ndarray:
    darkness = np.clip(1 - lab[:, 0] / _DARK_LIGHTNESS, 0, 1)
    return np.hypot(lab[:, 1], lab[:, 2]) < _GREY_CHROMA + _DARK_CHROMA * darkness


def _named(clusters: _Clusters, index: int) -> Color:
    red, green, blue = (int(value + 0.5) for value in clusters.colors[index])
    grey = bool(_is_grey(clusters.lab[index : index + 1])[0])
    hue = None if grey else round(_hue(np.array((red, green, blue)))) % 360
    return Color(f"#{red:02x}{green:02x}{blue:02x}", hue, round(float(clusters.shares[index]), 4))
