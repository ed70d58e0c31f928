"""What a load needs: cores, hosts, database, disk, and where it breaks first.

    python -m benchmarks.sizing --rate 100 --megapixels 12 --days 365

The costs below were measured on one 2-core machine (see docs/scaling.md); give your own with the options.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

from benchmarks.support.table import show

# CPU milliseconds of one photo's pixels by megapixels: JPEG, web + two thumbnails, one core.
PIXELS = ((0.5, 14.0), (1.0, 22.0), (2.3, 73.0), (18.0, 177.0))
WEB_MS = 0.9  # one file of a batch request in the web server; 0.6 where the disk has rested
COMMIT_MS = 1.0  # one image's share of claim, settle and count, in the worker
STATEMENTS = 0.3  # one image's share of the database's statements; 0.24 to 0.26 were measured
ROW_BYTES = 3_050  # rows and indexes of one completed image: image, hues, events
RENDITION_SHARE = 0.2  # assumed: of the original's bytes
# Assumed, not measured: statements a second, each of many rows, that one primary on a good machine takes.
DATABASE_STATEMENTS = 10_000.0
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Load:
    """Images a second on average, `peak` times that at the busiest; days that images are kept."""

    rate: float
    megapixels: float
    megabytes: float
    peak: float
    days: int
    utilisation: float


@dataclass(frozen=True)
class Need:
    worker_cores: int
    web_processes: int
    statements: float
    rows: float
    database_gigabytes: float
    media_terabytes: float
    network_megabits: float


def pixel_ms(megapixels: float) -> float:
    """CPU time of one photo, on a line between the sizes that were measured."""
    (low, cost), *rest = PIXELS
    if megapixels <= low:
        return cost * max(megapixels / low, 0.3)
    for size, price in rest:
        if megapixels <= size:
            return cost + (price - cost) * (megapixels - low) / (size - low)
        low, cost = size, price
    return cost * megapixels / low


def need(load: Load) -> Need:
    busiest = load.rate * load.peak
    images = load.rate * SECONDS_A_DAY * load.days
    pixels = busiest * (pixel_ms(load.megapixels) + COMMIT_MS) / 1000
    return Need(
        worker_cores=math.ceil(pixels / load.utilisation),
        web_processes=max(2, math.ceil(busiest * WEB_MS / 1000 / load.utilisation)),
        statements=busiest * STATEMENTS,
        rows=images,
        database_gigabytes=images * ROW_BYTES / 1e9,
        media_terabytes=images * load.megabytes * (1 + RENDITION_SHARE) / 1e6,
        network_megabits=busiest * load.megabytes * 8,
    )


def advice(load: Load, found: Need) -> list[str]:
    """What this load meets first, in the order in which it does."""
    words = []
    if found.network_megabits > 900:
        words.append("one gigabit link is full: several balancers, or uploads straight to object storage")
    if found.media_terabytes > 4:
        words.append("one disk is full: media in S3 (AWS_STORAGE_BUCKET_NAME), renditions behind a CDN")
    if found.worker_cores > 64:
        words.append("more worker hosts than one Redis needs to know well: a Redis for channels of its own")
    if found.rows > 500e6:
        words.append("more than 500 million rows: partition images and events by time")
    if found.statements > DATABASE_STATEMENTS / 2:
        words.append(
            "one primary writes half of what it can: longer flushes, then accounts split over databases"
        )
    return words or ["nothing: the compose file's shape carries it"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, action="append", help="images a second (1, 100 and 10000)")
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--megabytes", type=float, default=3.5, help="of one file")
    parser.add_argument("--peak", type=float, default=3.0, help="busiest over average")
    parser.add_argument("--days", type=int, default=365, help="images are kept")
    parser.add_argument("--utilisation", type=float, default=0.7, help="of a core at the busiest")
    given = vars(parser.parse_args())
    loads = [Load(**{**given, "rate": rate}) for rate in given["rate"] or (1.0, 100.0, 10_000.0)]
    rows = []
    for load in loads:
        found = need(load)
        rows.append(
            [
                f"{load.rate:g}",
                found.worker_cores,
                found.web_processes,
                f"{found.statements:,.1f}",
                f"{found.rows:,.0f}",
                f"{found.database_gigabytes:,.0f}",
                f"{found.media_terabytes:,.1f}",
                f"{found.network_megabits:,.0f}",
            ]
        )
    head = [
        "images/s",
        "worker cores",
        "web processes",
        "statements/s",
        "rows",
        "database GB",
        "media TB",
        "Mbit/s",
    ]
    show(head, rows)
    for load in loads:
        print(f"{load.rate:g} images/s: {'; '.join(advice(load, need(load)))}")


if __name__ == "__main__":
    main()
