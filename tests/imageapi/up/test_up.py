"""`manage.py up` as a user meets it: one command, everything runs; one signal, nothing is left."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import pytest

from imageapi.env import BadSetting
from imageapi.up import embedded, launch
from imageapi.up.privileges import CAP_DAC_READ_SEARCH
from imageapi.up.subprocesses import Account
from tests.drawing import photo
from tests.stack import Stack, free_port, is_alive

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("up") / "home", from_nothing=True) as stack:
        yield stack


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "home")
    yield stack
    stack.close()


def names(stack: Stack) -> set[str]:
    return {process.name() for process in stack.processes()}


def test_it_says_where_it_is_and_how_to_log_in(stack: Stack) -> None:
    lines = stack.output.splitlines()
    ready = lines.index(f"Ready: {stack.url}/")
    password = (stack.home / "admin_password").read_text()
    assert lines[ready + 1 : ready + 3] == [
        f"Administrator: admin, password {password} (kept in {stack.home}/admin_password)",
        f"Token: {stack.token}",
    ]
    assert stack.password == password


def test_it_is_ready_when_it_says_so(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/healthz/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_the_printed_token_opens_the_api(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/api/list", headers={"Authorization": f"Bearer {stack.token}"})
    assert (answer.status_code, answer.json()) == (200, [])
    assert httpx.get(f"{stack.url}/api/list", headers={"Authorization": "Bearer no"}).status_code == 401


def test_on_a_loopback_address_requests_need_no_credentials(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/api/list").status_code == 200


def test_every_line_of_a_child_stands_after_its_name(stack: Stack) -> None:
    before_ready = stack.output.split("Ready: ")[0].splitlines()
    assert before_ready
    assert {line.split(" | ")[0].strip() for line in before_ready} <= {
        *("postgres", "redis", "setup", "web", "worker", "fetcher", "beat", "up")
    }


def test_secrets_stay_out_of_the_log_file(stack: Stack) -> None:
    kept = (stack.home / "logs" / "up.log").read_text()
    assert "postgres" in kept
    assert stack.token not in kept
    assert stack.password not in kept


def test_no_other_user_can_read_anything_below_the_home(stack: Stack) -> None:
    with httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {stack.token}"}) as client:
        answer = client.post("/api/upload", files={"image": ("a.png", photo(1, 64, 48))}, timeout=60)
        made = client.post(f"/api/images/{answer.json()['image']['id']}/links", json={"expire_time": 300})
        link, rendition = made.json()["url"], answer.json()["image"]["renditions"][0]["url"]
        for address in (link, rendition, f"{link}x", f"{rendition}x"):
            client.get(address)
    open_to_others = {
        path: oct(path.stat().st_mode)
        for path in (stack.home, *stack.home.rglob("*"))
        if path.lstat().st_mode & (0o066 if path.is_dir() else 0o077)
    }
    assert open_to_others == {}
    kept = "".join(path.read_text() for path in (stack.home / "logs").iterdir())
    assert link.rsplit("/", 1)[1] not in kept
    assert rendition.split("/media/")[1].split("/")[0] not in kept
    assert "path=/links/-" in kept


def test_the_same_home_is_refused_a_second_time(stack: Stack) -> None:
    second = Stack(stack.home)
    second.launch()
    said = second.wait_for("is in use by process", 60)
    assert stack.process is not None
    assert f"{stack.home} is in use by process {stack.process.pid}: stop that" in said
    assert second.process is not None
    assert second.process.wait(20) == 1
    second.close()
    assert httpx.get(f"{stack.url}/healthz/ready").status_code == 200


def test_a_killed_worker_starts_again(stack: Stack) -> None:
    worker = next(p for p in stack.processes() if "worker" in p.cmdline())
    family = [worker, *worker.children(recursive=True)]
    worker.kill()
    stack.wait_for(r"worker ended with code -9, starts again", 20)
    psutil.wait_procs(family, timeout=20)
    assert not any(is_alive(process) for process in family)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything(own_stack: Stack, sent: signal.Signals) -> None:
    own_stack.start()
    assert {"postgres", "valkey-server"} <= names(own_stack)
    assert own_stack.stop(sent) == 0
    assert not (own_stack.home / "up.lock").exists()
    assert list((own_stack.home / "run").rglob("*.json")) == []
    assert not (own_stack.home / "postgres" / "postmaster.pid").exists()


def test_ctrl_c_in_a_terminal_stops_everything(own_stack: Stack) -> None:
    own_stack.start()
    assert own_stack.process is not None
    os.killpg(own_stack.process.pid, signal.SIGINT)
    assert own_stack.process.wait(20) == 0
    assert own_stack.wait_gone(0) == []


def test_after_a_kill_of_the_parent_the_same_home_starts_again(own_stack: Stack) -> None:
    own_stack.start()
    token, password = own_stack.token, own_stack.password
    own_stack.kill()
    own_stack.start()
    assert (own_stack.token, own_stack.password) == (token, password)
    assert "password in " in own_stack.output
    assert own_stack.stop() == 0


def test_nothing_outlives_a_killed_parent_for_long(own_stack: Stack) -> None:
    own_stack.start()
    own_stack.kill()
    own_stack.wait_gone(60)
    assert [process for process in own_stack.wait_gone(0) if is_alive(process)] == []


def test_two_run_side_by_side(stack: Stack, own_stack: Stack) -> None:
    own_stack.start()
    assert own_stack.token != stack.token
    foreign = httpx.get(f"{own_stack.url}/api/list", headers={"Authorization": f"Bearer {stack.token}"})
    assert foreign.status_code == 401
    assert own_stack.stop() == 0


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        stack = Stack(tmp_path / "home", {"PORT": str(port)}, from_nothing=True)
        stack.launch()
        said = stack.wait_for("PORT=", 60)
        assert stack.process is not None
        assert stack.process.wait(20) == 1
    stack.close()
    assert f"PORT={port}: 127.0.0.1:{port} cannot be opened (Address already in use)" in said
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_failing_step_stops_what_was_started(own_stack: Stack) -> None:
    own_stack.env["IMAGEAPI_ANONYMOUS_PLAN"] = "Gold"
    own_stack.launch()
    own_stack.wait_for(r"IMAGEAPI_ANONYMOUS_PLAN='Gold': write one of Basic", 100)
    assert own_stack.process is not None
    assert own_stack.process.wait(20) == 1
    assert own_stack.wait_gone(0) == []
    assert not (own_stack.home / "postgres" / "postmaster.pid").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user")
def test_an_ordinary_user_can_do_it_too() -> None:
    # Python itself may live in a folder of root; the capability lets the user read it there.
    nobody = Account(uid=65534, gid=65534, capability=CAP_DAC_READ_SEARCH)
    with TemporaryDirectory(prefix="imageapi-test-") as folder:
        os.chown(folder, nobody.uid, nobody.gid)
        with Stack(Path(folder) / "home", account=nobody) as stack:
            assert {process.uids().effective for process in stack.processes()} == {nobody.uid}
            assert httpx.get(f"{stack.url}/healthz/ready").status_code == 200
            assert stack.stop() == 0
        assert {path.owner() for path in stack.home.iterdir()} == {"nobody"}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Path]:
    """A database and a queue that somebody else runs."""
    home = tmp_path / "elsewhere"
    running = (embedded.Postgres(home), embedded.Redis(home))
    for server in running:
        server.start()
    yield home
    for server in running:
        server.stop()


def test_given_servers_are_used_instead_of_embedded_ones(own_stack: Stack, servers: Path) -> None:
    own_stack.env["DATABASE_URL"] = embedded.database_url(servers)
    own_stack.env["REDIS_URL"] = embedded.redis_url(servers)
    own_stack.start()
    assert names(own_stack).isdisjoint({"postgres", "valkey-server"})
    assert not (own_stack.home / "postgres").exists()
    assert own_stack.stop() == 0


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"PORT": "0"}, "PORT='0': write a whole number from 1 to 65535"),
        ({"PORT": "http"}, "PORT='http': write a whole number from 1 to 65535"),
        ({"IMAGEAPI_WORKERS": "two"}, "IMAGEAPI_WORKERS='two': write a whole number from 1 to 64"),
    ],
)
def test_a_bad_setting_is_refused_by_name(environ: dict[str, str], message: str) -> None:
    with pytest.raises(BadSetting) as refused:
        launch.plan_from(environ)
    assert str(refused.value) == message


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
def test_a_host_of_another_machine_is_refused(host: str) -> None:
    plan = launch.plan_from({"HOST": host, "PORT": str(free_port())})
    with pytest.raises((BadSetting, launch.PortInUse), match=host.replace(".", r"\.")):
        launch.refuse_used_port(plan)


@pytest.mark.parametrize(
    ("host", "chosen", "plan"),
    [
        ("127.0.0.1", None, "Enterprise"),
        ("127.8.8.8", None, "Enterprise"),
        ("::1", None, "Enterprise"),
        ("localhost", None, "Enterprise"),
        ("127.0.0.1", "", ""),
        ("127.0.0.1", "none", ""),
        ("127.0.0.1", "Basic", ""),
        ("0.0.0.0", None, ""),
        ("192.0.2.7", None, ""),
        ("images.example", None, ""),
    ],
)
def test_only_this_machine_acts_without_credentials(host: str, chosen: str | None, plan: str) -> None:
    environ = {"HOST": host} | ({} if chosen is None else {"IMAGEAPI_ANONYMOUS_PLAN": chosen})
    assert launch.plan_from(environ).environ["IMAGEAPI_LOOPBACK_PLAN"] == plan


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:80/"), ("::1", "http://[::1]:80/")]
)
def test_the_address_can_be_clicked(host: str, url: str) -> None:
    assert launch.plan_from({"HOST": host, "PORT": "80"}).url == url
