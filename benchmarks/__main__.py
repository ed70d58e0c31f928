"""`make bench [WHAT="name ..."]`: runs the benchmarks, each beside its limit or peer, and prints tables."""

from __future__ import annotations

import importlib
import sys

# Name: the module whose `run` measures, below benchmarks; in the order they run in.
BENCHMARKS = {
    "batch": "uploads.batch",
    "multi": "uploads.multi",
    "ingest": "uploads.ingest",
    "pauses": "server.pauses",
    "single": "uploads.single",
    "feed": "feed.__main__",
    "statements": "uploads.statements",
    "memory": "server.memory",
    "canvas": "pictures.canvas",
    "page": "page",
    "ways": "uploads.ways",
    "fairness": "uploads.fairness",
    "formats": "pictures.formats",
    "likeness": "pictures.likeness",
    "archive": "server.archive",
    "edge": "server.edge",
    "resumable": "uploads.resumable",
}


def main(names: list[str]) -> int:
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in names or BENCHMARKS:
        module = importlib.import_module(f"benchmarks.{BENCHMARKS[name]}")
        print(f"\n## {name}: {(module.__doc__ or '').strip().splitlines()[0]}\n", flush=True)
        module.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
