"""Writing pictures: one table of formats, no format named anywhere else in the chain."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image

from processing.imaging.pixels.geometry import JPEG_LIMIT


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds for each frame, and how often they are played; 0 is for ever."""

    durations: tuple[int, ...]
    plays: int


Frames = Sequence[Image.Image]
# Frames in L, LA, RGB or RGBA, the quality, and their timing where there are several.
Write = Callable[[Frames, int, Timing | None], bytes]


@dataclass(frozen=True, slots=True)
class Encoder:
    """`extension` has no dot; `max_side` px is the most that the format holds."""

    plugins: tuple[str, ...]
    content_type: str
    extension: str
    max_side: int
    alpha: bool
    animation: bool
    write: Write
    # The same in fewer bytes for more time; None where only `write` is left, which loses nothing.
    press: Write | None = None


def _jpeg(frames: Frames, quality: int, _timing: Timing | None) -> bytes:
    return _saved(frames[0], "JPEG", quality=quality, subsampling="4:2:0")


def _pressed_jpeg(frames: Frames, quality: int, _timing: Timing | None) -> bytes:
    return _saved(frames[0], "JPEG", quality=quality, subsampling="4:2:0", optimize=True, progressive=True)


def _webp(frames: Frames, quality: int, timing: Timing | None) -> bytes:
    if timing is None:
        return _saved(frames[0], "WEBP", quality=quality)
    # Method 2 is twice as fast as the usual 4 for a few per cent more bytes; a film has many frames.
    return _saved(frames[0], "WEBP", quality=quality, method=2, **_film(frames, timing), loop=timing.plays)


def _avif(frames: Frames, quality: int, timing: Timing | None) -> bytes:
    # One thread: the other processors have pictures of their own.
    options = {"quality": quality, "max_threads": 1}
    if timing is None:
        return _saved(frames[0], "AVIF", **options)
    return _saved(frames[0], "AVIF", speed=8, **options, **_film(frames, timing))


def _png(frames: Frames, _quality: int, timing: Timing | None) -> bytes:
    if timing is None:
        return _saved(frames[0], "PNG")
    return _saved(frames[0], "PNG", **_film(frames, timing), loop=timing.plays, blend=0, disposal=0)


def _film(frames: Frames, timing: Timing) -> dict[str, object]:
    return {"save_all": True, "append_images": frames[1:], "duration": list(timing.durations)}


def _saved(image: Image.Image, plugin: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, plugin, **options)
    return out.getvalue()


ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {
        "jpeg": Encoder(("JPEG", "MPO"), "image/jpeg", "jpg", JPEG_LIMIT, False, False, _jpeg, _pressed_jpeg),
        "webp": Encoder(("WEBP",), "image/webp", "webp", 16_383, True, True, _webp, _webp),
        "avif": Encoder(("AVIF",), "image/avif", "avif", 16_383, True, True, _avif, _avif),
        "png": Encoder(("PNG",), "image/png", "png", 65_500, True, True, _png),
    }
)


def chosen(formats: Sequence[str], *, alpha: bool, moving: bool) -> tuple[str, ...]:
    """The formats with "auto" resolved, each once: JPEG, or WebP where JPEG would lose something."""
    auto = "webp" if alpha or moving else "jpeg"
    return tuple(dict.fromkeys(auto if one == "auto" else one for one in formats))
