"""`manage.py ingest DIR... --user NAME`: folder trees of photos into an account."""

from __future__ import annotations

import logging
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Sum

from processing.accounts.models import User
from processing.accounts.recipes import UnknownRecipe, named
from processing.imaging.recipes import Recipe
from processing.models import Job
from processing.plumbing.request_id import request_id
from uploads.intake.ingest import Progress, files_below, ingest

_NO_IMAGE = frozenset({"unsupported_format", "empty_file"})
_WIDTH = 30


class Command(BaseCommand):
    """Thin: the work is in uploads/intake/ingest.py. Run it again after an interruption: it goes on there."""

    help = "Copies the images below the folders into an account; what it already holds is passed over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
        parser.add_argument("--user", required=True, help="the account's name")
        parser.add_argument("--per-job", type=int, default=100, help="files in one job (100)")
        parser.add_argument("--recipes", default="", help="what to make beside the plan's, comma-separated")
        parser.add_argument("--wait", action="store_true", help="end when all pixels of the account are made")

    def handle(
        self,
        *args: Any,
        folders: list[Path],
        user: str,
        per_job: int,
        recipes: str,
        wait: bool,
        **options: Any,
    ) -> None:
        """Exit code 1 where a folder or the account is missing, or where an image was refused."""
        owner = User.objects.select_related("plan").filter(username=user).first()
        if owner is None:
            raise CommandError(f"There is no account {user!r}.")
        if missing := [str(folder) for folder in folders if not folder.is_dir()]:
            raise CommandError(f"No folder: {', '.join(missing)}")
        if not 1 <= per_job <= 1000:
            raise CommandError("--per-job is a whole number from 1 to 1000.")
        wanted = _wanted(owner, recipes)
        request_id.set(f"ingest-{secrets.token_hex(8)}")
        logging.getLogger("processing").setLevel(logging.WARNING)  # the bar says it
        bar, progress, files = _Bar(self), Progress(), files_below(folders)
        with _until_asked_to_stop() as asked:
            for progress in ingest(owner, files, per_job=per_job, recipes=wanted):
                bar.show(progress.files, len(files), _words(progress))
                if asked():
                    raise CommandError("Stopped. The same command goes on from here.", returncode=130)
        if wait:
            self._wait(owner, progress)
        self._report(progress)

    def _wait(self, owner: User, progress: Progress) -> None:
        """Also for what a broken-off run has left to the workers."""
        unfinished = Job.objects.filter(owner=owner, finished_at=None).values_list("id", flat=True)
        followed = {*unfinished, *progress.jobs}
        bar, jobs = _Bar(self), Job.objects.filter(id__in=followed)
        while followed:
            done = jobs.aggregate(total=Sum("total"), completed=Sum("completed"), failed=Sum("failed"))
            finished = not jobs.filter(finished_at=None).exists()
            bar.show(
                done["completed"] + done["failed"],
                done["total"],
                f"{done['completed']} completed, {done['failed']} failed",
            )
            if finished:
                return
            time.sleep(1)

    def _report(self, progress: Progress) -> None:
        self.stdout.write(f"{progress.files} files: {_words(progress)}")
        counts = Counter(code for _, code, _ in progress.refused)
        for path, code, detail in progress.refused:
            self.stderr.write(f"{path}: {code}: {detail}")
        if set(counts) - _NO_IMAGE:
            raise CommandError(", ".join(f"{count} {code}" for code, count in sorted(counts.items())))


def _wanted(owner: User, names: str) -> tuple[Recipe, ...]:
    try:
        return named(owner, filter(None, map(str.strip, names.split(","))))
    except UnknownRecipe as error:
        known = ", ".join(error.known)
        raise CommandError(f"There is no recipe {error.name!r}; known are {known}.") from error


@contextmanager
def _until_asked_to_stop() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C or SIGTERM lets the job in hand end; the second ends at once."""
    signals: list[int] = []
    before: dict[int, Any] = {}

    def note(number: int, _frame: Any) -> None:
        signals.append(number)
        for known, handler in before.items():
            signal.signal(known, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, note)
    try:
        yield lambda: bool(signals)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Bar:
    """A bar that is drawn over itself on a terminal, a line for each step elsewhere."""

    def __init__(self, command: BaseCommand) -> None:
        self._out = command.stderr
        self._started = time.monotonic()

    def show(self, done: int, total: int, words: str) -> None:
        speed = done / max(time.monotonic() - self._started, 0.001)
        text = f"{done}/{total} {words}, {speed:.0f}/s"
        if not self._out.isatty():
            self._out.write(text)
            return
        filled = _WIDTH * done // total if total else _WIDTH
        bar = f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {text}\x1b[K"
        self._out.write(bar, ending="\n" if done >= total else "")
        self._out.flush()


def _words(progress: Progress) -> str:
    return f"{progress.new} new, {progress.known} already there, {len(progress.refused)} refused"
