"""A network on which nothing private can be reached.

The check is where the socket is opened, on the very address that it is opened to: a name that resolves
differently the second time gains nothing. Each step ends with the deadline of the whole exchange, however
slowly the other side sends.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LookupTimeout
from functools import cache
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
from django.conf import settings

from processing.remote.addresses import is_public

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOOK_UP = 1.0  # seconds after which a waiting read sees whether it is still wanted
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchFailed(Exception):
    """`invalid_address` for what is no web address, `blocked_address` for what may not be asked,
    `fetch_failed` or `file_too_large` for what went wrong.

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


class Interrupted(FetchFailed):
    """This process is about to end; the exchange said nothing about the other side."""

    def __init__(self) -> None:
        super().__init__("interrupted", "The worker was stopped.", permanent=False)


_process = {"stopping": False}


def stop() -> None:
    """Ends the exchanges of this process, within a second each."""
    _process["stopping"] = True


def blocked() -> FetchFailed:
    """The same words for every reason: they say nothing about what is there."""
    return FetchFailed("blocked_address", "This address is not one that may be fetched.")


class Deadline:
    """The end of one exchange, from the first look-up to the last byte."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def cap(self, timeout: float | None) -> float:
        """How long one step may take; raises FetchFailed where the time is up."""
        if _process["stopping"]:
            raise Interrupted
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


class Network(httpcore.NetworkBackend):
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
        refuse_private(addresses)
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
        end = time.monotonic() + self._deadline.cap(timeout)
        while True:
            left = max(end - time.monotonic(), 0.001)
            try:
                return self._inner.read(max_bytes, timeout=min(left, _LOOK_UP))
            except httpcore.ReadTimeout:
                if left <= _LOOK_UP:
                    raise
                self._deadline.cap(None)

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
    spelled = literal(host)
    if spelled is not None:
        return [spelled]
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


def literal(host: str) -> Address | None:
    """The address that `host` spells, in any way the system's resolver takes: 127.1 and 0x7f000001, too."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return ipaddress.ip_address(found[0][4][0])
    except (OSError, UnicodeError, ValueError):
        return None


def refuse_private(addresses: Iterable[Address]) -> None:
    """One private answer among public ones is enough: the next look-up may give that one."""
    if not settings.ALLOW_PRIVATE_URLS and not all(map(is_public, addresses)):
        raise blocked()
