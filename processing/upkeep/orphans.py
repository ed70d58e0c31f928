"""What goes by itself after a while: files that no row names, old lines of the log."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection
from django.utils import timezone

from processing.files.discards import is_held
from processing.files.link_permits import PERMITS, permit_name
from processing.models import UNFINISHED, Image

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

# Files are there before their rows: one that is younger may belong to a request under way.
ORPHAN_AGE = timedelta(hours=6)
_FOLDER = re.compile(r"[A-Za-z0-9_-]{2}")
_ROUND = 1000
_EVENTS = 10_000

_DROP_EVENTS = """
DELETE FROM processing_event WHERE (job_id, seq) IN (
    SELECT e.job_id, e.seq FROM processing_event e JOIN processing_job j ON j.id = e.job_id
    WHERE e.created_at < %(old)s AND j.finished_at < %(old)s LIMIT %(most)s)
"""


class Orphan(NamedTuple):
    """A file in the storage named `store`."""

    store: str
    name: str


def drop_orphans(older_than: timedelta = ORPHAN_AGE) -> int:
    """Removes files that no row names; returns how many. None while a backup copies them."""
    return 0 if is_held() else sum(drop(orphan) for orphan in orphans(older_than))


def orphans(older_than: timedelta) -> Iterator[Orphan]:
    """Files of the storage that no row names, written longer ago than `older_than`."""
    before = timezone.now() - older_than
    yield from _orphan_originals(before)
    yield from _orphan_permits(before)
    yield from _orphan_renditions(before)


def drop(orphan: Orphan) -> bool:
    """Removes it; False where that can't be done."""
    try:
        storages[orphan.store].delete(orphan.name)
    except OSError:
        return False
    return True


def drop_old_events() -> int:
    """Removes the logs of jobs that finished longer ago than events are kept; returns how many lines."""
    old = timezone.now() - settings.EVENT_RETENTION
    count = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DROP_EVENTS, {"old": old, "most": _EVENTS})
            count += cursor.rowcount
            if cursor.rowcount < _EVENTS:
                return count


def _orphan_originals(before: datetime) -> Iterator[Orphan]:
    for folder in _folders("originals"):
        for names in _rounds(_list("originals", folder)[1]):
            kept = Image.objects.filter(key__in=names, has_original=True).values_list("key", flat=True)
            for name in set(names).difference(kept):
                yield from _if_old(Orphan("originals", f"{folder}/{name}"), before)


def _orphan_permits(before: datetime) -> Iterator[Orphan]:
    """Permits whose request was killed before a row named them: no link knows them, and none ever will."""
    for folder in _folders("originals", PERMITS):
        for names in _rounds(_list("originals", f"{PERMITS}/{folder}")[1]):
            kept = Image.objects.filter(link_key__in=names).values_list("link_key", flat=True)
            for name in set(names).difference(kept):
                yield from _if_old(Orphan("originals", permit_name(name)), before)


def _orphan_renditions(before: datetime) -> Iterator[Orphan]:
    for folder in _folders("renditions"):
        for names in _rounds(_list("renditions", folder)[1]):
            wanted, unfinished = _named_renditions({name.partition(".")[0] for name in names})
            for name in names:
                key, _, file = name.partition(".")
                if key not in unfinished and file not in wanted.get(key, ()):
                    yield from _if_old(Orphan("renditions", f"{folder}/{name}"), before)


def _named_renditions(keys: Collection[str]) -> tuple[dict[str, set[str]], set[str]]:
    """By key, the files that rows name; and the keys that a worker may be writing to."""
    wanted: dict[str, set[str]] = {}
    unfinished = set()
    for key, status, renditions in Image.objects.filter(key__in=keys).values_list(
        "key", "status", "renditions"
    ):
        wanted.setdefault(key, set()).update(rendition["file"] for rendition in renditions)
        if status in UNFINISHED:
            unfinished.add(key)
    return wanted, unfinished


def _if_old(orphan: Orphan, before: datetime) -> Iterator[Orphan]:
    try:
        if storages[orphan.store].get_modified_time(orphan.name) < before:
            yield orphan
    except FileNotFoundError:
        pass


def _folders(store: str, below: str = "") -> list[str]:
    return [folder for folder in sorted(_list(store, below)[0]) if _FOLDER.fullmatch(folder)]


def _list(store: str, folder: str) -> tuple[list[str], list[str]]:
    """Folders and files below `folder`; none where it is not there."""
    try:
        return storages[store].listdir(folder)
    except FileNotFoundError:
        return [], []


def _rounds(names: Iterable[str]) -> Iterator[list[str]]:
    left = iter(names)
    while some := list(islice(left, _ROUND)):
        yield some
