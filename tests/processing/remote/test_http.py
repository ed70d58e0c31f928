"""Fetching from real servers that mean no good."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.remote import http as fetching
from processing.remote.network import FetchFailed
from tests.origins import Origin, Reply, drip, endless, origin_server, raw_server, stall
from tests.stack import ROOT

# What faults.md names, and more; {port} is a server on this machine that must not be asked.
BLOCKED = [
    "ftp://example.com/a.jpg",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.1:{port}/",
    "http://2130706433:{port}/",
    "http://017700000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://１２７.0.0.1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://127。0。0。1:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://a.localhost:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:7f00:1::]:{port}/",
    "http://[fe80::1%25eth0]/",
    "http://[fec0::1]/",
    "http://[fd00::1]/",
    "http://[ff02::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://user:pass@example.com/",
    "http://example.com@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://127.0.0.1:{port}#@example.com/",
]
# No web addresses at all.
INVALID = [
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}/",
    "localhost:{port}/",
    "",
    "shoe.jpg",
    "www.example.com/a.jpg",
    "htp://example.com/a.jpg",
    "http:/example.com/a.jpg",
    "http:\\\\example.com\\a.jpg",
    "http://",
    "http:///a.jpg",
    "http://./",
    "http://exa mple.com/",
    "http://example.com/\r\nX: y",
    "http://127.0.0.1\t:{port}/",
    "http://example.com:99999/",
    "http://example.com:0/",
    "http://[::1/",
    "http://::1:{port}/",
    "http://[127.0.0.1.5]/",
    "http://xn--a/",
    "http://a.xn--a.example.com/",
    "http://a..example.com/",
    "http://-a.example.com/",
    "http://1.2.3.4.5/",
    "http://%31%32%37.0.0.1/",
    "http://" + "a" * 300 + "：80/",
    "http://" + "a" * 64 + ".example.com/",
    "http://" + "a." * 130 + "com/",
    "http://" + "ü" * 64 + ".example.com/",
    "http://example.com/\ud800",
]


@pytest.fixture
def origin() -> Iterator[Origin]:
    with origin_server() as origin:
        yield origin


@pytest.fixture
def private_allowed(settings: Any) -> None:
    settings.ALLOW_PRIVATE_URLS = True


def failure(url: str, *, max_bytes: int = 1_000_000, seconds: float = 5) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        fetching.download(url, io.BytesIO(), max_bytes=max_bytes, seconds=seconds)
    return caught.value


@pytest.mark.parametrize("url", BLOCKED)
def test_it_asks_no_private_address_in_any_spelling(url: str, origin: Origin) -> None:
    error = failure(url.replace("{port}", str(origin.port)))
    assert (error.code, error.detail) == ("blocked_address", "This address is not one that may be fetched.")
    assert origin.seen == []


@pytest.mark.parametrize("url", INVALID)
def test_what_is_no_web_address_is_called_so(url: str, origin: Origin) -> None:
    error = failure(url.replace("{port}", str(origin.port)))
    assert error.code == "invalid_address"
    assert error.detail.startswith("This is not a web address: ")
    assert origin.seen == []


# What a host may be made of, and what goes wrong in one.
_PIECES = st.one_of(
    st.sampled_from(
        ["xn--", "a", "-", ".", "..", "[", "]", ":", "::1", "%", "@", "ü", "。", "１", "0x7f", "\u200d"]
    ),
    st.text(max_size=70),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES, max_size=6).map("".join))
def test_every_host_ends_in_an_address_or_a_refusal(host: str) -> None:
    try:
        url = fetching.checked_url(f"http://{host}/a.jpg")
    except FetchFailed:
        return
    assert len(url.raw_host) <= 254
    assert str(httpx.URL(str(url))) == str(url)
    url.host.encode("idna")


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("HTTPS://Example.COM/a,b;c.jpg?crop=0,0,1,1", "https://example.com/a,b;c.jpg?crop=0,0,1,1"),
        ("http://bücher.example/größe.jpg", "http://xn--bcher-kva.example/gr%C3%B6%C3%9Fe.jpg"),
        ("http://a_b.example.com.:8080/", "http://a_b.example.com.:8080/"),
        ("http://db/a.jpg", "http://db/a.jpg"),
        ("http://1.1.1.1:/", "http://1.1.1.1/"),
    ],
)
def test_addresses_are_asked_as_they_were_meant(written: str, asked: str) -> None:
    assert str(fetching.checked_url(written)) == asked


@pytest.mark.usefixtures("private_allowed")
def test_it_fetches_where_private_addresses_are_allowed(origin: Origin) -> None:
    body = os.urandom(200_000)
    into = io.BytesIO()
    url = origin.serve("/a", Reply(200, body))
    fetched = fetching.download(url, into, max_bytes=200_000, seconds=5)
    assert (fetched.size, fetched.checksum) == (len(body), hashlib.sha256(body).hexdigest())
    assert into.getvalue() == body
    assert origin.wait("/a", 1)[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.usefixtures("private_allowed")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_follows_redirects(origin: Origin, status: int) -> None:
    origin.serve("/b", Reply(200, b"here"))
    url = origin.serve("/a", Reply(status, b"", {"Location": "b"}))
    assert fetching.download(url, io.BytesIO(), max_bytes=10, seconds=5).size == 4


@pytest.mark.usefixtures("private_allowed")
@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://u:p@127.0.0.1/", "data:,x"]
)
def test_a_redirect_leads_nowhere_else(origin: Origin, target: str) -> None:
    assert failure(origin.serve("/a", Reply(302, b"", {"Location": target}))).code == "blocked_address"


@pytest.mark.usefixtures("private_allowed")
def test_a_redirect_brings_no_cookie_along(origin: Origin) -> None:
    origin.serve("/b", Reply(200, b"here"))
    url = origin.serve("/a", Reply(302, b"", {"Location": "/b", "Set-Cookie": "a=b; Path=/"}))
    fetching.download(url, io.BytesIO(), max_bytes=10, seconds=5)
    assert "Cookie" not in origin.requests("/b")[0].headers


@pytest.mark.usefixtures("private_allowed")
def test_a_slow_body_ends_with_the_time_limit(origin: Origin) -> None:
    error = failure(origin.serve("/a", drip(origin)), seconds=1)
    assert (error.code, error.permanent) == ("fetch_failed", True)
    assert "longer than 1 s" in error.detail


@pytest.mark.usefixtures("private_allowed")
def test_a_slow_head_ends_with_the_time_limit() -> None:
    def drip_head(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            connection.sendall(b"x")
            time.sleep(0.1)

    with raw_server(drip_head) as port:
        assert "longer than 1 s" in failure(f"http://127.0.0.1:{port}/", seconds=1).detail


@pytest.mark.usefixtures("private_allowed")
def test_a_silent_server_ends_with_the_time_limit(origin: Origin) -> None:
    assert failure(origin.serve("/a", stall(origin)), seconds=1).code == "fetch_failed"


@pytest.mark.usefixtures("private_allowed")
def test_an_endless_body_is_cut(origin: Origin) -> None:
    into = io.BytesIO()
    url = origin.serve("/a", endless(origin))
    with pytest.raises(FetchFailed, match="fetch_failed"):
        fetching.download(url, into, max_bytes=300_000, seconds=20)
    assert len(into.getvalue()) <= 300_000


@pytest.mark.usefixtures("private_allowed")
def test_a_body_that_says_it_is_too_large_is_not_read(origin: Origin) -> None:
    url = origin.serve("/a", Reply(200, b"", {"Content-Length": "5000000"}))
    assert failure(url).code == "file_too_large"


@pytest.mark.usefixtures("private_allowed")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_a_compressed_body_is_never_unpacked(origin: Origin, encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert (
        failure(origin.serve("/a", Reply(200, bomb, {"Content-Encoding": encoding}))).code == "fetch_failed"
    )


@pytest.mark.usefixtures("private_allowed")
@pytest.mark.parametrize(
    ("status", "permanent"), [(404, True), (403, True), (206, True), (429, False), (500, False), (503, False)]
)
def test_a_refusal_says_whether_another_try_makes_sense(origin: Origin, status: int, permanent: bool) -> None:
    error = failure(origin.serve("/a", Reply(status, b"secret text", {"Retry-After": "7"})))
    assert (error.code, error.permanent, error.retry_after) == ("fetch_failed", permanent, 7.0)
    assert "secret" not in error.detail


@pytest.mark.usefixtures("private_allowed")
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe/\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_failed_fetch(answer: bytes) -> None:
    def say(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    with raw_server(say) as port:
        assert failure(f"http://127.0.0.1:{port}/").code in ("fetch_failed", "blocked_address")


@pytest.mark.usefixtures("private_allowed")
def test_a_closed_port_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = failure(f"http://127.0.0.1:{port}/")
    assert (error.code, error.permanent) == ("fetch_failed", False)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), ("0", 0.0), ("-1", None), ("soon", None), ("", None), ("1" * 50, 86_400.0)],
)
def test_it_reads_retry_after(value: str, seconds: float | None) -> None:
    assert fetching.retry_after(httpx.Response(503, headers={"Retry-After": value})) == seconds


def test_it_reads_a_date_in_retry_after() -> None:
    response = httpx.Response(503, headers={"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert fetching.retry_after(response) == 86_400, "a day at most, whatever was asked for"


# A network of its own, with a resolver and hosts under public addresses: see inner_world.py beside it.
_OWN_NETWORK = ("unshare", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--mount-proc")


def has_own_network() -> bool:
    if not all(map(shutil.which, ("unshare", "ip", "mount"))):
        return False
    return subprocess.run([*_OWN_NETWORK, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_own_network(), reason="needs Linux namespaces, ip and mount")
def test_names_are_checked_where_they_lead(tmp_path: Path) -> None:
    env = {**os.environ, "IMAGEAPI_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    env |= {
        "HTTP_PROXY": "http://127.0.0.1:3128",
        "http_proxy": "http://127.0.0.1:3128",
        "ALL_PROXY": "http://127.0.0.1:3128",
    }
    (tmp_path / ".netrc").write_text("machine public.test login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    done = subprocess.run(
        [
            *_OWN_NETWORK,
            sys.executable,
            "-m",
            "tests.processing.remote.inner_world",
            str(tmp_path / "resolv.conf"),
        ],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all as wanted: 22 fetches"
