"""HTTP to addresses that strangers name.

Every connection, at each redirect again, is made through the guarded network; the whole exchange has one time
limit and one size limit. Nothing is decompressed, no proxy and no password of this machine is used.
"""

from __future__ import annotations

import email.utils
import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import IO, TYPE_CHECKING

import httpcore
import httpx

from processing.remote.network import Deadline, FetchFailed, Network
from processing.remote.web_addresses import checked_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AGENT = "imageapi/1.0"
_REDIRECTS = 5
_PIECE = 64 * 1024
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_REDIRECT_STATUSES = {301, 302, 303, 307, 308}
_TRY_LATER = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 86_400.0
_HEADERS_SHOWN, _HEADER_SHOWN = 30, 300
_MOST_READ = 16 * 1024  # of an answer that nobody reads


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
    headers: dict[str, str]


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
            return Answer(response.status_code, retry_after(response), _some_of(response.headers))
        finally:
            response.close()


def _some_of(headers: httpx.Headers) -> dict[str, str]:
    """As many as a log wants."""
    return {name: value[:_HEADER_SHOWN] for name, value in list(headers.items())[:_HEADERS_SHOWN]}


def retry_after(response: httpx.Response) -> float | None:
    """Seconds from now (RFC 9110, section 10.2.3), at most a day; None where the header makes no sense."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:20]), _LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        wait = (moment - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):  # a year 9999 that begins elsewhere is past the last one
        return None
    return min(max(0.0, wait), _LONGEST_WAIT)


def _follow(client: httpx.Client, url: httpx.URL) -> httpx.Response:
    for _ in range(_REDIRECTS + 1):
        response = client.send(client.build_request("GET", url), stream=True)
        if response.status_code not in _REDIRECT_STATUSES:
            return response
        response.close()
        url = _redirected(url, response.headers.get("Location", ""))
        client.cookies.clear()
    raise FetchFailed("fetch_failed", f"The address redirects more than {_REDIRECTS} times.")


def _redirected(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return checked_url(str(url.join(location)))
    except (httpx.InvalidURL, ValueError) as error:
        raise _bad_redirect() from error
    except FetchFailed as error:
        if error.code != "invalid_address":
            raise
        raise _bad_redirect() from error


def _bad_redirect() -> FetchFailed:
    return FetchFailed("fetch_failed", "The address redirects to what is no web address.")


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
            ssl_context=_tls(), network_backend=Network(deadline), max_keepalive_connections=0
        )
