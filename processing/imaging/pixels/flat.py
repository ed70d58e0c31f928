"""From any pixel layout to plain 8-bit grey, RGB or CMYK."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image, ImageColor

_WITH_ALPHA = frozenset(("LA", "RGBA"))
_TO_ALPHA = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
_PLAIN = frozenset(("L", "RGB", "CMYK"))
_TO_PLAIN = {"1": "L", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB"}


def is_deep(image: Image.Image) -> bool:
    """True where a channel has more than 8 bits; asked before decoding, while the raw layout is known."""
    raw_layouts = (str(tile.args) for tile in getattr(image, "tile", ()))
    return (
        getattr(image, "is_deep", False)
        or _tiff_bits(image) > 8
        or image.info.get("coded_bits", 8) > 8
        or image.info.get("bit_depth", 8) > 8
        or image.mode[0] in "IF"
        or any(";16" in layout for layout in raw_layouts)
    )


def flatten(image: Image.Image) -> tuple[Image.Image, bool]:
    """A loaded picture as L, RGB or CMYK, on white; the second value says whether some was not opaque."""
    image = plain(image)
    return on_ground(image, "white"), has_alpha(image)


def plain(image: Image.Image) -> Image.Image:
    """A loaded picture as L, RGB or CMYK, or as LA or RGBA where some of it is not opaque."""
    if image.mode in _PLAIN and "transparency" not in image.info:
        return image
    if image.mode[0] in "IF":
        image = _eight_bit(image)
    elif image.has_transparency_data:
        image = image.convert(_alpha_mode(image))
    if image.mode in _WITH_ALPHA:
        lowest, _highest = image.getchannel("A").getextrema()
        return image.convert(image.mode.removesuffix("A")) if lowest == 255 else image
    mode = _TO_PLAIN.get(image.mode)
    return image.convert(mode) if mode else image


def has_alpha(image: Image.Image) -> bool:
    """Of a plain picture, premultiplied or not."""
    return image.mode in ("LA", "La", "RGBA", "RGBa")


def on_ground(image: Image.Image, color: str) -> Image.Image:
    """A plain picture without alpha, what is transparent in this colour."""
    if not has_alpha(image):
        return image
    grey = len(set(ImageColor.getrgb(color)[:3])) == 1
    mode = "L" if grey and image.mode == "LA" else "RGB"
    ground = Image.new(mode, image.size, color)
    ground.paste(image.convert(mode), mask=image.getchannel("A"))
    return ground


def _alpha_mode(image: Image.Image) -> str:
    if image.mode in _WITH_ALPHA:
        return image.mode
    return _TO_ALPHA.get(image.mode) or ("LA" if image.mode in "1L" else "RGBA")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey of 9 to 16 bits as L, or LA where one value means transparent; Pillow's `convert` clips."""
    values = np.asarray(image)
    ramp = np.arange(65_536, dtype=np.float32) * (255 / ((1 << (_tiff_bits(image) or 16)) - 1)) + 0.5
    grey = np.minimum(ramp, 255).astype(np.uint8)[values.astype(np.uint16, copy=False)]
    if _tiff_tag(image, ExifTags.Base.PhotometricInterpretation) == 0:
        grey = 255 - grey  # "white is zero", which Pillow heeds in 8 bits only
    scaled = Image.fromarray(grey, "L")
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        scaled.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8), "L"))
    return scaled


def _tiff_bits(image: Image.Image) -> int:
    """Bits of the widest channel of a TIFF; 0 for other formats."""
    bits = _tiff_tag(image, ExifTags.Base.BitsPerSample)
    return max(bits) if isinstance(bits, tuple) else bits or 0


def _tiff_tag(image: Image.Image, tag: int) -> tuple[int, ...] | int | None:
    tags = getattr(image, "tag_v2", None)
    return None if tags is None else tags.get(tag)
