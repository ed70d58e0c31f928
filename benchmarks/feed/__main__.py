"""The feed by hue at many images, and its push at many sockets.

    python -m benchmarks.feed pages --images 10000 1000000     GET /api/feed, p50 and p95, and their ratio
    python -m benchmarks.feed push --sockets 500 --images 300  from commit to frame; misses and doubles

Both start the service below a home of their own, and remove it.
"""

from __future__ import annotations

import argparse

from benchmarks.feed.pages import pages
from benchmarks.feed.push import push


def run() -> None:
    """What takes minutes; ten million images and thousands of sockets are there to be asked for by hand."""
    pages([10_000, 1_000_000])
    push(10, 100)
    push(500, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the feed by hue.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    by_size = kinds.add_parser("pages")
    by_size.add_argument("--images", type=int, nargs="+", default=[10_000, 1_000_000])
    by_sockets = kinds.add_parser("push")
    by_sockets.add_argument("--sockets", type=int, default=500)
    by_sockets.add_argument("--images", type=int, default=300)
    given = parser.parse_args()
    if given.kind == "pages":
        pages(given.images)
    else:
        push(given.sockets, given.images)


if __name__ == "__main__":
    main()
