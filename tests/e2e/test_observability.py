"""What a request leaves in the logs and in the numbers, from the web server to a worker's process."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from tests.api import Api
from tests.drawing import photo
from tests.stack import ROOT, Stack

PARTS = ("database", "capacity", "broker", "counters")
NAME = re.compile(r"\bimageapi_\w+")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One of its own, whose numbers nobody else raises."""
    with Stack(tmp_path_factory.mktemp("observed") / "home", {"IMAGEAPI_WORKERS": "2"}) as running:
        yield running


def numbers(api: Api) -> dict[str, float]:
    """All samples of /metrics, by `name{label=value,...}`."""
    answer = api.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        f"{sample.name}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def eventually(check: Callable[[], bool]) -> bool:
    """Looks until it is so, for ten seconds: processes add their numbers once a second."""
    end = time.monotonic() + 10
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_a_request_is_followed_by_its_id_to_every_image(stack: Stack, api: Api) -> None:
    files = [(f"{n}.jpg", photo(7_000 + n, 200, 150)) for n in range(5)]
    answer = api.batch(files, headers={"X-Request-ID": "follow.me-1"})
    assert answer.headers["X-Request-ID"] == "follow.me-1"
    job = answer.json()["job_id"]
    api.finished(job)
    images = {image["id"] for image in api.images(job)}

    assert eventually(lambda: len(lines(stack, "follow.me-1")) >= 7)
    found = lines(stack, "follow.me-1")
    assert sum(f"job={job}" in line for line in found) == 6
    assert any('event="job submitted"' in line and "images=5" in line for line in found)
    assert any("path=/api/async/batch/upload status=202 ms=" in line for line in found)
    steps = re.compile(
        r"event=image .*image=(\S+) .*status=completed "
        r"fetch_ms=[\d.]+ render_ms=[\d.]+ store_ms=[\d.]+ commit_ms=[\d.]+$"
    )
    told = [match[1] for line in found if (match := steps.search(line))]
    assert sorted(told) == sorted(images)


def lines(stack: Stack, request: str) -> list[str]:
    return [line for line in stack.output.splitlines() if f"request={request} " in line]


def test_an_id_that_could_forge_a_log_line_is_replaced(api: Api) -> None:
    for given in ("two words", "x" * 65, 'a"b', ""):
        identity = api.client.get("/healthz/live", headers={"X-Request-ID": given}).headers["X-Request-ID"]
        assert re.fullmatch(r"[0-9a-f]{32}", identity)


def test_numbers_of_all_workers_add_up_at_any_web_server(api: Api) -> None:
    completed = "imageapi_images_total{code=,status=completed}"
    earlier = len(api.client.get("/api/list?limit=1000").json())
    assert eventually(lambda: numbers(api).get(completed, 0) == earlier)
    before = numbers(api)
    files = [(f"{n}.jpg", photo(7_100 + n, 200, 150)) for n in range(12)]
    cut_short = photo(7_200, 200, 150)[:3000]
    job = api.batch([*files, ("cut.jpg", cut_short)]).json()["job_id"]
    assert api.finished(job)["status"] == "partial"
    code = next(image["error"]["code"] for image in api.images(job) if image["error"])

    def risen(name: str) -> float:
        return numbers(api).get(name, 0) - before.get(name, 0)

    assert eventually(lambda: risen(completed) == 12)
    assert eventually(lambda: risen(f"imageapi_images_total{{code={code},status=failed}}") == 1)
    assert eventually(lambda: risen("imageapi_step_seconds_count{step=store}") == 12)
    for step in ("fetch", "render"):
        assert risen(f"imageapi_step_seconds_count{{step={step}}}") == 13
        assert risen(f"imageapi_step_seconds_bucket{{le=+Inf,step={step}}}") == 13
        assert risen(f"imageapi_step_seconds_sum{{step={step}}}") > 0
    after = numbers(api)
    assert after["imageapi_images_unfinished{queue=bulk,status=pending}"] == 0
    assert after["imageapi_oldest_unfinished_seconds{queue=interactive,status=processing}"] == 0
    assert after["imageapi_queue_messages{queue=images}"] == 0
    assert 0 <= after["imageapi_pulse_age_seconds{}"] < 30
    assert {after[f"imageapi_up{{part={part}}}"] for part in PARTS} == {1}
    assert 0 < after["imageapi_disk_free_bytes{}"] < after["imageapi_disk_bytes{}"]
    assert after["imageapi_account_bytes{account=admin}"] > 0


def test_requests_are_counted_by_route_not_by_path(api: Api) -> None:
    def count(status: int) -> float:
        route = "/api/images/<any_uuid:image_id>"
        return numbers(api).get(
            f"imageapi_http_requests_total{{method=GET,route={route},status={status}}}", 0
        )

    before = count(404)
    for last in "123":
        api.client.get(f"/api/images/00000000-0000-7000-8000-00000000000{last}")
    assert count(404) - before == 3


def test_open_sockets_are_counted(stack: Stack, api: Api) -> None:
    name = "imageapi_sockets{socket=UploadSocket}"
    before = numbers(api).get(name, 0)
    address = stack.url.replace("http", "ws", 1) + "/ws/upload/"
    with connect(address, subprotocols=["imageapi", f"bearer.{stack.token}"]) as socket:
        socket.recv(10)
        assert numbers(api)[name] == before + 1
    assert eventually(lambda: numbers(api)[name] == before)


def test_the_dashboard_shows_the_numbers_that_are_there(api: Api) -> None:
    panels = json.loads((ROOT / "deploy" / "grafana" / "imageapi.json").read_text())["panels"]
    asked = {name for panel in panels for target in panel["targets"] for name in NAME.findall(target["expr"])}
    text = api.client.get("/metrics").text
    assert asked <= set(NAME.findall(text))
    families = [
        each
        for each in text_string_to_metric_families(text)
        if NAME.match(each.name) and not each.name.endswith("_created")
    ]
    assert len(families) > 20
    shown = {each.name for each in families if asked & {sample.name for sample in each.samples}}
    # One of which nothing has been counted yet has no samples.
    assert {each.name for each in families if each.samples} == shown, "every number has its panel"
