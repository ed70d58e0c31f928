"""The text of a CSV: its bytes as lines, its lines as records of cells.

RFC 4180, and what programs write besides: lines that end in a carriage return alone, the code page of western
Windows, a blank before a quote, PHP's backslash before a quote.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import IO, TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_IN_CELL = 100_000  # characters
MOST_IN_LINE = 1024 * 1024  # bytes
_HEAD = 4096
_NUL_SHARE = 0.2  # of a UTF-16 text's bytes, at least
_SAVE_AS = "save it as CSV (UTF-8) and send that"
# What tables are kept in besides CSV, by the first bytes; the first that fits.
_OTHER_FILES = [
    (re.compile(rb"PK\x03\x04.*(xl/|\[Content_Types\])", re.S), "an Excel workbook (.xlsx)"),
    (re.compile(rb"PK\x03\x04.*opendocument\.spreadsheet", re.S), "an OpenDocument spreadsheet (.ods)"),
    (re.compile(rb"PK\x03\x04.*(\.iwa|Index\.zip)", re.S), "a Numbers spreadsheet (.numbers)"),
    (re.compile(rb"PK(\x03\x04|\x05\x06)"), "a spreadsheet or another ZIP file (.xlsx, .ods, .numbers)"),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old Excel workbook (.xls)"),
    (re.compile(rb"\x1f\x8b"), "a gzip file"),
    (re.compile(rb"%PDF-"), "a PDF"),
    (re.compile(rb"\{\\rtf"), "an RTF document"),
    (re.compile(rb"\s*<(\?xml|!doctype|html|table)", re.I), "an XML or HTML file"),
    (re.compile(rb"\s*[\[{]\s*[\[{\"]"), "a JSON file"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|II\*\0|MM\0\*|BM.{4}\0\0\0\0", re.S), "a picture"),
]
# Windows-1252 has no such characters or hardly uses them (Japanese text does), and no word has that many
# accented letters in a row (each Cyrillic one has).
_NOT_WESTERN = re.compile(rb"[\x81-\x83\x88\x8d\x8f\x90\x98\x9d\xff]|[\xc0-\xfe]{4}")


class Unreadable(Exception):
    """What ends the reading of the file, with its line."""

    def __init__(self, line: int, code: str, detail: str) -> None:
        super().__init__(code)
        self.line = line
        self.code = code
        self.detail = detail


class Lines:
    """The lines of a file as text without their ends, none of them longer than is worth holding in memory.

    `number` is the line last read, as an editor counts. Raises Unreadable for what is no text.
    """

    def __init__(self, file: IO[bytes]) -> None:
        head = file.read(_HEAD)
        _refuse_other_files(head)
        self.has_bom = head.startswith(codecs.BOM_UTF8)
        file.seek(len(codecs.BOM_UTF8) if self.has_bom else 0)
        # Latin-1 gives each byte as a character; what they mean is decided line by line.
        self._file = io.TextIOWrapper(file, "latin-1", newline="")
        self._encoding = "utf-8" if self.has_bom else ""
        self._waiting: list[str] = []
        self._read: list[str] | None = None
        self.number = 0

    def next(self) -> str | None:
        """The next line; None after the last."""
        text = self._waiting.pop(0) if self._waiting else self._from_file()
        if text is not None:
            self.number += 1
            if self._read is not None:
                self._read.append(text)
        return text

    def mark(self) -> None:
        """From here on the lines are kept for `again`."""
        self._read = []

    def again(self) -> None:
        """Goes back to the mark and drops it."""
        self._waiting = (self._read or []) + self._waiting
        self.number -= len(self._read or [])
        self.forget()

    def forget(self) -> None:
        self._read = None

    def close(self) -> None:
        """Leaves the file open."""
        self._file.detach()

    def _from_file(self) -> str | None:
        line = self._file.readline(MOST_IN_LINE)
        if not line:
            return None
        if len(line) == MOST_IN_LINE:
            raise Unreadable(self.number + 1, "line_too_long", f"it has more than {MOST_IN_LINE:,} bytes.")
        return self._decoded(line.rstrip("\r\n"))

    def _decoded(self, line: str) -> str:
        if line.isascii():
            return line
        data = line.encode("latin-1")
        try:
            text = data.decode(self._encoding or "utf-8")
            self._encoding = self._encoding or "utf-8"
        except UnicodeDecodeError:
            if self._encoding or _NOT_WESTERN.search(data):
                detail = f"the text is neither UTF-8 nor Windows-1252; {_SAVE_AS}."
                raise Unreadable(self.number + 1, "not_utf8", detail) from None
            self._encoding = "cp1252"
            text = data.decode("cp1252")
        return text


def _refuse_other_files(head: bytes) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise Unreadable(1, "not_utf8", f"the file is UTF-16 (Excel's Unicode text); {_SAVE_AS}.")
    for pattern, kind in _OTHER_FILES:
        if pattern.match(head):
            raise Unreadable(1, "unsupported_format", f"this is {kind}, not CSV; {_SAVE_AS}.")
    if head.count(0) > len(head) * _NUL_SHARE:
        raise Unreadable(1, "not_utf8", f"the file is UTF-16 or no text at all; {_SAVE_AS}.")


def records(lines: Lines, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records of the file, each with the line it begins in. Raises Unreadable."""
    reader = _Records(lines, delimiter)
    while (record := reader.next()) is not None:
        yield record


