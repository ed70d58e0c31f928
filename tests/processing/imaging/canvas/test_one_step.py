"""A step on the largest canvas in a process of its own, and what that process takes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from tempfile import TemporaryFile

import numpy as np
from PIL import Image

from processing.imaging.canvas.canvas import Canvas
from tests.stack import ROOT

# The kernel's own figure of a child begins with what its parent had; this is the child's alone.
PROGRAM = """
import sys
from pathlib import Path
from processing.imaging.canvas.one_step import main
main()
sys.stderr.write(next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM")))
"""
COMMAND = (sys.executable, "-c", PROGRAM)


def peak_of_a_step(before: bytes) -> tuple[bytes, dict[str, object], int]:
    """The PNG after, what was said, and the most bytes the process had in memory."""
    with TemporaryFile() as source, TemporaryFile() as out:
        source.write(before)
        source.seek(0)
        done = subprocess.run(COMMAND, stdin=source, stdout=out, stderr=subprocess.PIPE, cwd=ROOT, check=True)
        said, peak = done.stderr.splitlines()
        out.seek(0)
        return out.read(), json.loads(said), int(peak.split()[1]) * 1024


def test_the_largest_canvas_is_worked_on_in_250_mb() -> None:
    file = io.BytesIO()
    Canvas(4096, 4096, 5).write_png(file, 50)
    after, said, peak = peak_of_a_step(file.getvalue())
    assert said == {"is_changed": True, "progression": 100 * (4096 * 4096 // 2 + 1) / 4096**2}
    with Image.open(io.BytesIO(after)) as shown:
        assert shown.size == (4096, 4096)
    print(f"peak of one step at 4096 px: {peak / 1e6:.0f} MB")
    assert peak < 250e6


def test_one_with_transparency_too() -> None:
    file = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 256, (4096, 4096, 4), np.uint8)
    Image.fromarray(pixels, "RGBA").save(file, "PNG", compress_level=0)
    _, said, peak = peak_of_a_step(file.getvalue())
    assert "progression" in said
    print(f"peak with transparency: {peak / 1e6:.0f} MB")
    assert peak < 250e6


def test_what_is_wrong_comes_as_code_and_detail() -> None:
    _, said, _ = peak_of_a_step(b"no picture")
    assert said["code"] == "unsupported_format"
