"""HTTP to addresses that strangers name: resolved, checked and connected to in one step, at every redirect.

The check is where the socket is opened, on the very address it is opened to: a name that resolves differently
the second time gains nothing. The whole exchange has one time limit, whatever the other side sends and however
slowly. Nothing is decompressed.
"""

from __future__ import annotations

import email.utils
import hashlib
import ipaddress
import re
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LookupTimeout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import IO, TYPE_CHECKING, Any

import httpcore
import httpx
from django.conf import settings

from processing.addresses import is_public

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

AGENT = "imageapi/1.0"
_REDIRECTS = 5
_PIECE = 64 * 1024
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_REDIRECT_STATUSES = {301, 302, 303, 307, 308}
_TRY_LATER = {408, 425, 429, 500, 502, 503, 504}
_MOST_READ = 16 * 1024  # of an answer that nobody reads


class FetchFailed(Exception):
    """`blocked_address` for what may not be asked, `fetch_failed` or `file_too_large` for what went wrong.

    `permanent` is for the retry loop; `retry_after` (seconds) is what the other side asked for.
    """

    def __init__(
        self, code: str, detail: str, *, permanent: bool = True, retry_after: float | None = None
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after


def blocked() -> FetchFailed:
    """The same words for every reason: they say nothing about what is there."""
    return FetchFailed("blocked_address", "This address is not one that may be fetched.")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body that has come in: bytes, and hex SHA-256."""

    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; its body is nobody's business."""

    status: int
    retry_after: float | None


def checked_url(text: str) -> httpx.URL:
    """The address, where it is an http(s) one without credentials that names no private host outright.

    Looks nothing up. Raises FetchFailed("blocked_address").
    """
    if re.search(r"[\x00-\x20\x7f\\]", text):
        raise blocked()
    try:
        url = httpx.URL(text)
        port = url.port
    except (httpx.InvalidURL, ValueError) as error:
        raise blocked() from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or port == 0:
        raise blocked()
    literal = _literal(url.host)
    if literal is not None:
        _refuse_private([literal])
    elif url.host.rstrip(".").endswith("localhost") and not settings.ALLOW_PRIVATE_URLS:
        raise blocked()
    return url


def download(url: str, into: IO[bytes], *, max_bytes: int, seconds: float) -> Fetched:
    """Writes the body found at `url` to `into`. Raises FetchFailed."""
    deadline = Deadline(seconds)
    with _client(deadline) as client, deadline.faults():
        response = _follow(client, checked_url(url))
        try:
            _refuse_answer(response, max_bytes)
            return _save(response.iter_raw(_PIECE), into, max_bytes)
        finally:
            response.close()


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Answer:
    """Sends `body`; any status is an answer, a redirect too. Raises FetchFailed where there is none."""
    deadline = Deadline(seconds)
    with _client(deadline) as client, deadline.faults():
        request = client.build_request("POST", checked_url(url), content=body, headers=dict(headers))
        response = client.send(request, stream=True)
        try:
            _skim(response.iter_raw(4096))
            return Answer(response.status_code, retry_after(response))
        finally:
            response.close()


def retry_after(response: httpx.Response) -> float | None:
    """Seconds from now (RFC 9110, section 10.2.3); None where the header is missing or makes no sense."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _follow(client: httpx.Client, url: httpx.URL) -> httpx.Response:
    for _ in range(_REDIRECTS + 1):
        response = client.send(client.build_request("GET", url), stream=True)
        if response.status_code not in _REDIRECT_STATUSES:
            return response
        response.close()
        location = response.headers.get("Location", "")
        try:
            url = checked_url(str(url.join(location)))
        except httpx.InvalidURL as error:
            raise blocked() from error
        client.cookies.clear()
    raise FetchFailed("fetch_failed", f"The address redirects more than {_REDIRECTS} times.")


def _refuse_answer(response: httpx.Response, max_bytes: int) -> None:
    status = response.status_code
    if status != 200:
        raise FetchFailed(
            "fetch_failed",
            f"The server answered {status}.",
            permanent=status not in _TRY_LATER,
            retry_after=retry_after(response),
        )
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise FetchFailed("fetch_failed", "The server sent a compressed body, which was not asked for.")
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > max_bytes:
        detail = f"The file has {int(length[:20]):,} bytes; allowed are {max_bytes:,}."
        raise FetchFailed("file_too_large", detail)


def _save(pieces: Iterator[bytes], into: IO[bytes], max_bytes: int) -> Fetched:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise FetchFailed("fetch_failed", f"The body goes on after {max_bytes:,} bytes.")
        digest.update(piece)
        into.write(piece)
    return Fetched(size, digest.hexdigest())


def _skim(pieces: Iterator[bytes]) -> None:
    read = 0
    for piece in pieces:
        read += len(piece)
        if read >= _MOST_READ:
            return


class Deadline:
    """The end of one exchange, from the first look-up to the last byte."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def cap(self, timeout: float | None) -> float:
        """How long one step may take; raises FetchFailed where the time is up."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._too_long()
        return left if timeout is None else min(left, timeout)

    def faults(self) -> _Faults:
        return _Faults(self)

    def _too_long(self) -> FetchFailed:
        return FetchFailed("fetch_failed", f"The exchange took longer than {self.seconds:g} s.")

    def answer_to(self, error: Exception) -> FetchFailed:
        """What is told of a lower library's error."""
        if isinstance(error, FetchFailed):
            return error
        if time.monotonic() >= self._end:
            return self._too_long()
        if isinstance(error, httpx.TimeoutException):
            return FetchFailed("fetch_failed", "The server did not answer in time.", permanent=False)
        if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
            return blocked()
        return FetchFailed("fetch_failed", "The connection could not be made or broke off.", permanent=False)


class _Faults:
    """Turns what the network and the libraries raise into FetchFailed."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL | httpx.StreamError | ValueError):
            raise self._deadline.answer_to(error) from error


def _client(deadline: Deadline) -> httpx.Client:
    """A client for one exchange: no proxies, no .netrc, no cookies kept, nothing of the environment."""
    headers = {"Accept-Encoding": "identity", "User-Agent": AGENT, "Accept": "*/*"}
    transport = _Transport(deadline)
    return httpx.Client(transport=transport, timeout=_TIMEOUT, trust_env=False, headers=headers)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class _Transport(httpx.HTTPTransport):
    """httpx's own transport, over connections that are checked as they are made."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        # httpx has no public way to hand the pool a network of our own.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(), network_backend=_Network(deadline), max_keepalive_connections=0
        )


