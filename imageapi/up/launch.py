"""The order in which the service starts on one machine."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from imageapi import broker, env
from imageapi.up import embedded
from imageapi.up.embedded import Server
from imageapi.up.state_folder import remove_sockets
from imageapi.up.subprocesses import Command
from imageapi.up.supervisor import Supervisor

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 120.0
DATABASES, SERVICE = 0, 1  # stages: the databases stop last
LOOPBACK_PLAN = "Enterprise"
WAITING_THREADS = 16


class PortInUse(Exception):
    """Another program listens where the service is to listen."""


@dataclass(frozen=True)
class Plan:
    """What to start, and with which environment."""

    home: Path
    host: str
    port: int
    workers: int
    servers: tuple[Server, ...]
    environ: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the service."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"


def plan_from(environ: Mapping[str, str]) -> Plan:
    """Reads the settings of `up`; raises BadSetting."""
    home = env.path("IMAGEAPI_HOME", ROOT / "var", env=environ)
    host = env.text("HOST", "127.0.0.1", env=environ)
    servers: list[Server] = []
    if env.text("DATABASE_URL", None, env=environ) is None:
        servers.append(embedded.Postgres(home))
    if env.text("REDIS_URL", None, env=environ) is None:
        servers.append(embedded.Redis(home))
    return Plan(
        home=home,
        host=host,
        port=env.integer("PORT", 8000, low=1, high=65_535, env=environ),
        workers=env.integer("IMAGEAPI_WORKERS", cores(), low=1, high=64, env=environ),
        servers=tuple(servers),
        environ=_environ_for_children(environ, home, host),
    )


def up(plan: Plan, supervisor: Supervisor) -> None:
    """Starts everything, says where it is, runs until a signal asks to stop.

    Raises StepFailed or ServerFailed when a step fails, StopRequested on a signal before it is ready.
    """
    try:
        _empty_temporary_folder(plan)
        _start(plan, supervisor)
        supervisor.watch()
    finally:
        supervisor.stop()
        remove_sockets(plan.home)


def _start(plan: Plan, supervisor: Supervisor) -> None:
    for server in plan.servers:
        server.prepare()
        supervisor.start(server.command(), stage=DATABASES)
        supervisor.wait_until(server.answers, what=f"{server.name} answered", seconds=server.timeout)
    began = time.time()
    login = json.loads(supervisor.run(_python(plan, "setup", "manage.py", "setup")))
    for command in service_commands(plan):
        supervisor.start(command, stage=SERVICE)
    supervisor.wait_until(lambda: is_ready(plan), what="GET /healthz/ready said 200", seconds=READY_SECONDS)
    for line in (*warnings(plan), *greeting(plan, login, began)):
        supervisor.log.say(line)


def _empty_temporary_folder(plan: Plan) -> None:
    """What a killed service has left there goes."""
    shutil.rmtree(plan.home / "tmp", ignore_errors=True)
    (plan.home / "tmp").mkdir(mode=0o700)


def refuse_used_port(plan: Plan) -> None:
    """Raises PortInUse, or BadSetting for a HOST that is not this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            plan.host, plan.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise env.BadSetting("HOST", plan.host, "write an address of this machine") from error
    except PermissionError as error:
        raise env.BadSetting("PORT", plan.port, "write a port this user may open, from 1024 up") from error
    except OSError as error:
        raise PortInUse(
            f"PORT={plan.port}: {plan.host}:{plan.port} cannot be opened ({error.strerror}): "
            f"stop the program that uses it, or set PORT to another number"
        ) from error


