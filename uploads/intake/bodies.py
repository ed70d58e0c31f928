"""A request's body as files: multipart or the bytes themselves, written down as they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from uploads.intake.multipart import Malformed, Parser, Part, boundary_of, parameters_of
from uploads.intake.receiving import Files, shown_name
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponseBase

_CHARSETS = (b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"latin-1")


class BodyParser(Protocol):
    """Takes a body apart into files. Raises Malformed, Refused."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class FilesBody:
    """Takes a body in pieces into `files`; the answer is `done`'s (uploads.api.streamed_body.Sink)."""

    def __init__(self, files: Files, parser: BodyParser, done: Callable[[], HttpResponseBase]) -> None:
        self._files = files
        self._parser = parser
        self._done = done

    def write(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except Malformed as error:
            raise _malformed(error) from error

    def finish(self) -> HttpResponseBase:
        """Every temporary file that is not taken over is gone afterwards."""
        try:
            self._parser.close()
            self._files.landed()
            return self._done()
        except Malformed as error:
            raise _malformed(error) from error
        finally:
            self._files.discard()

    def abandon(self) -> None:
        self._files.discard()


class OneFile:
    """A body that is one file."""

    def __init__(self, files: Files, name: str, content_type: str) -> None:
        self._files = files
        self._part = Part(files.field, name or "unnamed", content_type)
        self._begun = False

    def write(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._files.begin(self._part)
        self._files.data(data)

    def close(self) -> None:
        self.write(b"")
        self._files.end()


def multipart_parser(content_type: str, files: Files) -> Parser:
    """Raises Refused for a header that names no boundary, or another charset than RFC 7578 knows."""
    header = content_type.encode("utf-8", "surrogateescape")
    # Text comes as UTF-8 (RFC 7578, section 5.1.2), and no client names the codec it is read with; Latin-1 is
    # said, not meant.
    charset = parameters_of(header).get(b"charset", b"utf-8").lower().replace(b"_", b"-")
    if charset not in _CHARSETS:
        shown = shown_name(charset.decode("ascii", "replace"))
        raise Refused(400, "malformed_multipart", f"Send text fields as UTF-8, not as {shown}.")
    try:
        return Parser(boundary_of(header), files)
    except Malformed as error:
        raise _malformed(error) from error


def _malformed(error: Malformed) -> Refused:
    return Refused(400, "malformed_multipart", f"The body is not multipart/form-data: {error}.")
