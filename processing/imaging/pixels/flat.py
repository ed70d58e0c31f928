"""From any pixel layout to plain 8-bit grey, RGB or CMYK."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image

_WITH_ALPHA = frozenset(("LA", "RGBA"))
_TO_ALPHA = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
_PLAIN = frozenset(("L", "RGB", "CMYK"))
_TO_PLAIN = {"1": "L", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB"}


def is_deep(image: Image.Image) -> bool:
    """True where a channel has more than 8 bits; asked before decoding, while the raw layout is known."""
    raw_layouts = (str(tile.args) for tile in getattr(image, "tile", ()))
    return (
        _tiff_bits(image) > 8
        or image.info.get("bit_depth", 8) > 8
        or image.mode[0] in "IF"
        or any(";16" in layout for layout in raw_layouts)
    )


def flatten(image: Image.Image) -> tuple[Image.Image, bool]:
    """Decode into mode L, RGB or CMYK, on white; the second value says whether some pixel was not opaque."""
    image.load()
    if image.mode in _PLAIN and "transparency" not in image.info:
        return image, False
    if image.mode[0] in "IF":
        image = _eight_bit(image)
    elif image.has_transparency_data:
        image = image.convert(_alpha_mode(image))
    if image.mode in _WITH_ALPHA:
        return _on_white(image)
    plain = _TO_PLAIN.get(image.mode)
    return (image.convert(plain) if plain else image), False


def _alpha_mode(image: Image.Image) -> str:
    if image.mode in _WITH_ALPHA:
        return image.mode
    return _TO_ALPHA.get(image.mode) or ("LA" if image.mode in "1L" else "RGBA")


def _on_white(image: Image.Image) -> tuple[Image.Image, bool]:
    plain = image.mode.removesuffix("A")
    lowest, _highest = image.getchannel("A").getextrema()
    if lowest == 255:
        return image.convert(plain), False
    ground = Image.new(plain, image.size, "white")
    ground.paste(image.convert(plain), mask=image.getchannel("A"))
    return ground, True


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits as L, or LA where one value means transparent; Pillow's `convert` clips."""
    values = np.asarray(image)
    low, high = _value_range(image, values)
    grey = _scaled(values, low, high)
    if _tiff_tag(image, ExifTags.Base.PhotometricInterpretation) == 0:
        grey = 255 - grey  # "white is zero", which Pillow heeds in 8 bits only
    scaled = Image.fromarray(grey, "L")
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        scaled.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8), "L"))
    return scaled


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    if values.dtype.itemsize == 2 and low == 0:
        ramp = np.arange(65_536, dtype=np.float32) * (255 / high) + 0.5
        return np.minimum(ramp, 255).astype(np.uint8)[values]
    span = (high - low) or 1.0
    with np.errstate(all="ignore"):
        scaled = (np.nan_to_num(values.astype(np.float32), nan=low, posinf=high, neginf=low) - low) * (
            255 / span
        )
    return np.clip(scaled + 0.5, 0, 255).astype(np.uint8)


def _value_range(image: Image.Image, values: np.ndarray) -> tuple[float, float]:
    """The values that mean black and white."""
    bits = _tiff_bits(image) or 8 * values.dtype.itemsize
    if bits <= 16:
        return 0, (1 << bits) - 1
    # 32 bits have no agreed white, except for 0 to 1 in floating point: what is there is stretched.
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (0.0, 1.0) if image.mode == "F" and low >= 0 and high <= 1 else (low, high)


def _tiff_bits(image: Image.Image) -> int:
    """Bits of the widest channel of a TIFF; 0 for other formats."""
    bits = _tiff_tag(image, ExifTags.Base.BitsPerSample)
    return max(bits) if isinstance(bits, tuple) else bits or 0


def _tiff_tag(image: Image.Image, tag: int) -> tuple[int, ...] | int | None:
    tags = getattr(image, "tag_v2", None)
    return None if tags is None else tags.get(tag)
