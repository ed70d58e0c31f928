"""Who may act without credentials: only where somebody said so, or on this machine itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect

from imageapi import env
from tests.serving import web_server
from tests.stack import Stack
from uploads.access.anonymous import is_loopback

PROXIES = {
    "Forwarded": "for=192.0.2.7",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "127.0.0.1",
    "x-forwarded-proto": "https",
    "X-Forwarded-Prefix": "",
    "X-Real-IP": "192.0.2.7",
    "Via": "1.1 proxy",
}


@pytest.fixture(scope="module")
def named(stack: Stack) -> Iterator[str]:
    """A server behind the name photos.example, with the plan that `make up` takes by itself."""
    settings = {"IMAGEAPI_LOOPBACK_PLAN": "Enterprise", "ALLOWED_HOSTS": "photos.example"}
    with web_server(stack, IMAGEAPI_ANONYMOUS_PLAN=None, **settings) as url:
        yield url


def raw(url: str, head: str) -> int:
    """The status of a request written by hand."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), 20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        return int(connection.recv(4096).split()[1])


def test_this_machine_needs_no_credentials(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/api/list").status_code == 200
    assert httpx.get(f"{stack.url.replace('127.0.0.1', 'localhost')}/api/list").status_code == 200
    assert raw(stack.url, f"GET /api/list HTTP/1.0\nHost: {stack.url[7:]}\n\n") == 200


@pytest.mark.parametrize("header", PROXIES)
def test_what_a_proxy_passed_on_is_nobodys_and_the_log_names_the_setting(stack: Stack, header: str) -> None:
    headers = {header: PROXIES[header]}
    answer = httpx.get(f"{stack.url}/api/list", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    stack.wait_for(rf"header {header.lower()}\); IMAGEAPI_ANONYMOUS_PLAN=Enterprise would let all", 20)
    assert 'name="password"' in httpx.get(f"{stack.url}/", headers=headers).text
    headers["Authorization"] = f"Bearer {stack.token}"
    assert httpx.get(f"{stack.url}/api/list", headers=headers).status_code == 200


def test_nginx_as_it_comes_is_a_proxy_too(stack: Stack) -> None:
    assert raw(stack.url, f"GET /api/list HTTP/1.0\nHost: {stack.url[7:]}\nConnection: close\n\n") == 401


def test_another_name_than_this_machines_is_nobodys(named: str) -> None:
    assert httpx.get(f"{named}/api/list").status_code == 200
    assert httpx.get(f"{named}/api/list", headers={"Host": "photos.example"}).status_code == 401
    assert httpx.get(f"{named}/api/list", headers={"Host": "evil.example"}).status_code == 400


def test_a_plan_that_is_named_is_everybodys(stack: Stack) -> None:
    settings = {"IMAGEAPI_ANONYMOUS_PLAN": "Basic", "ALLOWED_HOSTS": "photos.example"}
    with web_server(stack, **settings) as url:
        for headers in ({"Host": "photos.example"}, {"X-Forwarded-For": "192.0.2.7"}):
            answer = httpx.get(f"{url}/api/me", headers=headers)
            assert answer.json()["plan"]["name"] == "Basic"


@pytest.mark.parametrize("nobody", ["", "none"])
def test_set_but_empty_is_nobody(stack: Stack, nobody: str) -> None:
    with web_server(stack, IMAGEAPI_ANONYMOUS_PLAN=nobody, IMAGEAPI_LOOPBACK_PLAN="Enterprise") as url:
        assert httpx.get(f"{url}/api/list").status_code == 401


async def test_a_socket_through_a_proxy_is_nobodys(stack: Stack) -> None:
    url = f"{stack.url.replace('http', 'ws', 1)}/ws/upload/"
    async with connect(url) as direct:
        assert "connected" in str(await direct.recv())
    async with connect(url, additional_headers={"X-Forwarded-For": "192.0.2.7"}) as passed_on:
        await passed_on.wait_closed()
        assert passed_on.close_code == 4401


@pytest.mark.parametrize(
    ("value", "plan"),
    [(None, "Enterprise"), ("", ""), ("  ", ""), ("none", ""), ("None", ""), ("Basic", "Basic")],
)
def test_a_name_may_be_set_to_nobody(value: str | None, plan: str) -> None:
    given = {} if value is None else {"PLAN": value}
    assert env.name_or_none("PLAN", "Enterprise", env=given) == plan


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:8000", True),
        ("127.8.8.8", True),
        ("[::1]:8000", True),
        ("", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("user@192.0.2.7", False),
        ("[::1", False),
        ("0.0.0.0", False),
        ("2130706433", False),
    ],
)
def test_loopback_hosts(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
