"""`make bench [WHAT="name ..."]`: runs the benchmarks, each beside its limit or peer, and prints tables."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> int:
    known = sorted(
        module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name[0] not in "_"
    )
    known = [name for name in known if hasattr(importlib.import_module(f"benchmarks.{name}"), "run")]
    unknown = set(names) - set(known)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    for name in names or known:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n## {name}: {(module.__doc__ or '').strip().splitlines()[0]}\n", flush=True)
        module.run()
    return 0


sys.exit(main(sys.argv[1:]))
