"""`make bench [WHAT="name ..."]`: runs the benchmarks, each beside its limit or peer, and prints tables."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = (
    "batch",
    "multi",
    "ingest",
    "pauses",
    "single",
    "feed",
    "statements",
    "memory",
    "canvas",
    "page",
    "ways",
    "fairness",
    "formats",
    "likeness",
    "archive",
    "edge",
)


def main(names: list[str]) -> int:
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in names or BENCHMARKS:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n## {name}: {(module.__doc__ or '').strip().splitlines()[0]}\n", flush=True)
        module.run()
    return 0


sys.exit(main(sys.argv[1:]))
