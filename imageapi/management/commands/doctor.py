"""`manage.py doctor`: what does not hold between rows and files, and what can be done about it."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandParser

from processing.upkeep import alive
from processing.upkeep.doctor import Finding, findings
from processing.upkeep.orphans import ORPHAN_AGE
from uploads.intake.leftovers import left_uploads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHECKS = {
    "I1": "every upload has its bytes",
    "I3": "each rendition is there once, and whole",
    "I6": "the counters of jobs and accounts equal their rows",
    "I7": "no file is without a row, none is left of an upload",
}


class Command(BaseCommand):
    """Exit code 1 where something is left that does not hold; what does not run is only said."""

    help = "Compares rows and files of a running installation; says what it found, with --fix mends it."

    def add_arguments(self, parser: CommandParser) -> None:
        hours = ORPHAN_AGE.total_seconds() / 3600
        parser.add_argument("--fix", action="store_true", help="mend what can be mended")
        parser.add_argument("--deep", action="store_true", help="read every file and compare its SHA-256")
        parser.add_argument(
            "--older-than",
            type=float,
            default=hours,
            metavar="HOURS",
            help=f"files without a row count from this age on (default: {hours:g})",
        )

    def handle(self, *args: Any, fix: bool, deep: bool, older_than: float, **options: Any) -> None:
        found: Counter[str] = Counter()
        mended: Counter[str] = Counter()
        for part in alive.PROCESSES:
            if complaint := alive.complaint(part):
                self.stdout.write(f"not running: {part} ({complaint})")
        for finding in _all(deep=deep, older_than=timedelta(hours=older_than)):
            done = fix and finding.fix is not None and finding.fix()
            found[finding.invariant] += 1
            mended[finding.invariant] += done
            self.stdout.write(f"{finding.invariant}  {finding.text}{' (mended)' if done else ''}")
        self.stdout.write(f"\n{'':4}{'found':>7}{'mended':>8}  what must hold")
        for name, promise in _CHECKS.items():
            self.stdout.write(f"{name:4}{found[name]:>7}{mended[name]:>8}  {promise}")
        if found != mended:
            sys.exit(1)


def _all(*, deep: bool, older_than: timedelta) -> Iterator[Finding]:
    yield from findings(deep=deep, older_than=older_than)
    for path in left_uploads(older_than):
        yield Finding("I7", f"{path}: left of an upload", partial(_remove, path))


def _remove(path: Path) -> bool:
    path.unlink(missing_ok=True)
    return True
