"""One picture in, a rendition out for each recipe and format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from processing.imaging import animation
from processing.imaging.attention import focus_of
from processing.imaging.encoders import ENCODERS, Timing, chosen
from processing.imaging.likeness import perceptual_hash
from processing.imaging.palette import Color, dominant_colors
from processing.imaging.pixels.color_profile import Loss, to_srgb
from processing.imaging.pixels.declared_colors import declared_profile
from processing.imaging.pixels.flat import has_alpha, is_deep, on_ground, plain
from processing.imaging.pixels.geometry import Size, covers, fit_within
from processing.imaging.pixels.layout import Layout, Point, layout
from processing.imaging.pixels.orientation import UPRIGHT, orientation_of, swapped, upright
from processing.imaging.pixels.resampling import Box, part_of, premultiplied, shrink, straight
from processing.imaging.placeholder import thumbhash
from processing.imaging.reading.bare import bare
from processing.imaging.reading.faults import DECODER_ERRORS, decoder_faults
from processing.imaging.reading.formats import open_image
from processing.imaging.reading.loading import load
from processing.imaging.reading.probe import Opened, opened, within_budget
from processing.imaging.recipes import ATTENTION, Recipe

# Colours and placeholder are read from a copy of this side, px.
_SAMPLE_SIDE = 96

# A film is decoded, and coded anew, for so much less than the budget of one picture.
_FILM_SHARE = 3

# What is tried, and how far, where a rendition of the original's size came out larger than the original.
_LESS, _LEAST = 10, 20


@dataclass(frozen=True, slots=True)
class Rendition:
    """`version` is the recipe's; `extension` has no dot."""

    name: str
    width: int
    height: int
    content_type: str
    data: bytes
    animated: bool = False
    version: int = 1
    extension: str = "jpg"


