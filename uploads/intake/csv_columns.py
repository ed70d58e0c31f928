"""Which column of a CSV is which, found by the header that some program wrote."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uploads.intake.csv_text import Lines, Unreadable, records
from uploads.intake.receiving import shown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = ["S. No.", "Product Name", "Input Image Urls"]
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\s,;|]*', re.I)  # Excel's own way to name the delimiter
_NOTHING = re.compile(r'[\s,;|"]*')
# The names of each column, without what is no letter and no digit; `S..No.` is what R makes of `S. No.`.
_SPELLINGS = [
    {
        "sno",
        "snumber",
        "snr",
        "srno",
        "slno",
        "serial",
        "serialno",
        "serialnr",
        "serialnumber",
        "no",
        "nr",
        "#",
    },
    {"productname", "product", "productnames"},
    {"inputimageurls", "inputimageurl", "inputurls", "inputurl", "imageurls", "imageurl", "inputimages"},
]
_INDEX = {"", "index", "x", "rownames"}  # what pandas and R call the number of a row
_UNNAMED = re.compile(r"unnamed\d+")  # what pandas calls a column without a name
_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the three columns are; `index` says that the first is a row's number and of no matter."""

    delimiter: str
    serial: int
    product: int
    urls: int
    index: bool

    def cells(self, record: Sequence[str]) -> list[str] | None:
        """Serial, product and addresses; None where a cell is missing, or one has something where none is."""
        places = (self.serial, self.product, self.urls)
        if len(record) <= max(places):
            return None
        known = {*places, 0} if self.index else set(places)
        if any(cell.strip() for place, cell in enumerate(record) if place not in known):
            return None
        return [record[place].strip() for place in places]


def read_layout(lines: Lines) -> Layout | None:
    """Reads up to the header's end; None where there is no line. Raises Unreadable for another header."""
    delimiters = list(_DELIMITERS)
    while True:
        lines.mark()
        text = lines.next()
        if text is None:
            return None
        if named := _SEPARATOR_LINE.fullmatch(text):
            delimiters.sort(key=lambda delimiter: delimiter != named[1])
        elif not _NOTHING.fullmatch(text):
            lines.again()
            return _found(lines, delimiters)


def _found(lines: Lines, delimiters: Sequence[str]) -> Layout:
    """The layout by the delimiter under which the header is one."""
    headers: list[tuple[int, list[str], str]] = []
    unreadable: list[Unreadable] = []
    for delimiter in delimiters:
        lines.mark()
        try:
            line, cells = next(records(lines, delimiter))
        except Unreadable as error:
            unreadable.append(error)
        else:
            if layout := _layout(cells, delimiter):
                lines.forget()
                return layout
            headers.append((line, cells, delimiter))
        lines.again()
    if not headers:
        raise unreadable[0]
    raise _other_header(*max(headers, key=lambda header: len(header[1])))


def _layout(cells: Sequence[str], delimiter: str) -> Layout | None:
    keys = list(map(_key, cells))
    found = [[place for place, key in enumerate(keys) if key in spellings] for spellings in _SPELLINGS]
    if any(len(places) != 1 for places in found):
        return None
    (serial,), (product,), (urls,) = found
    index = keys[0] in _INDEX
    others = [key for place, key in enumerate(keys) if place not in (serial, product, urls)]
    if any(others[index:]):
        return None
    return Layout(delimiter, serial, product, urls, index)


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    key = "#" if plain.strip() == "#" else "".join(filter(str.isalnum, plain))
    return "" if _UNNAMED.fullmatch(key) else key


def _other_header(line: int, cells: Sequence[str], delimiter: str) -> Unreadable:
    shown = ", ".join(f"`{shown_name(cell)[:40]}`" for cell in cells[:_MOST_SHOWN] if cell.strip())
    found = f"found: {shown}, parted by {_DELIMITERS[delimiter]}" if len(cells) > 1 else f"found: {shown}"
    expected = f"expected are the columns `{'`, `'.join(HEADER)}`"
    return Unreadable(line, "bad_header", f"the header is another one; {found}; {expected}.")
