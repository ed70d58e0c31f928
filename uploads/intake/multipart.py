"""`multipart/form-data` (RFC 7578) taken apart as it arrives: bytes in, calls of a taker out.

Nothing of a body is held but a part's headers and what may be the beginning of a boundary. It takes what is
sent in practice: lines that end in LF alone, text before the first boundary and after the last, names in
other encodings than UTF-8, `filename*`, and the `%22` of browsers (WHATWG, multipart/form-data encoding).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_HEADERS = 16 * 1024
_MOST_BEFORE = 64 * 1024
_MOST_PADDING = 256
_MOST_BOUNDARY = 200  # 70 by RFC 2046, section 5.1.1
_LINE_FEED, _RETURN = 0x0A, 0x0D

# A value in quotes; one whose closing quote looks escaped; one without quotes.
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|"[^"]*"|[^;]*)', re.DOTALL)
# In Shift-JIS, GBK and Big5 a backslash is the second half of many characters.
_PARAMETER_UNESCAPED = re.compile(rb';\s*([^\s=;"]+)\s*=\s*("[^"]*"|[^;]*)', re.DOTALL)
_ESCAPED = re.compile(rb'\\(["\\])')
_PERCENT = re.compile(r"%(22|0D|0A)", re.IGNORECASE)
_CHARACTERS = {"22": '"', "0D": "\r", "0A": "\n"}
_EXTENDED = re.compile(rb"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE | re.DOTALL)


class Malformed(ValueError):
    """What came is no multipart body; says how."""


@dataclass(frozen=True, slots=True)
class Part:
    """The headers of a part. `filename` is None where none was sent, and as it was sent otherwise."""

    name: str
    filename: str | None = None
    content_type: str = ""
    encoding: str = ""


class Taker(Protocol):
    """What is called for each part, in order: `begin`, `data` any number of times, `end`."""

    def begin(self, part: Part) -> None: ...

    def data(self, data: bytes) -> None: ...

    def end(self) -> None: ...


class Parser:
    """Takes one body in pieces of any size; raises Malformed, and whatever its taker raises."""

    def __init__(self, boundary: bytes, taker: Taker) -> None:
        if not 0 < len(boundary) <= _MOST_BOUNDARY:
            raise Malformed("its Content-Type names no boundary of 1 to 70 characters")
        self._taker = taker
        self._mark = b"--" + boundary
        self._line_end = b"\r\n"
        self._buffer = b""
        self._position = 0
        self._step: Callable[[], bool] = self._before

    def write(self, data: bytes) -> None:
        left = self._buffer[self._position :]
        self._buffer, self._position = left + data if left else data, 0
        while self._step():
            pass

    def close(self) -> None:
        """The body has ended. Raises Malformed where its closing boundary was not there."""
        if self._step != self._after:
            raise Malformed("it ends before its closing boundary")

    # Each step works at the position and moves it on; it returns whether there is more to be done now.

    def _before(self) -> bool:
        at = self._buffer.find(self._mark)
        while at > 0 and self._buffer[at - 1] != _LINE_FEED:
            at = self._buffer.find(self._mark, at + 1)
        behind = at + len(self._mark)
        if at >= 0 and (end := self._buffer.find(b"\n", behind)) >= 0:
            self._line_end = b"\r\n" if self._buffer[end - 1] == _RETURN else b"\n"
        if at < 0 or not (found := self._behind_mark(behind)):
            if len(self._buffer) > _MOST_BEFORE or (at >= 0 and found is False):
                raise Malformed(f"its boundary is not in the first {_MOST_BEFORE:,} bytes")
            return False
        return True

    def _behind_mark(self, position: int) -> bool | None:
        """Goes on behind a boundary; False where this is none after all, None where that is not known yet."""
        if self._buffer.startswith(b"--", position):
            self._step, self._position = self._after, position + 2
            return True
        end = self._buffer.find(self._line_end, position, position + _MOST_PADDING)
        padding = self._buffer[position : end if end >= 0 else None]
        if end < 0 and len(padding) < _MOST_PADDING and not padding.strip(b" \t\r-"):
            return None
        if end < 0 or padding.strip(b" \t"):
            return False
        self._step, self._position = self._headers, end + len(self._line_end)
        return True

    def _headers(self) -> bool:
        start, line_end = self._position, self._line_end
        if self._buffer.startswith(line_end, start):
            raise Malformed("a part has no Content-Disposition")
        end = self._buffer.find(line_end + line_end, start)
        if (len(self._buffer) if end < 0 else end) - start > MOST_HEADERS:
            raise Malformed(f"the headers of a part take more than {MOST_HEADERS:,} bytes")
        if end < 0:
            return False
        self._taker.begin(part_of(self._buffer[start:end].split(line_end)))
        # Where a part is empty, the empty line may be the beginning of the boundary.
        self._step, self._position, self._content_from = self._content, end + len(line_end), len(line_end)
        return True

    def _content(self) -> bool:
        mark = self._line_end + self._mark
        at = self._buffer.find(mark, self._position)
        found = self._behind_boundary(at, at + len(mark)) if at >= 0 else None
        if found:
            return True
        if at < 0:
            self._give(len(self._buffer) - len(mark) + 1)
        elif found is None:
            self._give(at)
        else:
            self._give(at + len(mark))
            return True
        return False

    def _behind_boundary(self, at: int, behind: int) -> bool | None:
        before = self._position
        found = self._behind_mark(behind)
        if found:
            after, self._position = self._position, before
            self._give(at)
            self._position = after
            self._taker.end()
        return found

    def _give(self, end: int) -> None:
        start = self._position + self._content_from
        if end > start:
            self._taker.data(self._buffer[start:end])
            self._position, self._content_from = end, 0

    def _after(self) -> bool:
        self._position = len(self._buffer)
        return False


def part_of(lines: list[bytes]) -> Part:
    """A part by its header lines. Raises Malformed."""
    headers: dict[bytes, bytes] = {}
    last = b""
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            headers[last] = headers.get(last, b"") + line
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            raise Malformed("a header of a part has no colon")
        last = name.strip().lower()
        headers.setdefault(last, value.strip())
    parameters = parameters_of(headers.get(b"content-disposition", b""))
    if b"name" not in parameters:
        raise Malformed("a part has no Content-Disposition with a name")
    return Part(
        name=_text(parameters[b"name"]),
        filename=_filename(parameters),
        content_type=_text(headers.get(b"content-type", b"")),
        encoding=_text(headers.get(b"content-transfer-encoding", b"")).lower(),
    )


def boundary_of(content_type: bytes) -> bytes:
    """Empty where none is named."""
    return parameters_of(content_type).get(b"boundary", b"")


def parameters_of(value: bytes) -> dict[bytes, bytes]:
    """The parameters of a header, names in small letters, values as they were sent."""
    utf8 = _is_utf8(value)
    found: dict[bytes, bytes] = {}
    for name, text in (_PARAMETER if utf8 else _PARAMETER_UNESCAPED).findall(value):
        quoted = text[1:-1] if text[:1] == b'"' else None
        found.setdefault(name.lower(), _unescaped(quoted, utf8) if quoted is not None else text.strip())
    return found


def _unescaped(quoted: bytes, utf8: bool) -> bytes:
    return _ESCAPED.sub(rb"\1", quoted) if utf8 else quoted


def filename_of(disposition: bytes) -> str | None:
    """The name in a Content-Disposition."""
    return _filename(parameters_of(disposition))


def _filename(parameters: dict[bytes, bytes]) -> str | None:
    extended = _EXTENDED.fullmatch(parameters.get(b"filename*", b""))
    if extended:
        return unquote_to_bytes(extended[2]).decode(extended[1].decode(), "replace")
    sent = parameters.get(b"filename")
    return None if sent is None else _text(sent)


def _text(raw: bytes) -> str:
    """UTF-8 as all should send it; else as the most frequent other, which has a character for nearly all."""
    text = raw.decode() if _is_utf8(raw) else raw.decode("cp1252", "replace")
    return _PERCENT.sub(lambda found: _CHARACTERS[found[1].upper()], text)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
