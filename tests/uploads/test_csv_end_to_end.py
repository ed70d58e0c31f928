"""A CSV of addresses, from the upload to the result, on the real service with a real origin and receiver."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from standardwebhooks import Webhook

from tests.database import execute
from tests.drawing import photo
from tests.origins import Origin, Reply, Request, drip, endless, origin_server, stall
from tests.stack import Stack, free_port

pytestmark = pytest.mark.timeout(400)
HEADER = "S. No.,Product Name,Input Image Urls\r\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    env = {"IMAGEAPI_ALLOW_PRIVATE_URLS": "1", "IMAGEAPI_FETCH_SECONDS": "4"}
    with Stack(tmp_path_factory.mktemp("csv") / "home", env) as stack:
        yield stack


@pytest.fixture
def origin() -> Iterator[Origin]:
    with origin_server() as origin:
        yield origin


def send(stack: Stack, rows: str, **fields: Any) -> str:
    answer = httpx.post(
        f"{stack.url}/imgproc/upload",
        files={"file": ("list.csv", (HEADER + rows).encode())},
        data=fields,
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["message"] == "File uploaded successfully"
    return str(answer.json()["request_id"])


def finished(stack: Stack, job: str, seconds: float = 200) -> dict[str, Any]:
    end, since = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        url = f"{stack.url}/api/jobs/{job}/events?since={since}&wait=20"
        told = httpx.get(url, timeout=40).json()
        since = told["seq"]
        if any(event["type"] == "job.finished" for event in told["events"]):
            return httpx.get(f"{stack.url}/imgproc/status/{job}/").json()
    raise AssertionError((httpx.get(f"{stack.url}/imgproc/status/{job}/").json(), stack.output[-5000:]))


def result(stack: Stack, job: str) -> list[list[str]]:
    answer = httpx.get(f"{stack.url}/imgproc/result/{job}/")
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.text, newline=""), strict=True))


def ten_bad(origin: Origin) -> list[tuple[str, str]]:
    """Addresses that go wrong in ten ways, each with its code."""
    jpeg = {"Content-Type": "image/jpeg"}
    large = str(300 * 1024 * 1024)
    bomb = gzip.compress(b"\0" * 10_000_000)
    return [
        (origin.serve("/missing.jpg", Reply(404, b"no")), "fetch_failed"),
        (origin.serve("/broken.jpg", Reply(500, b"no", {"Retry-After": "1"})), "fetch_failed"),
        (origin.serve("/page.jpg", Reply(200, b"<html>hello</html>" * 9, jpeg)), "unsupported_format"),
        (origin.serve("/cut.jpg", Reply(200, photo(1)[:30_000], jpeg)), "truncated"),
        (origin.serve("/empty.jpg", Reply(200, b"", jpeg)), "empty_file"),
        (origin.serve("/large.jpg", Reply(200, b"", {"Content-Length": large})), "file_too_large"),
        (origin.serve("/drip.jpg", drip(origin)), "fetch_failed"),
        (origin.serve("/bomb.jpg", Reply(200, bomb, {"Content-Encoding": "gzip"})), "fetch_failed"),
        (origin.serve("/round.jpg", Reply(302, b"", {"Location": "/round.jpg"})), "fetch_failed"),
        ("ftp://127.0.0.1/file.jpg", "blocked_address"),
    ]


def test_two_hundred_addresses_with_ten_bad_ones(stack: Stack, origin: Origin) -> None:
    pictures = [photo(seed, 160, 120) for seed in range(190)]
    good = [
        origin.serve(f"/good-{number}.jpg", Reply(200, data, {"Content-Type": "image/jpeg"}))
        for number, data in enumerate(pictures)
    ]
    bad = ten_bad(origin)
    rows, codes = [], {}
    for number in range(100):  # two in a row; every tenth row has a bad one in the second place
        urls = [good.pop(), bad[number // 10][0] if number % 10 == 5 else good.pop()]
        if number % 10 == 5:
            codes[number] = bad[number // 10]
        product = '=HYPERLINK("http://evil","x")' if number == 7 else f"Product {number}"
        quoted = product.replace('"', '""')
        rows.append(f'{number + 1},"{quoted}","{urls[0]}, {urls[1]}"\r\n')

    # The receiver is down when the job finishes, and comes back before the second try.
    port = free_port()
    secret = httpx.post(f"{stack.url}/api/webhooks/secret").json()["secret"]
    job = send(stack, "".join(rows), webhook_url=f"http://127.0.0.1:{port}/hook")
    assert finished(stack, job) == {"status": "partial", "total": 200, "completed": 190, "failed": 10}
    tried = wait_for_delivery(
        stack, job, lambda delivery: delivery["attempts"] >= 1 and delivery["last_error"]
    )
    with origin_server(port) as receiver:
        receiver.serve("/hook", Reply(204))
        # On a slow machine the try after five seconds may have come too early; the one after that is due now.
        execute(stack, "UPDATE processing_delivery SET due_at = now() WHERE job_id = %s", job)
        received = receiver.wait("/hook", 1)
        delivered = wait_for_delivery(stack, job, lambda delivery: delivery["status"] == "delivered")
        assert len(receiver.requests("/hook")) == 1
    told = Webhook(secret).verify(received[0].body, dict(received[0].headers))
    assert (told["type"], told["data"]["id"], told["data"]["status"]) == ("job.finished", job, "partial")
    assert received[0].headers["webhook-id"] == tried["webhook_id"] == delivered["webhook_id"]

    lines = result(stack, job)
    assert lines[0] == ["S. No.", "Product Name", "Input Image Urls", "Output Image Urls", "Errors"]
    assert len(lines) == 101
    for number, line in enumerate(lines[1:]):
        assert line[0] == str(number + 1)
        outputs = line[3].split(",")
        if number in codes:
            url, code = codes[number]
            assert line[4] == f"{url}: {code}"
            assert len(outputs) == 1
        else:
            assert (line[4], len(outputs)) == ("", 2)
    assert lines[8][1] == '\'=HYPERLINK("http://evil","x")'
    compressed = httpx.get(lines[1][3].split(",")[0])
    assert compressed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    image = Image.open(io.BytesIO(compressed.content))
    assert (image.format, image.size) == ("JPEG", (160, 120))


def wait_for_delivery(stack: Stack, job: str, done: Any, seconds: float = 30) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while True:
        found = httpx.get(f"{stack.url}/api/webhooks/deliveries?job={job}").json()["results"]
        if found and done(found[0]):
            return found[0]
        assert time.monotonic() < end, found
        time.sleep(0.2)


def test_a_busy_origin_is_asked_again_when_it_said_so(stack: Stack, origin: Origin) -> None:
    data = photo(900, 60, 40)
    asked: list[float] = []

    def busy_once(_request: Request) -> Reply:
        asked.append(time.monotonic())
        return Reply(429, b"later", {"Retry-After": "3"}) if len(asked) == 1 else Reply(200, data)

    job = send(stack, f"1,One,{origin.serve('/busy.jpg', busy_once)}\r\n")
    assert finished(stack, job)["status"] == "completed"
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 3


def test_stalled_and_endless_origins_delay_no_ones_upload(stack: Stack, origin: Origin) -> None:
    urls = [origin.serve(f"/stall-{number}", stall(origin)) for number in range(20)]
    urls += [origin.serve(f"/endless-{number}", endless(origin)) for number in range(2)]
    job = send(stack, "".join(f"{n},P,{url}\r\n" for n, url in enumerate(urls)))
    origin.wait_active(8)
    files = {"image": ("a.jpg", photo(901, 300, 200))}
    answer = httpx.post(f"{stack.url}/api/upload", files=files, timeout=60)
    assert answer.status_code == 200
    assert answer.json()["image"]["status"] == "completed"
    assert httpx.get(f"{stack.url}/imgproc/status/{job}/").json()["status"] == "processing"
    assert finished(stack, job) == {"status": "failed", "total": 22, "completed": 0, "failed": 22}
    errors = {line[4].split(": ")[-1] for line in result(stack, job)[1:]}
    assert errors == {"fetch_failed"}


def test_the_same_picture_under_many_addresses_is_kept_once(stack: Stack, origin: Origin) -> None:
    data = photo(902, 120, 90)
    urls = [origin.serve(f"/same-{number}.jpg", Reply(200, data)) for number in range(6)]
    job = send(stack, f'1,Same,"{",".join(urls)}"\r\n')
    assert finished(stack, job)["status"] == "completed"
    images = httpx.get(f"{stack.url}/api/jobs/{job}/images").json()["results"]
    assert len({image["renditions"][0]["url"] for image in images}) == 1
    assert sum(image["duplicate_of"] is None for image in images) == 1
    assert len(result(stack, job)[1][3].split(",")) == 6
    originals = list((stack.home / "media" / "originals").glob("*/*"))
    kept = httpx.get(f"{stack.url}/api/list?limit=1000").json()
    assert len(originals) == len({image["checksum"] for image in kept if image["original_url"]})


def test_addresses_with_commas_and_blanks_are_asked_whole(stack: Stack, origin: Origin) -> None:
    data = {
        path: photo(seed, 90, 60)
        for seed, path in enumerate(["/f_auto,q_80/a.jpg", "/my%20photo,1.jpg", "/c.jpg"])
    }
    first, second, third = (origin.serve(path, Reply(200, body)) for path, body in data.items())
    cell = f"{first},\n{second.replace('%20', ' ')}\r\n{third}"
    file = ("\ufeff" + "S. No.;Product Name;Input Image Urls\r\n" + f'1;Two;"{cell}"\r\n').encode()
    url = f"{stack.url}/imgproc/upload"
    job = httpx.post(url, files={"file": ("list.csv", file)}, timeout=60).json()["request_id"]
    assert finished(stack, job) == {"status": "completed", "total": 3, "completed": 3, "failed": 0}
    answer = httpx.get(f"{stack.url}/imgproc/result/{job}/").content
    assert answer.startswith(codecs.BOM_UTF8)
    (line,) = list(csv.reader(io.StringIO(answer.decode("utf-8-sig"), newline="")))[1:]
    assert line[:3] == ["1", "Two", cell.replace("\r\n", "\n")]
    assert len(line[3].split(",")) == 3
    assert line[4] == ""


def test_wrong_addresses_are_called_wrong(stack: Stack) -> None:
    job = send(stack, "1,Typo,htp://example.com/a.jpg\r\n2,Label,http://xn--a/a.jpg\r\n3,Name,shoe.jpg\r\n")
    assert finished(stack, job)["status"] == "failed"
    assert {line[4].split(": ")[-1] for line in result(stack, job)[1:]} == {"invalid_address"}


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_a_result_asked_for_too_early_leaves_its_reason_where_curl_shows_it(
    stack: Stack, origin: Origin, tmp_path: Path
) -> None:
    job = send(stack, f"1,One,{origin.serve('/slow.jpg', stall(origin))}\r\n")
    command = ["curl", "-O", "-J", "-w", "%{filename_effective}", f"{stack.url}/imgproc/result/{job}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    httpx.post(f"{stack.url}/api/jobs/{job}/cancel")
    assert done.stdout == f"result-{job}.job_not_finished.json"
    (written,) = tmp_path.iterdir()
    assert (written.name, json.loads(written.read_text())["code"]) == (done.stdout, "job_not_finished")


def test_cancelling_stops_what_is_not_fetched_yet(stack: Stack, origin: Origin) -> None:
    urls = [origin.serve(f"/slow-{number}", stall(origin)) for number in range(12)]
    job = send(stack, "".join(f"{n},P,{url}\r\n" for n, url in enumerate(urls)))
    origin.wait_active(8)
    httpx.post(f"{stack.url}/api/jobs/{job}/cancel")
    assert finished(stack, job) == {"status": "failed", "total": 12, "completed": 0, "failed": 12}
    assert httpx.get(f"{stack.url}/api/jobs/{job}").json()["status"] == "aborted"


def test_a_killed_fetcher_loses_no_image(stack: Stack, origin: Origin) -> None:
    data = photo(903, 80, 60)
    held: list[int] = []

    def first_is_held(_request: Request) -> Reply:
        held.append(1)
        return stall(origin) if len(held) == 1 else Reply(200, data)

    url = origin.serve("/held.jpg", first_is_held)
    job = send(stack, f"1,One,{url}\r\n")
    origin.wait_active(1)
    fetcher = next(p for p in stack.processes() if any("fetcher@" in part for part in p.cmdline()))
    fetcher.kill()
    assert finished(stack, job)["status"] == "completed"


def test_a_retry_fetches_again_what_was_not_fetched(stack: Stack, origin: Origin) -> None:
    good = origin.serve("/good.jpg", Reply(200, photo(904, 80, 60)))
    mended = origin.serve("/mended.jpg", Reply(404))
    job = send(stack, f'1,Two,"{good},{mended}"\r\n')
    assert finished(stack, job)["status"] == "partial"
    origin.serve("/mended.jpg", Reply(200, photo(905, 80, 60)))
    assert httpx.post(f"{stack.url}/api/jobs/{job}/retry").status_code == 202
    end = time.monotonic() + 60
    while httpx.get(f"{stack.url}/imgproc/status/{job}/").json()["status"] != "completed":
        assert time.monotonic() < end
        httpx.get(f"{stack.url}/api/jobs/{job}/events?since=1000&wait=1", timeout=30)
    assert (len(origin.requests("/good.jpg")), len(origin.requests("/mended.jpg"))) == (1, 2)
    assert result(stack, job)[1][4] == ""


def test_a_service_that_is_stopped_while_it_fetches_goes_on_at_the_next_start(
    tmp_path: Path, origin: Origin
) -> None:
    stack = Stack(tmp_path / "home", {"IMAGEAPI_ALLOW_PRIVATE_URLS": "1"}).start()
    try:
        held = origin.serve("/held.jpg", stall(origin))
        job = send(stack, f"1,One,{held}\r\n")
        origin.wait_active(1)
        assert stack.stop() == 0
        assert "fetcher does not stop" not in stack.output
        origin.serve("/held.jpg", Reply(200, photo(906, 80, 60)))
        stack.start()
        assert finished(stack, job)["status"] == "completed"
    finally:
        stack.close()


def test_the_start_says_that_private_addresses_are_reached(stack: Stack) -> None:
    assert "Warning: IMAGEAPI_ALLOW_PRIVATE_URLS=1" in stack.output
