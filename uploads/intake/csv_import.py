"""A CSV of image addresses on its way to a job: read line by line, each error with its line."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

from django.db import transaction

from processing.imaging import Recipe
from processing.jobs import fetches
from processing.models import Job
from processing.remote.http import checked_url
from processing.remote.network import FetchFailed
from uploads.intake.receiving import shown_name
from uploads.intake.refusals import Refused
from uploads.models import CsvRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from processing.accounts.models import Plan, User

HEADER = ["S. No.", "Product Name", "Input Image Urls"]
QUALITY = 50
MOST_BYTES = 16 * 1024 * 1024
MOST_IN_CELL = 100_000
MOST_IN_URL = 2000
MOST_IN_TEXT = 1000
_MOST_ERRORS = 100
MOST_IN_LINE = 1024 * 1024


@dataclass(slots=True)
class Row:
    """One line of the file, with the addresses in its last cell."""

    line: int
    serial: str
    product: str
    urls: list[str]


@dataclass(slots=True)
class Parsed:
    """What the file says; `errors` name a line each, and a file with errors is not taken."""

    rows: list[Row] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    urls: int = 0

    def complain(self, line: int, code: str, detail: str, attr: str | None = None) -> None:
        self.errors.append({"line": line, "code": code, "detail": f"Line {line}: {detail}", "attr": attr})

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """Addresses that are sure to fail, found without asking anybody."""
        found = []
        for row in self.rows:
            for url in row.urls:
                try:
                    checked_url(url)
                except FetchFailed as error:
                    found.append({"line": row.line, "code": error.code, "detail": error.detail, "url": url})
        return found[:_MOST_ERRORS]


def parse(file: IO[bytes], plan: Plan) -> Parsed:
    """Reads the whole file, or up to the first error that makes the rest unreadable."""
    parsed = Parsed()
    records = csv.reader(_Lines(file), strict=True)
    csv.field_size_limit(MOST_IN_CELL)
    begin = 1
    try:
        for record in records:
            if begin == 1:
                _check_header(record, parsed)
            elif any(cell.strip() for cell in record):
                _take(record, begin, parsed, plan)
            if len(parsed.errors) >= _MOST_ERRORS or parsed.urls > plan.max_files:
                break
            begin = records.line_num + 1
    except csv.Error as error:
        parsed.complain(begin, "malformed_csv", f"this is not CSV as RFC 4180 writes it ({error}).")
    except _Unreadable as error:
        parsed.complain(records.line_num + 1, error.code, error.detail)
    if not parsed.rows and not parsed.errors:
        parsed.complain(begin, "no_rows", "the file has no rows below its header.")
    return parsed


def submit(owner: User, parsed: Parsed, *, webhook_url: str, inside: Callable[[Job], None]) -> Job:
    """Writes the job, its images and its rows; `inside` runs in the same transaction."""
    recipe = Recipe(heights=tuple(owner.plan.thumbnail_heights), full_size_quality=QUALITY)
    urls = [url for row in parsed.rows for url in row.urls]
    sources = [
        fetches.NewSource(index, _name(url), url, owner.plan.max_file_bytes) for index, url in enumerate(urls)
    ]
    with transaction.atomic():
        job = fetches.submit(
            owner.id,
            Job.Kind.CSV,
            recipe,
            sources,
            webhook_url=webhook_url,
            keeps_originals=owner.plan.keeps_original,
        )
        CsvRow.objects.bulk_create(list(_rows(job, parsed.rows)), batch_size=2000)
        inside(job)
    return job


def _rows(job: Job, rows: Sequence[Row]) -> Iterator[CsvRow]:
    first = 0
    for row in rows:
        yield CsvRow(
            job=job,
            line=row.line,
            serial=row.serial,
            product=row.product,
            urls=",".join(row.urls),
            first_index=first,
            count=len(row.urls),
        )
        first += len(row.urls)


def _name(url: str) -> str:
    path = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")[2]
    return shown_name(unquote(PurePosixPath(path).name if "/" in path else ""))


def _check_header(record: list[str], parsed: Parsed) -> None:
    if [cell.strip().casefold() for cell in record] != [name.casefold() for name in HEADER]:
        parsed.complain(1, "bad_header", f"the header is not `{','.join(HEADER)}`.")


def _take(record: list[str], line: int, parsed: Parsed, plan: Plan) -> None:
    if len(record) != len(HEADER):
        detail = f"it has {len(record)} cells, not 3; several addresses go into one quoted cell."
        parsed.complain(line, "wrong_cells", detail)
        return
    serial, product, cell = record
    urls = [url.strip() for url in cell.split(",") if url.strip()]
    parsed.urls += len(urls)
    if any("\0" in text for text in record):
        parsed.complain(line, "bad_text", "it holds a NUL character.")
    elif max(len(serial), len(product)) > MOST_IN_TEXT:
        parsed.complain(line, "cell_too_long", f"a text has more than {MOST_IN_TEXT} characters.")
    elif not urls:
        parsed.complain(line, "no_url", "it names no image address.", HEADER[2])
    elif max(map(len, urls)) > MOST_IN_URL:
        parsed.complain(
            line, "url_too_long", f"an address has more than {MOST_IN_URL} characters.", HEADER[2]
        )
    elif parsed.urls > plan.max_files:
        detail = f"the plan {plan.name} allows {plan.max_files:,} addresses in a file; here there are more."
        parsed.complain(line, "too_many_urls", detail)
    else:
        parsed.rows.append(Row(line, serial, product, urls))


class _Unreadable(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class _Lines:
    """The file's lines as text, none of them longer than what is worth holding in memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._first = True

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MOST_IN_LINE)
        if not line:
            raise StopIteration
        if len(line) == MOST_IN_LINE:
            raise _Unreadable("line_too_long", f"it has more than {MOST_IN_LINE:,} bytes.")
        if self._first:
            self._first = False
            line = line.removeprefix(codecs.BOM_UTF8)
            if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise _Unreadable("not_utf8", "the file is UTF-16; save it as UTF-8.")
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise _Unreadable("not_utf8", "the text is not UTF-8.") from error


def refuse(parsed: Parsed, plan: Plan) -> None:
    """Raises Refused for a file with errors."""
    if parsed.errors:
        first = parsed.errors[0]
        raise Refused(400, first["code"], first["detail"], errors=parsed.errors, plan=plan.name)