class _Records:
    def __init__(self, lines: Lines, delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._blanks = re.compile("[ \t\xa0]*".replace(delimiter, ""))
        self._begin = 0
        self._text = ""
        self._at = 0

    def next(self) -> tuple[int, list[str]] | None:
        text = self._lines.next()
        if text is None:
            return None
        self._begin, self._text, self._at = self._lines.number, text, 0
        cells = [self._cell()]
        while self._at < len(self._text):  # here stands a delimiter
            self._at += 1
            cells.append(self._cell())
        return self._begin, cells

    def _cell(self) -> str:
        begin = self._after_blanks(self._at)
        if self._text.startswith('"', begin):
            return self._quoted(begin + 1)
        end = self._text.find(self._delimiter, self._at)
        cell = self._text[self._at : end if end >= 0 else None]
        self._at = end if end >= 0 else len(self._text)
        return self._bounded(cell)

    def _quoted(self, at: int) -> str:
        parts: list[str] = []
        earlier = 0
        while True:
            end = self._text.find('"', at)
            if end < 0:
                parts += [self._text[at:], "\n"]
                earlier += len(self._text) + 1
                self._go_on(earlier)
                at = 0
            elif self._text.startswith('"', end + 1):
                parts.append(self._text[at : end + 1])
                at = end + 2
            elif self._closes(end):
                parts.append(self._text[at:end])
                self._at = self._after_blanks(end + 1)
                return self._bounded("".join(parts))
            elif self._text[end - 1 : end] == "\\" and end > at:  # PHP's fputcsv
                parts.append(self._text[at : end + 1])
                at = end + 1
            else:
                self._malformed('text follows a closing quote; a quote inside a cell is written twice ("")')

    def _closes(self, quote: int) -> bool:
        after = self._after_blanks(quote + 1)
        return after == len(self._text) or self._text.startswith(self._delimiter, after)

    def _after_blanks(self, at: int) -> int:
        found = self._blanks.match(self._text, at)
        return found.end() if found else at

    def _go_on(self, length: int) -> None:
        """To the next line of a quoted cell that has so many characters by now."""
        text = self._lines.next() if length <= MOST_IN_CELL else None
        if text is None:
            self._malformed("a quote is opened in it and not closed")
        self._text = text

    def _bounded(self, cell: str) -> str:
        if len(cell) > MOST_IN_CELL:
            detail = f"a cell has more than {MOST_IN_CELL:,} characters."
            raise Unreadable(self._begin, "cell_too_long", detail)
        return cell

    def _malformed(self, why: str) -> NoReturn:
        raise Unreadable(self._begin, "malformed_csv", f"{why}.")