class _Network(httpcore.NetworkBackend):
    """Opens sockets to checked addresses only."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _resolve(host, port, self._deadline.cap(timeout))
        _refuse_private(addresses)
        for address in addresses[:-1]:
            try:
                return self._open(address, port, timeout, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._open(addresses[-1], port, timeout, socket_options)

    def _open(
        self, address: Address, port: int, timeout: float | None, options: Iterable[Any] | None
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(
            str(address), port, timeout=self._deadline.cap(timeout), socket_options=options
        )
        return _Stream(stream, self._deadline)


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends with the whole exchange's deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, timeout=self._deadline.cap(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout=self._deadline.cap(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.cap(timeout))
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@cache
def _resolvers() -> ThreadPoolExecutor:
    # getaddrinfo has no time limit of its own.
    return ThreadPoolExecutor(max_workers=32, thread_name_prefix="resolve")


def _resolve(host: str, port: int, seconds: float) -> list[Address]:
    literal = _literal(host)
    if literal is not None:
        return [literal]
    asked = _resolvers().submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = asked.result(seconds)
    except LookupTimeout as error:
        raise FetchFailed("fetch_failed", "The name was not found in time.", permanent=False) from error
    except socket.gaierror as error:
        later = error.errno == socket.EAI_AGAIN
        raise FetchFailed("fetch_failed", "There is no host of this name.", permanent=not later) from error
    except (OSError, UnicodeError) as error:
        raise FetchFailed("fetch_failed", "There is no host of this name.") from error
    return [ipaddress.ip_address(address[0]) for *_, address in found]


def _literal(host: str) -> Address | None:
    """The address that `host` spells, in any way the system's resolver takes: 127.1 and 0x7f000001, too."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return ipaddress.ip_address(found[0][4][0])
    except (OSError, UnicodeError, ValueError):
        return None


def _refuse_private(addresses: Iterable[Address]) -> None:
    """One private answer among public ones is enough: the next look-up may give that one."""
    if not settings.ALLOW_PRIVATE_URLS and not all(map(is_public, addresses)):
        raise blocked()
