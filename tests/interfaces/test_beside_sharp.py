"""What our recipes make beside what sharp makes of the same words."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from processing.imaging.attention import focus_of
from processing.imaging.pixels.geometry import fit_within
from processing.imaging.pixels.layout import layout
from processing.imaging.recipes import ATTENTION, FITS, POSITIONS, Recipe
from processing.imaging.renditions import make
from tests.drawing import decoded, drawn_photo, encoded, exif_with, psnr

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TURNS = range(1, 9)
SIDES = [(120, 90), (60, 110), (200, None), (None, 75), (500, 300)]
# Photos for attention; the drawn ones stand in where there are none.
PHOTOS = os.environ.get("PHOTOS", "")


@pytest.fixture(scope="module")
def sharp(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """Asks sharp, which npm installs for this run."""
    if not shutil.which("npm"):
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("sharp")
    shutil.copy(Path(__file__).with_name("sharp.mjs"), folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "sharp@0.35.5"]
    subprocess.run(command, cwd=folder, check=True, timeout=300)

    def ask(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines = "\n".join(map(json.dumps, questions))
        done = subprocess.run(
            ["node", "sharp.mjs"], cwd=folder, input=lines, text=True, stdout=subprocess.PIPE, check=True
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return ask


def made(path: Path, recipe: Recipe, **kwargs: Any) -> Image.Image:
    with path.open("rb") as file:
        (rendition,) = make(file, [recipe], max_pixels=10**8, **kwargs).renditions
    return decoded(rendition.data).convert("RGB")


def question(path: Path, out: Path, recipe: Recipe) -> dict[str, Any]:
    words = ("width", "height", "fit", "position", "enlarge", "background")
    return {"file": str(path), "out": str(out), **{word: getattr(recipe, word) for word in words}}


@pytest.mark.parametrize("sides", SIDES, ids=str)
@pytest.mark.parametrize("enlarge", [False, True])
def test_five_fits_ten_positions_and_eight_turns(
    sides: tuple[int | None, int | None], enlarge: bool, sharp: Any, tmp_path: Path
) -> None:
    """The same size everywhere, the same pixels to 34 dB wherever the same part is shown."""
    cases, questions = [], []
    for turn in TURNS:
        path = tmp_path / f"{turn}.png"
        path.write_bytes(encoded(drawn_photo(5, 300, 200), "PNG", exif=exif_with(turn)[6:]))
    for turn, fit, position in itertools.product(TURNS, FITS, POSITIONS):
        recipe = Recipe("r", *sides, fit, position, enlarge, formats=("png",), background="#204060")
        out = tmp_path / f"{len(cases)}.out.png"
        cases.append((tmp_path / f"{turn}.png", out, recipe))
        questions.append(question(*cases[-1]))
    worst = 99.0
    for (path, out, recipe), answer in zip(cases, sharp(questions), strict=True):
        ours = made(path, recipe)
        assert ours.size == (answer["width"], answer["height"]), (path.name, recipe)
        if recipe.position != ATTENTION:
            likeness = psnr(ours, Image.open(out))
            # libvips places an enlarged picture a part of a pixel to the left and up of where it was.
            assert likeness >= (32 if enlarge else 34), (likeness, path.name, recipe)
            worst = min(worst, likeness)
    print(f"{len(cases)} cases of {sides}, worst {worst:.1f} dB")


def photos() -> list[bytes]:
    if PHOTOS:
        return [path.read_bytes() for path in sorted(Path(PHOTOS).iterdir()) if path.is_file()]
    return [encoded(drawn_photo(seed, 900, 600), "JPEG") for seed in range(10)]


def test_attention_looks_into_the_same_half(sharp: Any, tmp_path: Path) -> None:
    """The middles of our crop and of libvips' lie in the same half of nine of ten pictures."""
    found = photos()
    same = sum(_agrees(data, number, sharp, tmp_path) for number, data in enumerate(found))
    assert same >= 0.9 * len(found)


def _agrees(data: bytes, number: int, sharp: Any, folder: Path) -> bool:
    path = folder / f"{number}.img"
    path.write_bytes(data)
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    side = min(image.size) // 2
    recipe = Recipe("r", side, side, "cover", ATTENTION, formats=("png",))
    (answer,) = sharp([question(path, folder / "out.png", recipe)])
    laid = layout(image.size, recipe, limit=10_000)
    sample = image.resize(fit_within(*image.size, max_width=96, max_height=96), Image.Resampling.BOX)
    ours = layout(image.size, recipe, limit=10_000, focus=focus_of(sample, laid.size, laid.whole)).offset
    theirs = (-answer["cropOffsetLeft"], -answer["cropOffsetTop"])
    axis = int(image.height > image.width)
    half = laid.whole[axis] / 2
    middles = [offset[axis] + side / 2 for offset in (ours, theirs)]
    print(f"{number}: ours {ours}, theirs {theirs} of {laid.whole}")
    return (middles[0] < half) == (middles[1] < half)
