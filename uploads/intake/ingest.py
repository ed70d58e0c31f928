"""A tree of files on this machine into an account: copied, hashed, taken in some at a time.

Resumable because it keeps no state of its own: what the account already holds, by checksum, is passed over,
and what a broken-off run had in hand is in the account whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.conf import settings

from processing.models import Image, Job
from uploads.intake.intake import take_in
from uploads.intake.receiving import Received, shown_name

if TYPE_CHECKING:
    import uuid

    from processing.accounts.models import User
    from processing.imaging.recipes import Recipe

_PIECE = 1024 * 1024


@dataclass(slots=True)
class Progress:
    """Files so far, by what became of them; `refused` with the reason."""

    new: int = 0
    known: int = 0
    refused: list[tuple[Path, str, str]] = field(default_factory=list)
    jobs: list[uuid.UUID] = field(default_factory=list)

    @property
    def files(self) -> int:
        return self.new + self.known + len(self.refused)


def files_below(folders: Iterable[Path]) -> list[Path]:
    """Every regular file of the trees, in order; hidden ones and links to folders are left out."""
    found: list[Path] = []
    for folder in folders:
        for place, names, files in os.walk(folder):
            names[:] = sorted(name for name in names if not name.startswith("."))
            paths = (Path(place, name) for name in sorted(files) if not name.startswith("."))
            found += [path for path in paths if path.is_file()]
    return found


def ingest(
    owner: User, files: Iterable[Path], *, per_job: int, recipes: Sequence[Recipe] = ()
) -> Iterator[Progress]:
    """Takes the files in, `per_job` at a time; yields where it stands after each job.

    The files themselves stay as they are. Each content comes in once, however many files have it.
    """
    progress, seen = Progress(), set[str]()
    remaining = iter(files)
    while batch := list(islice(remaining, per_job)):
        _take_in(owner, batch, progress, seen, recipes)
        yield progress


def _take_in(
    owner: User, batch: list[Path], progress: Progress, seen: set[str], recipes: Sequence[Recipe]
) -> None:
    checksums: dict[str, Path] = {}
    for path in batch:
        checksum = _checksum(path, progress)
        if checksum is None:
            continue
        if checksum in seen:
            progress.known += 1
        else:
            seen.add(checksum)
            checksums[checksum] = path
    known = Image.objects.twins(owner.id, list(checksums))
    progress.known += len(known)
    wanted = [path for checksum, path in checksums.items() if checksum not in known]
    copies: list[tuple[Path, Received]] = []
    try:
        copies.extend(_copies(wanted, owner.plan.max_file_bytes, progress))
        _hand_over(owner, copies, progress, recipes)
    finally:
        for _, copy in copies:
            copy.close()


def _hand_over(
    owner: User, copies: list[tuple[Path, Received]], progress: Progress, recipes: Sequence[Recipe]
) -> None:
    if not copies:
        return
    receipt = take_in(owner, Job.Kind.BATCH, [copy for _, copy in copies], recipes=recipes)
    progress.new += len(receipt.images)
    progress.refused += [(copies[r["index"]][0], r["code"], r["detail"]) for r in receipt.rejected]
    if receipt.job:
        progress.jobs.append(receipt.job.id)


def _checksum(path: Path, progress: Progress) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        progress.refused.append((path, "unreadable", str(error.strerror)))
        return None


def _copies(paths: Iterable[Path], most: int, progress: Progress) -> Iterator[tuple[Path, Received]]:
    for path in paths:
        if copied := _copied(path, most, progress):
            yield path, copied


def _copied(path: Path, most: int, progress: Progress) -> Received | None:
    """A copy beside the storage, hashed anew as it passes: the file may have changed since."""
    settings.INCOMING_DIR.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=settings.INCOMING_DIR)
    copy = Received(shown_name(path.name), Path(name), 0, "", too_large=False)
    try:
        with os.fdopen(handle, "wb") as target, path.open("rb") as source:
            _copy(source, target, copy, most)
    except OSError as error:
        copy.close()
        if not isinstance(error, FileNotFoundError | PermissionError):
            raise  # the disk's fault, not this file's: what is left would fail too
        progress.refused.append((path, "unreadable", str(error.strerror)))
        return None
    except BaseException:
        copy.close()
        raise
    return copy


def _copy(source: BinaryIO, target: BinaryIO, copy: Received, most: int) -> None:
    digest = hashlib.sha256()
    while piece := source.read(_PIECE):
        copy.size += len(piece)
        if copy.size > most:
            copy.too_large = True
            copy.size = os.fstat(source.fileno()).st_size
            target.truncate(0)
            return
        digest.update(piece)
        target.write(piece)
    target.flush()
    os.fsync(target.fileno())
    copy.checksum = digest.hexdigest()
