"""The CSV that goes back: what came in, beside what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processing.models import Source, Status
from processing.news.representations import rendition_shape
from uploads.intake.csv_columns import HEADER
from uploads.models import CsvRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from processing.models import Image, Job

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_CHUNK = 500


def results(job: Job, absolute: Callable[[str], str]) -> Iterator[list[str]]:
    """The lines of the result: what was sent in, where the compressed images are, what went wrong."""
    yield [*HEADER, "Output Image Urls", "Errors"]
    rows = CsvRow.objects.filter(job=job).order_by("line")
    for chunk in _chunks(rows.iterator(_CHUNK), _CHUNK):
        first, last = chunk[0], chunk[-1]
        wanted = range(first.first_index, last.first_index + last.count)
        images = {
            image.index: image for image in job.images.filter(index__gte=wanted.start, index__lt=wanted.stop)
        }
        urls = dict(
            Source.objects.filter(
                image__job=job, image__index__gte=wanted.start, image__index__lt=wanted.stop
            ).values_list("image__index", "url")
        )
        for row in chunk:
            places = range(row.first_index, row.first_index + row.count)
            yield _line(row, [(urls.get(i, ""), images.get(i)) for i in places], absolute)


def neutral(cell: str) -> str:
    """A cell that a spreadsheet shows and does not run."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _line(row: CsvRow, made: Sequence[tuple[str, Image | None]], absolute: Callable[[str], str]) -> list[str]:
    outputs, errors = [], []
    for url, image in made:
        if image is None or image.deleted_at:
            errors.append(f"{url}: deleted")
        elif image.status == Status.COMPLETED:
            outputs += [absolute(url) for url in _compressed(image)]
        else:
            errors.append(f"{url}: {image.error_code or image.status}")
    cells = [row.serial, row.product, row.urls, ",".join(outputs), "; ".join(errors)]
    return [neutral(cell) for cell in cells]


def _compressed(image: Image) -> list[str]:
    shapes = [rendition_shape(image.key, rendition) for rendition in image.renditions]
    return [shape["url"] for shape in shapes if shape["name"] == "compressed"]


def _chunks(rows: Iterator[CsvRow], size: int) -> Iterator[list[CsvRow]]:
    chunk: list[CsvRow] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
