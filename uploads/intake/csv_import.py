"""A CSV of image addresses on its way to a job: read line by line, each error with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

from django.db import transaction

from processing.imaging.recipes import COMPRESSED
from processing.jobs import fetches
from processing.jobs.recipes import merged
from processing.models import Job
from processing.remote.network import FetchFailed
from processing.remote.web_addresses import checked_url
from uploads.intake.csv_columns import HEADER, Layout, read_layout
from uploads.intake.csv_text import Lines, Unreadable, records
from uploads.intake.receiving import shown_name
from uploads.intake.refusals import Refused
from uploads.models import CsvFile, CsvRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from processing.accounts.models import Plan, User
    from processing.imaging.recipes import Recipe

MOST_BYTES = 16 * 1024 * 1024
MOST_IN_URL = 2000
MOST_IN_TEXT = 1000
_MOST_ERRORS = 100
_BETWEEN = re.compile(r"[\s,;|\u200b\ufeff]++(?=(?:https?|ftps?|sftp|file|s3)://)", re.I)
_NO_ENDS = " \t\r\n,;|\xa0\u200b\ufeff"


@dataclass(slots=True)
class Row:
    """One line of the file, with the addresses in its last cell."""

    line: int
    serial: str
    product: str
    cell: str
    urls: list[str]


@dataclass(slots=True)
class Parsed:
    """What the file says; `errors` name a line each, and a file with errors is not taken."""

    rows: list[Row] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    urls: int = 0
    has_bom: bool = False

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
    lines = None
    try:
        lines = Lines(file)
        parsed.has_bom = lines.has_bom
        _read_rows(lines, parsed, plan)
    except Unreadable as error:
        parsed.complain(error.line, error.code, error.detail)
    finally:
        if lines:
            lines.close()
    if not parsed.rows and not parsed.errors:
        parsed.complain(lines.number + 1 if lines else 1, "no_rows", "the file has no rows below its header.")
    return parsed


def _read_rows(lines: Lines, parsed: Parsed, plan: Plan) -> None:
    layout = read_layout(lines)
    if layout is None:
        return
    for line, record in records(lines, layout.delimiter):
        if any(cell.strip() for cell in record):
            _take(record, line, parsed, plan, layout)
        if len(parsed.errors) >= _MOST_ERRORS or parsed.urls > plan.max_files:
            break


def addresses(cell: str) -> list[str]:
    """The addresses in a cell. A comma is part of an address unless another address follows it, and so are
    a line end, a blank, a semicolon and a bar.
    """
    found = (part.strip(_NO_ENDS) for part in _BETWEEN.split(cell))
    return [part.replace(" ", "%20") if "://" in part else part for part in found if part]


def submit(
    owner: User,
    parsed: Parsed,
    *,
    webhook_url: str,
    recipes: Sequence[Recipe] = (),
    inside: Callable[[Job], None],
) -> Job:
    """Writes the job, its images and its rows; `inside` runs in the same transaction."""
    urls = [url for row in parsed.rows for url in row.urls]
    sources = [
        fetches.NewSource(index, _name(url), url, owner.plan.max_file_bytes) for index, url in enumerate(urls)
    ]
    with transaction.atomic():
        job = fetches.submit(
            owner.id,
            Job.Kind.CSV,
            merged([*owner.plan.recipes(), COMPRESSED], recipes),
            sources,
            webhook_url=webhook_url,
            keeps_originals=owner.plan.keeps_original,
        )
        CsvFile.objects.create(job=job, has_bom=parsed.has_bom)
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
            urls=row.cell,
            first_index=first,
            count=len(row.urls),
        )
        first += len(row.urls)


def _name(url: str) -> str:
    path = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")[2]
    return shown_name(unquote(PurePosixPath(path).name if "/" in path else ""))


def _take(record: list[str], line: int, parsed: Parsed, plan: Plan, layout: Layout) -> None:
    cells = layout.cells(record)
    if cells is None:
        detail = (
            f"it has {len(record)} cells that do not fit the header; an address with a comma, and several"
        )
        parsed.complain(line, "wrong_cells", f"{detail} addresses, go into one quoted cell.")
        return
    serial, product, cell = cells
    urls = addresses(cell)
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
        parsed.rows.append(Row(line, serial, product, cell, urls))


def refuse(parsed: Parsed, plan: Plan) -> None:
    """Raises Refused for a file with errors."""
    if parsed.errors:
        first = parsed.errors[0]
        raise Refused(400, first["code"], first["detail"], errors=parsed.errors, plan=plan.name)
