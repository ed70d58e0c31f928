"""tus-js-client from npm, unchanged, in Node."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api import Api
from tests.drawing import photo
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SCRIPT = Path(__file__).with_name("tus_js.mjs")


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tus-js-client, from the npm registry."""
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(["npm", "init", "-y"], cwd=folder, check=True, capture_output=True)
    subprocess.run(["npm", "install", "tus-js-client@4"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A picture with 24 MB of what cameras write behind it: no decoder minds, every byte counts."""
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    path.write_bytes(photo(31, 640, 480) + random.Random(31).randbytes(24_000_000))
    yield path
    path.unlink()


def sent(stack: Stack, modules: Path, path: Path, **options: Any) -> dict[str, Any]:
    given = {
        "endpoint": f"{stack.url}/api/uploads",
        "token": stack.token,
        "path": str(path),
        "modules": str(modules),
        "options": options,
    }
    done = subprocess.run(
        ["node", str(SCRIPT), json.dumps(given)],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "NODE_PATH": str(modules / "node_modules")},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def is_image(api: Api, answer: dict[str, Any], path: Path) -> None:
    job = answer["job"].rpartition("/")[2]
    assert api.finished(job)["status"] == "completed"
    (image,) = api.images(job)
    assert image["id"] == answer["image"]
    assert image["checksum"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    "options",
    [
        {"metadata": {"filename": "plain.jpg"}},
        {"chunkSize": 1_000_000},
        {"chunkSize": 5_000_000, "uploadDataDuringCreation": True},
        {"chunkSize": 3_000_000, "overridePatchMethod": True},
        {"parallelUploads": 3, "uploadSize": None, "chunkSize": 2_000_000},
        {"chunkSize": 5_000_000, "protocol": "ietf-draft-03"},
        {"chunkSize": 5_000_000, "protocol": "ietf-draft-05"},
    ],
    ids=["plain", "chunks", "creation", "override", "parallel", "draft-03", "draft-05"],
)
def test_tus_js_client(stack: Stack, api: Api, modules: Path, large: Path, options: dict[str, Any]) -> None:
    is_image(api, sent(stack, modules, large, **options), large)


def test_the_pages_own_module_goes_on_after_a_reload(stack: Stack, api: Api, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photo(32, 640, 480) + random.Random(32).randbytes(500_000))
    given = {
        "module": str(ROOT / "uploads/page/static/uploads/sending/resumable.js"),
        "endpoint": f"{stack.url}/api/uploads",
        "token": stack.token,
        "path": str(path),
    }
    script = SCRIPT.with_name("page_module.mjs")
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
