"""Two worker hosts, one cut off from the network in the middle of a batch, on a compose stack that runs.

python -m tests.compose.cut_off URL PASSWORD NETWORK WORKER [WEB...]

With the names of web containers it also follows, at each, a job uploaded through the balancer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence

import httpx
from websockets.sync.client import connect

from tests.api import Api
from tests.drawing import photo

COUNT = 600


def main(url: str, password: str, network: str, worker: str, webs: Sequence[str]) -> None:
    with httpx.Client(base_url=url, timeout=120) as client:
        answer = client.post("/api/tokens", json={"username": "admin", "password": password})
        token = answer.json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        api = Api(client)
        files = [(f"{n}.jpg", photo(time.time_ns() % 2**32 + n, 640, 480)) for n in range(COUNT)]
        job = api.batch(files).json()["job_id"]
        client.get(f"/api/jobs/{job}/events", params={"since": 0, "wait": 20})
        subprocess.run(("docker", "network", "disconnect", network, worker), check=True)
        cut, begun = time.monotonic(), api.job(job)["completed"]
        for address in map(address_of, webs):
            follow(f"ws://{address}:8000/ws/jobs/{job}/?since=0", token)
        finished = api.finished(job, 120)
        assert finished["completed"] == COUNT, finished
        print(f"cut off at {begun} of {COUNT}: all completed {time.monotonic() - cut:.1f} s later")
    subprocess.run(("docker", "network", "connect", network, worker), check=True)


def follow(address: str, token: str) -> None:
    """Hears the whole job at one web server, wherever it was uploaded."""
    told = set()
    with connect(address, subprotocols=["imageapi", f"bearer.{token}"]) as socket:
        while True:
            event = json.loads(socket.recv(60))
            told |= {image["id"] for image in event.get("images", ())}
            if event["type"] == "job.finished":
                break
    assert len(told) == COUNT, len(told)
    print(f"{address.split('/')[2]}: {len(told)} images told, then job.finished")


def address_of(container: str) -> str:
    shown = subprocess.run(
        (
            "docker",
            "inspect",
            "-f",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
            container,
        ),
        check=True,
        capture_output=True,
        text=True,
    )
    return shown.stdout.split()[-1]


if __name__ == "__main__":
    at, given, net, cut_worker, *web_names = sys.argv[1:]
    main(at, given, net, cut_worker, web_names)
