"""What libvips (Debian's libvips-tools) sees in a file, to hold a rendition against."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

_SIDE = 16
# Of 255: the mean of a picture, and of its worst 16th of a 16th, which a wrong turn moves far.
_MEAN, _PATCH = 6.0, 48.0
# Below this side, px, a part is a pixel or two, and every way of resizing has its own.
_SMALL = 64


def is_there() -> bool:
    return shutil.which("vipsthumbnail") is not None and shutil.which("vipsheader") is not None


def differences(path: Path, width: int, height: int, rendition: bytes) -> list[str] | None:
    """What differs in size, turn and colour from the file as libvips shows it; None where it cannot read it.

    `width` and `height` are those that we say the upright picture has.
    """
    header = _header(path)
    theirs = _shown(path, has_profile="icc-profile-data" in header) if header else None
    if header is None or theirs is None:
        return None
    size, found = _size(header), []
    if (width, height) != size:
        found.append(f"size {width} x {height}, libvips says {size[0]} x {size[1]}")
    with Image.open(io.BytesIO(rendition)) as image:
        ours = _patches(image)
    apart = np.abs(ours - theirs)
    mean = np.abs(ours.mean(axis=(0, 1)) - theirs.mean(axis=(0, 1))).max()
    if mean > _MEAN:
        found.append(f"mean colour {mean:.0f} apart")
    if min(size) >= _SMALL and apart.mean(axis=2).max() > _PATCH:
        turned = min(_turns(ours, theirs)) < apart.mean() / 2
        found.append("turned" if turned else f"a part is {apart.mean(axis=2).max():.0f} apart")
    return found


def _turns(ours: np.ndarray, theirs: np.ndarray) -> list[float]:
    turned = [np.rot90(side, turn) for side in (ours, ours[:, ::-1]) for turn in range(4)][1:]
    return [float(np.abs(one - theirs).mean()) for one in turned]


def _patches(image: Image.Image) -> np.ndarray:
    """Means of 16 x 16 parts on white, in shape (16, 16, 3)."""
    seen = image.convert("RGBA")
    ground = Image.new("RGBA", seen.size, "white")
    ground.alpha_composite(seen)
    return np.asarray(ground.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX), float)


def _shown(path: Path, *, has_profile: bool) -> np.ndarray | None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "seen.png"
        # Where there is no profile libvips would convert from one that the file never had.
        export = ["--export-profile", "srgb"] if has_profile else []
        if _said(["vipsthumbnail", str(path), "-s", "256x256!", *export, "-o", str(out)]) is None:
            return None
        with Image.open(out) as image:
            return _patches(image)


def _said(command: list[str]) -> str | None:
    """What a program printed; None where it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, errors="replace", check=False)
    return done.stdout if done.returncode == 0 else None


def _header(path: Path) -> dict[str, str] | None:
    said = _said(["vipsheader", "-a", str(path)])
    if said is None:
        return None
    lines = (line.split(": ", 1) for line in said.splitlines() if ": " in line)
    return {name.strip(): value for name, value in lines}


def _size(header: dict[str, str]) -> tuple[int, int]:
    size = int(header["width"]), int(header.get("page-height", header["height"]))
    return size[::-1] if header.get("orientation") in ("5", "6", "7", "8") else size