def service_commands(plan: Plan) -> tuple[Command, ...]:
    """The web server, the workers, the clock."""
    # Nobody reads the banner, nor the advice against root, which a private service on one machine may be.
    celery = ("-W", "ignore:::celery.platforms", "-m", "celery", "--quiet", "-A", "imageapi")
    worker = ("worker", "-Q", "upkeep,images,derive", "--concurrency", str(plan.workers), "-O", "fair")
    # What waits for other hosts waits in threads of its own process: no pixel waits with it.
    waiter = ("worker", "-Q", "webhooks,fetch", "-P", "threads", "--concurrency", str(WAITING_THREADS))
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO")
    schedule = (
        "--schedule",
        str(plan.home / "celerybeat-schedule"),
        "--loglevel",
        "WARNING",
    )
    return (
        _python(plan, "web", "manage.py", "serve", "--host", plan.host, "--port", str(plan.port)),
        _at_once(_python(plan, "worker", *celery, *worker, *quiet)),
        _at_once(_warmly(_python(plan, "fetcher", *celery, *waiter, "-n", "fetcher@%h", *quiet))),
        _python(plan, "beat", *celery, "beat", *schedule),
    )


def _warmly(command: Command) -> Command:
    """Threads can't be taken from their tasks, but these tasks let go by themselves when it is time."""
    environ = {name: value for name, value in (command.env or {}).items() if name != "REMAP_SIGTERM"}
    return replace(command, env=environ)


def _at_once(command: Command) -> Command:
    """With the parent killed, the servers are gone too: nothing can be put back, and Celery, which waits for
    Redis, would not heed a polite signal for minutes. What a worker had in hand is free at the next start.
    """
    return replace(command, orphan_signal=signal.SIGKILL)


def is_ready(plan: Plan) -> bool:
    """Whether GET /healthz/ready says 200."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    connection = http.client.HTTPConnection(everywhere.get(plan.host, plan.host), plan.port, timeout=5)
    try:
        connection.request("GET", "/healthz/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def warnings(plan: Plan) -> list[str]:
    """What is open that usually is not."""
    told = []
    if env.boolean("IMAGEAPI_ALLOW_PRIVATE_URLS", default=False, env=plan.environ):
        told.append(
            "Warning: IMAGEAPI_ALLOW_PRIVATE_URLS=1: whoever may send a CSV or set a webhook "
            "reaches every address that this machine reaches"
        )
    told += [
        f"Warning: {name} is not read: IMAGEAPI_BROKER_URL names the broker, by default it is REDIS_URL"
        for name in sorted(broker.forgotten | set(broker.forget_celerys_own(dict(plan.environ))))
    ]
    if other := env.text("IMAGEAPI_BROKER_URL", None, env=plan.environ):
        told.append(f"Broker: {urlsplit(other).scheme}://{urlsplit(other).hostname or ''}")
    return told


def greeting(plan: Plan, login: Mapping[str, Any], began: float) -> list[str]:
    """What the user reads when all is up; the password itself only when `setup` has just made it."""
    name, kept = login["username"], login["password_file"]
    if kept is None:
        administrator = f"{name}, password as in IMAGEAPI_ADMIN_PASSWORD"
    elif Path(kept).stat().st_mtime >= began - 1:
        administrator = f"{name}, password {Path(kept).read_text().strip()} (kept in {kept})"
    else:
        administrator = f"{name}, password in {kept}"
    return [f"Ready: {plan.url}", f"Administrator: {administrator}", f"Token: {login['token']}"]


def cores() -> int:
    """Processors this process may use, at most 64."""
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(usable, 64)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _environ_for_children(environ: Mapping[str, str], home: Path, host: str) -> dict[str, str]:
    by_itself = is_loopback(host) and "IMAGEAPI_ANONYMOUS_PLAN" not in environ
    return {
        # glibc gives threads heaps of their own, and each keeps what it once needed: 3 MB in a web server.
        "MALLOC_ARENA_MAX": "2",
        **environ,
        "IMAGEAPI_HOME": str(home),
        "IMAGEAPI_LOOPBACK_PLAN": LOOPBACK_PLAN if by_itself else "",
        "TMPDIR": str(home / "tmp"),
        "PYTHONUNBUFFERED": "1",
        # `manage.py setup` has just run them.
        "CELERY_SKIP_CHECKS": "1",
        # A worker that is told to stop gives its tasks a few seconds, then puts them back.
        "REMAP_SIGTERM": "SIGQUIT",
    }


def _python(plan: Plan, name: str, *arguments: str) -> Command:
    return Command(name=name, argv=(sys.executable, *arguments), env=plan.environ, cwd=ROOT, grace=8.0)
