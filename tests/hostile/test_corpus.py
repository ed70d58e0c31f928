"""`make hostile CORPUS=DIR`: every file of a folder through the door; COMPARE=1: and under libvips' eyes."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.api import Api
from tests.hostile.report import REPORT
from tests.hostile.second_decoder import differences, is_there

CORPUS = os.environ.get("CORPUS", "")
COMPARE = bool(os.environ.get("COMPARE"))
AT_ONCE = 50


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@pytest.mark.slow
@pytest.mark.timeout(24 * 3600)
@pytest.mark.skipif(not CORPUS, reason="needs a folder: make hostile CORPUS=DIR")
def test_every_file_of_the_corpus_is_answered_and_finished(api: Api) -> None:
    """No 5xx, no hang; that no process died and no image is unfinished, the module's fixture looks."""
    paths = files_below(Path(CORPUS))
    assert paths, f"{CORPUS} has no files"
    assert is_there() or not COMPARE, "COMPARE=1 needs vipsthumbnail and vipsheader (Debian: libvips-tools)"
    upload_all(api, paths)


def upload_all(api: Api, paths: list[Path]) -> Counter[str]:
    """Sends the files, some at once, and waits for each; what became of them, counted by code."""
    codes: Counter[str] = Counter()
    for start in range(0, len(paths), AT_ONCE):
        part = paths[start : start + AT_ONCE]
        answer = api.multi([(path.name, path.read_bytes()) for path in part], timeout=600)
        assert answer.status_code in (202, 400, 413), f"{answer.status_code} for {part}: {answer.text}"
        if answer.status_code == 413 and len(part) > 1:
            for path in part:
                codes += upload_all(api, [path])
            continue
        body = answer.json()
        refusals = body["rejected"] if answer.status_code == 202 else body["errors"]
        found = {refusal.get("index", 0): refusal["code"] for refusal in refusals}
        if answer.status_code == 202:
            api.finished(body["job_id"], 600)
            for image in api.images(body["job_id"]):
                if COMPARE and not image["error"]:
                    compare(api, image, part[image["index"]])
                assert image["finished_at"], f"{image['name']} is unfinished"
                found[image["index"]] = image["error"]["code"] if image["error"] else "completed"
        for index, path in enumerate(part):
            REPORT.add(f"corpus: {path.suffix or 'no ending'}", found[index], answer.status_code)
        codes.update(found.values())
    return codes


def compare(api: Api, image: dict[str, Any], path: Path) -> None:
    """Reports what differs between a completed image's largest rendition and a second decoder's picture."""
    largest = max(image["renditions"], key=lambda rendition: rendition["width"] * rendition["height"])
    answer = api.client.get(largest["url"])
    assert answer.status_code == 200
    found = differences(path, image["width"], image["height"], answer.content)
    for difference in found or ():
        REPORT.add(f"corpus: {path}", f"DIFFERS: {difference}", 200)
    verdict = "not read by it" if found is None else "differs" if found else "same"
    REPORT.add("compared with libvips", verdict, 200)


def test_a_folder_of_anything_is_answered(api: Api, tmp_path: Path) -> None:
    """What the target does, on a small folder of our own: sources, a library, and damaged pictures."""
    root = Path(__file__).parents[2]
    (tmp_path / "sub").mkdir()
    for number, path in enumerate([root / "Makefile", Path(os.__file__), Path("/bin/true")]):
        (tmp_path / "sub" / f"{number}{path.suffix}").write_bytes(path.read_bytes())
    (tmp_path / "empty").touch()
    codes = upload_all(api, files_below(tmp_path))
    assert codes == {"unsupported_format": 3, "empty_file": 1}