@dataclass(frozen=True, slots=True)
class Made:
    """`placeholder` is a base64 ThumbHash; `phash` 64 bits, None for a flat picture.

    `losses` are of animation, alpha, depth, gamut, profile, in that order.
    """

    renditions: tuple[Rendition, ...]
    colors: tuple[Color, ...]
    placeholder: str
    phash: int | None
    losses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One file to write: what it shows and in which format. `moving`: all frames of it."""

    recipe: Recipe
    layout: Layout
    format: str
    moving: bool


@dataclass(slots=True)
class Picture:
    """The frames that are shown, premultiplied where there is alpha, upright, in sRGB, as small as serves."""

    frames: list[Image.Image]
    timing: Timing | None
    changed: bool
    losses: dict[str, bool]

    @property
    def alpha(self) -> bool:
        return has_alpha(self.frames[0])


def make(
    file: BinaryIO, recipes: Sequence[Recipe], *, max_pixels: int, focal_point: Point | None = None
) -> Made:
    """Decode once, then make each size from the next larger one; the same bytes every time.

    `focal_point` (0 to 1 both ways, of the upright picture) is what crops keep in their middle. Raises
    ImageFailed for whatever is wrong with the picture.
    """
    with decoder_faults(file), opened(file, max_pixels=max_pixels) as found:
        moving = _is_film(found, recipes, max_pixels)
        picture = _decoded(found, _bounding_size(found, recipes), moving=moving)
        pyramid = _pyramid(picture.frames[0], _wholes(found, recipes))
        sample = _sample(pyramid)
        targets = _targets(found, recipes, picture, sample, focal_point)
        renditions = _encoded(targets, picture, pyramid, found)
        return Made(
            renditions,
            dominant_colors(sample),
            thumbhash(sample),
            perceptual_hash(sample),
            _losses(found, picture, renditions),
        )


def _is_film(found: Opened, recipes: Iterable[Recipe], max_pixels: int) -> bool:
    """Whether all frames are decoded: some format shows them, and they are within the budget."""
    wanted = any(
        recipe.animation == "keep" and any(one == "auto" or ENCODERS[one].animation for one in recipe.formats)
        for recipe in recipes
    )
    affordable = within_budget(found.seen, max_pixels // _FILM_SHARE)
    return wanted and affordable and animation.moves(found.image, found.seen.frames)


def _limit(recipe: Recipe) -> int:
    return min(ENCODERS[one].max_side for one in chosen(recipe.formats, alpha=False, moving=False))


def _wholes(found: Opened, recipes: Iterable[Recipe]) -> set[Size]:
    """The sizes of the whole picture that the recipes show all or a part of."""
    size = (found.seen.width, found.seen.height)
    return {layout(size, recipe, limit=_limit(recipe)).whole for recipe in recipes}


def _bounding_size(found: Opened, recipes: Iterable[Recipe]) -> Size:
    """What all renditions can be made from, and no larger than the picture."""
    size = (found.seen.width, found.seen.height)
    wholes = _wholes(found, recipes) or {fit_within(*size, max_width=_SAMPLE_SIDE, max_height=_SAMPLE_SIDE)}
    return min(size[0], max(width for width, _ in wholes)), min(size[1], max(height for _, height in wholes))


def _decoded(found: Opened, size: Size, *, moving: bool) -> Picture:
    image = found.image
    orientation, profile, deep = orientation_of(image), declared_profile(image), is_deep(image)
    unread = bool(image.info.get("unread_profile"))
    lying = swapped(size, orientation)
    box = _draft(image, lying)
    frames: list[Image.Image] = []
    durations: list[int] = []
    lost: Loss = ""
    changed = False
    for frame, duration in _film(found) if moving else ():
        durations.append(duration)
        standing, lost, changed = _standing(frame, lying, None, profile, orientation)
        frames.append(standing)
    if len(frames) < 2:
        still = open_image(found.file) if moving else image
        standing, lost, changed = _standing(plain(load(still, found.file)), lying, box, profile, orientation)
        frames = [standing]
    elif not any(map(_is_transparent, frames)):
        frames = [straight(frame).convert("RGB") for frame in frames]
    timing = animation.timing(image, durations) if len(frames) > 1 else None
    losses = {"depth": deep, "gamut": lost == "gamut", "profile": unread or lost == "profile"}
    return Picture(frames, timing, changed or deep or orientation != UPRIGHT, losses)


def _film(found: Opened) -> Iterator[tuple[Image.Image, int]]:
    """Frames with their milliseconds, up to the first that is damaged: browsers show those before it, too."""
    try:
        yield from animation.pictures(found.image, found.seen.frames, found.file)
    except MemoryError:
        raise
    except DECODER_ERRORS:
        return


def _is_transparent(frame: Image.Image) -> bool:
    return has_alpha(frame) and frame.getchannel(frame.getbands()[-1]).getextrema()[0] < 255  # type: ignore[operator]


def _standing(
    frame: Image.Image, lying: Size, box: Box | None, profile: bytes | None, orientation: int
) -> tuple[Image.Image, Loss, bool]:
    """Of exactly that size, in sRGB, upright; what colours got lost, and whether they were changed."""
    # Turning and converting come after the first, large step down: they cost by the pixel.
    small = shrink(premultiplied(frame), lying, box)
    converted, lost = _in_srgb(small, profile)
    changed = converted is not small
    standing = upright(converted, orientation)
    standing.info = {}  # Pillow would write the comment of the original into every rendition
    return standing, lost, changed


def _in_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Loss]:
    if not profile or not has_alpha(image):
        return to_srgb(image, profile)
    seen = straight(image)
    opaque = seen.convert(seen.mode.removesuffix("A"))
    converted, lost = to_srgb(opaque, profile)
    if converted is opaque:
        return image, lost
    converted.putalpha(seen.getchannel("A"))
    return premultiplied(converted), lost


def _draft(image: Image.Image, size: Size) -> Box | None:
    """Let a JPEG decode to the half, quarter or eighth that is still larger than `size`."""
    if image.format not in ("JPEG", "MPO"):
        return None  # HEIC would answer with its embedded thumbnail, which may show anything
    drafted = image.draft(None, size)
    return drafted[1] if drafted else None


def _sample(pyramid: dict[Size, Image.Image]) -> Image.Image:
    """A small copy in RGB, or RGBA where something is transparent."""
    size = fit_within(*max(pyramid, key=_area), max_width=_SAMPLE_SIDE, max_height=_SAMPLE_SIDE)
    sample = pyramid[min((made for made in pyramid if covers(made, size)), key=_area)]
    if sample.size != size:
        sample = sample.resize(size, Image.Resampling.BOX)
    seen = straight(sample)
    wanted = "RGBA" if has_alpha(seen) else "RGB"
    return seen if seen.mode == wanted else seen.convert(wanted)


def _targets(
    found: Opened, recipes: Iterable[Recipe], picture: Picture, sample: Image.Image, focal_point: Point | None
) -> list[Target]:
    size = (found.seen.width, found.seen.height)
    targets = []
    for recipe in recipes:
        moving = picture.timing is not None and recipe.animation == "keep"
        laid = layout(size, recipe, limit=_limit(recipe), focus=focal_point)
        if focal_point is None and recipe.position == ATTENTION and not laid.shows_all:
            laid = layout(size, recipe, limit=_limit(recipe), focus=focus_of(sample, laid.size, laid.whole))
        formats = chosen(recipe.formats, alpha=picture.alpha, moving=moving)
        targets += [Target(recipe, laid, one, moving and ENCODERS[one].animation) for one in formats]
    return targets


def _encoded(
    targets: Sequence[Target], picture: Picture, pyramid: dict[Size, Image.Image], found: Opened
) -> tuple[Rendition, ...]:
    written: dict[tuple[object, ...], bytes] = {}
    renditions = []
    for target in targets:
        recipe, laid = target.recipe, target.layout
        quality = getattr(recipe.quality, target.format, 0)
        ground = None if ENCODERS[target.format].alpha and laid.canvas == laid.size else recipe.background
        key = (laid, target.format, quality, target.moving, ground)
        if key not in written:
            written[key] = _file(target, picture, pyramid, found)
        renditions.append(_rendition(target, written[key]))
    return tuple(renditions)


def _rendition(target: Target, data: bytes) -> Rendition:
    encoder, recipe = ENCODERS[target.format], target.recipe
    size = target.layout.canvas
    return Rendition(
        recipe.name, *size, encoder.content_type, data, target.moving, recipe.version, encoder.extension
    )


def _pyramid(largest: Image.Image, sizes: Iterable[Size]) -> dict[Size, Image.Image]:
    """Each size from the smallest image that is already there and at least as large, largest first."""
    images = {largest.size: largest}
    for size in sorted(set(sizes) - images.keys(), key=_area, reverse=True):
        sources = [made for made in images if covers(made, size)]
        if sources:
            images[size] = shrink(images[min(sources, key=_area)], size)
    return images


def _file(target: Target, picture: Picture, pyramid: dict[Size, Image.Image], found: Opened) -> bytes:
    quality = getattr(target.recipe.quality, target.format, 0)
    if target.moving:
        # One frame after the other: only the decoded ones are kept all at once.
        frames = [_shown(target, {frame.size: frame}) for frame in picture.frames]
        data = ENCODERS[target.format].write(frames, quality, picture.timing)
    else:
        frames = [_shown(target, pyramid)]
        data = ENCODERS[target.format].write(frames, quality, None)
    if target.layout.canvas == (found.seen.width, found.seen.height):
        return _never_larger(data, frames, target, picture, found)
    return data


def _shown(target: Target, sources: dict[Size, Image.Image]) -> Image.Image:
    """What a rendition shows of a frame, as its format takes it."""
    laid, recipe = target.layout, target.recipe
    fitting = [size for size in sources if covers(size, laid.whole)]
    source = sources[min(fitting, key=_area) if fitting else max(sources, key=_area)]
    image = straight(part_of(source, laid.whole, laid.offset, laid.size))
    if not ENCODERS[target.format].alpha:
        image = on_ground(image, recipe.background)
    if laid.canvas == laid.size:
        return image
    ground = Image.new("RGBA" if has_alpha(image) else "RGB", laid.canvas, recipe.background)
    ground.paste(image, laid.place)
    return ground


def _never_larger(
    data: bytes, frames: Sequence[Image.Image], target: Target, picture: Picture, found: Opened
) -> bytes:
    """For a rendition of the original's size: its own coded data, or a lower quality, where that is less."""
    found.file.seek(0)
    original = found.file.read()
    laid, image = target.layout, found.image
    same = image.format in ENCODERS[target.format].plugins and target.moving == (found.seen.frames > 1)
    if same and not picture.changed and laid.shows_all and laid.canvas == laid.size:
        kept = bare(original, image.format or "")
        if kept is not None and len(kept) < len(data):
            return kept
    if len(data) > len(original):
        return _smaller(data, len(original), frames, target, picture)
    return data


def _smaller(
    data: bytes, most: int, frames: Sequence[Image.Image], target: Target, picture: Picture
) -> bytes:
    """With as much quality as still fits; as it was where nothing fits."""
    press = ENCODERS[target.format].press
    if press is None:
        return data
    timing = picture.timing if target.moving else None
    for quality in range(getattr(target.recipe.quality, target.format), _LEAST - 1, -_LESS):
        less = press(frames, quality, timing)
        if len(less) <= most:
            return less
    return data


def _losses(found: Opened, picture: Picture, renditions: Sequence[Rendition]) -> tuple[str, ...]:
    by_type = {encoder.content_type: encoder for encoder in ENCODERS.values()}
    lost = {
        "animation": found.seen.frames > 1 and not all(one.animated for one in renditions),
        "alpha": picture.alpha and not all(by_type[one.content_type].alpha for one in renditions),
        **picture.losses,
    }
    return tuple(name for name, is_lost in lost.items() if is_lost)


def _area(size: Size) -> int:
    return size[0] * size[1]
