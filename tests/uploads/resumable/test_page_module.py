"""The page's own way of sending, as a module in Node."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from pathlib import Path

import pytest

from tests.api import Api
from tests.drawing import photo
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_pages_own_module_goes_on_after_a_reload(stack: Stack, api: Api, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photo(32, 640, 480) + random.Random(32).randbytes(500_000))
    given = {
        "module": str(ROOT / "uploads/page/static/uploads/sending/resumable.js"),
        "endpoint": f"{stack.url}/api/uploads",
        "token": stack.token,
        "path": str(path),
    }
    script = Path(__file__).with_name("page_module.mjs")
    command = ["node", "--experimental-default-type=module", str(script), json.dumps(given)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["starts"] == ["Error: left", True]
    assert said["first"] >= 200_000, "it went on where it was"
    assert (said["last"], said["left"]) == (path.stat().st_size, None)
    (image,) = api.images(said["job"])
    assert image["id"] == said["image"]
    assert image["checksum"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert image["name"] == "ä.jpg"
