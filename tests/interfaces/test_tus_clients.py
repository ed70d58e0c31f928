"""Clients from npm, unchanged: tus-js-client in Node and in Chromium, Uppy in Chromium."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.api import Api
from tests.browser.launching import running_chromium
from tests.drawing import photo
from tests.interfaces.npm import installed
from tests.origins import Origin, Reply, origin_server
from tests.serving import web_server
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SCRIPT = Path(__file__).with_name("tus_node.mjs")
PAGE = "<!doctype html><meta charset=utf-8><title>App</title>"
PACKAGES = ("tus-js-client@4", "@uppy/core@6", "@uppy/tus@6", "@uppy/golden-retriever@6", "esbuild@0.28")
# What an app of its own does with Uppy: one file, on its way again after a reload. It stops for good after
# four pieces, where `stops` says so, as a tab does that is closed.
UPPY = """
import Uppy from '@uppy/core'
import Tus from '@uppy/tus'
import GoldenRetriever from '@uppy/golden-retriever'

window.begin = ({ endpoint, token, stops }) => {
  window.seen = { offsets: [], methods: [], sent: 0 }
  const uppy = (window.uppy = new Uppy({ id: 'app' }))
  uppy.use(Tus, {
    endpoint,
    headers: { Authorization: `Bearer ${token}` },
    chunkSize: 256 * 1024,
    allowedMetaFields: ['filename', 'filetype'],
    async onBeforeRequest(request) {
      window.seen.methods.push(request.getMethod())
      if (request.getMethod() === 'PATCH' && stops && ++window.seen.sent > 4) await new Promise(() => {})
    },
    onAfterResponse(request, answer) {
      window.seen.offsets.push(Number(answer.getHeader('Upload-Offset')))
      window.seen.image = answer.getHeader('X-Image-Id')
      window.seen.job = answer.getHeader('Content-Location')
    },
  })
  uppy.on('complete', (result) => (window.seen.complete = [result.successful.length, result.failed.length]))
  uppy.on('restored', () => setTimeout(() => uppy.emit('restore-confirmed')))
  uppy.use(GoldenRetriever)
}
// What the plugin has written down so far: it does so from time to time.
window.kept = (name) => new Promise((resolve) => {
  const opening = indexedDB.open('uppy-blobs')
  opening.onsuccess = () => {
    const all = opening.result.transaction([name]).objectStore(name).getAll()
    all.onsuccess = () => resolve(all.result)
  }
})
"""
# tus-js-client as its documentation shows it for a browser.
TUS = """async ([endpoint, token, path, options]) => {
  const file = new File([await (await fetch(path)).blob()], 'browser.jpg', { type: 'image/jpeg' })
  return await new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      endpoint,
      headers: { Authorization: `Bearer ${token}` },
      metadata: { filename: file.name, filetype: file.type },
      ...options,
      onError: (error) => reject(String(error)),
      onSuccess: ({ lastResponse }) => resolve({
        url: upload.url,
        image: lastResponse.getHeader('X-Image-Id'),
        job: lastResponse.getHeader('Content-Location'),
      }),
    })
    upload.start()
  })
}"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clients, from the npm registry."""
    return installed(tmp_path_factory.mktemp("npm"), *PACKAGES)


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as running:
        yield running


@pytest.fixture(scope="module")
def app(modules: Path, large: Path) -> Iterator[Origin]:
    """Somebody's page with these clients, on an origin of its own."""
    (modules / "uppy.mjs").write_text(UPPY)
    bundle = ("node_modules/.bin/esbuild", "uppy.mjs", "--bundle", "--format=iife", "--outfile=uppy.js")
    subprocess.run(bundle, cwd=modules, check=True, capture_output=True, timeout=120)
    scripts = {
        "tus": (modules / "node_modules/tus-js-client/dist/tus.min.js").read_bytes(),
        "uppy": (modules / "uppy.js").read_bytes(),
    }
    with origin_server() as origin:
        origin.serve("/large.jpg", Reply(body=large.read_bytes()))
        for name, script in scripts.items():
            origin.serve(f"/{name}.js", Reply(body=script, headers={"Content-Type": "text/javascript"}))
            page = f"{PAGE}<script src=/{name}.js></script>".encode()
            origin.serve(f"/{name}", Reply(body=page, headers={"Content-Type": "text/html"}))
        yield origin


@pytest.fixture(scope="module")
def given(stack: Stack, app: Origin) -> Iterator[dict[str, Any]]:
    """Where the page uploads to, a web server that lets its origin in, and as whom."""
    with web_server(stack, IMAGEAPI_CORS_ORIGINS=app.url) as url:
        yield {"endpoint": f"{url}/api/uploads", "token": stack.token}


@pytest.fixture
def opened(browser: Browser, app: Origin) -> Iterator[Callable[[str], Page]]:
    """Opens the page with this client."""
    page = browser.new_page()

    def go_to(name: str) -> Page:
        page.goto(f"{app.url}/{name}")
        return page

    yield go_to
    page.close()


@pytest.mark.parametrize(
    "options",
    [
        {"chunkSize": 5_000_000},
        {"parallelUploads": 4},
        {"parallelUploads": 3, "chunkSize": 2_000_000},
        {"protocol": "ietf-draft-05"},
        {"protocol": "ietf-draft-05", "chunkSize": 5_000_000},
    ],
    ids=["chunks", "parallel", "parallel chunks", "draft-05", "draft-05 chunks"],
)
def test_tus_js_client_in_chromium(
    api: Api,
    opened: Callable[[str], Page],
    given: dict[str, Any],
    large: Path,
    options: dict[str, Any],
) -> None:
    sent = opened("tus").evaluate(TUS, [*given.values(), "/large.jpg", options])
    is_image(api, sent, large)


def test_uppy_with_golden_retriever_goes_on_after_a_reload(
    api: Api, opened: Callable[[str], Page], given: dict[str, Any], app: Origin, tmp_path: Path
) -> None:
    path = tmp_path / "uppy.jpg"
    path.write_bytes(photo(33, 640, 480) + random.Random(33).randbytes(5_000_000))
    app.serve("/uppy.jpg", Reply(body=path.read_bytes()))
    page = opened("uppy")
    page.evaluate("given => begin(given)", {**given, "stops": True})
    page.evaluate("""async () => {
        const data = await (await fetch('/uppy.jpg')).blob()
        uppy.addFile({ name: 'uppy.jpg', type: 'image/jpeg', data, meta: { filename: 'uppy.jpg' } })
        uppy.upload()
    }""")
    page.wait_for_function("seen.offsets.filter(Boolean).length === 4")
    page.wait_for_function("""async () =>
        (await kept('files')).length === 1 &&
        Object.keys(JSON.parse((await kept('metadata'))[0]?.metadata ?? '{}').currentUploads ?? {}).length""")
    page.reload()
    page.evaluate("given => begin(given)", given)
    page.wait_for_function("seen.complete")
    seen = page.evaluate("seen")
    assert seen["complete"] == [1, 0]
    assert "POST" not in seen["methods"], "it began anew"
    assert seen["offsets"][0] == 4 * 256 * 1024
    is_image(api, seen, path)
