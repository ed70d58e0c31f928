"""The main job over another broker: RabbitMQ, where it is installed."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.driver import assert_nothing_lost, batch, client_of, kill, pictures, workers
from tests.stack import Stack, free_port

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SERVER.exists(), reason="needs Debian's rabbitmq-server"),
    pytest.mark.timeout(400),
]


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of the test's own, on loopback; its address."""
    home, port = tmp_path_factory.mktemp("rabbit"), free_port()
    config = home / "rabbitmq.conf"
    config.write_text(f"listeners.tcp.local = 127.0.0.1:{port}\n")
    env = {
        **os.environ,
        "HOME": str(home),
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(free_port()),
    }
    with (
        (home / "output").open("wb") as output,
        subprocess.Popen([SERVER], env=env, stdout=output, stderr=output, start_new_session=True) as process,
    ):
        try:
            _wait(port, process, home / "output")
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            process.terminate()
            process.wait(60)
            subprocess.run(["epmd", "-port", env["ERL_EPMD_PORT"], "-kill"], check=False, capture_output=True)


def _wait(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(output.read_text())


def test_the_main_job_runs_over_rabbitmq(rabbit: str, tmp_path: Path) -> None:
    """Batches and single files, a killed worker among them; Celery's own variable changes nothing."""
    env = {"IMAGEAPI_BROKER_URL": rabbit, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    with Stack(tmp_path / "home", env) as stack, client_of(stack) as api:
        assert "CELERY_BROKER_URL is not read" in stack.output
        assert "Broker: amqp://127.0.0.1" in stack.output
        assert_nothing_lost(api, stack, batch(api, pictures(60)), 60)
        answer = api.upload(pictures(1)[0])
        assert (answer.status_code, answer.json()["image"]["status"]) == (200, "completed")
        job_id = batch(api, pictures(80, 1000, 800))
        kill(workers(stack)[1])
        assert_nothing_lost(api, stack, job_id, 80)
        metrics = api.client.get("/metrics").text
        assert 'imageapi_queue_messages{queue="images"} 0' in metrics
        assert 'imageapi_up{part="broker"} 1.0' in metrics
