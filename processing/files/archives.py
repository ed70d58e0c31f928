"""Files of images as one ZIP, made while it is read: nothing of it lies in memory or on a disk.

Stored, not packed (pictures are packed already), so its length is known before its first byte: one that a
broken source cuts short never looks whole.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, BinaryIO

from zipstream import ZipStream

from processing.files import storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ORIGINAL = "original"
MANIFEST = "manifest.json"
_PIECE = 64 * 1024
_LONGEST = 200  # bytes of a name before its end; most file systems take 255 for all of it
_NOT_EVERYWHERE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the storage: the original under `key`, or the rendition `file` of it."""

    image_id: str
    rendition: str
    name: str
    size: int
    content_type: str
    key: str
    file: str = ""

    def open(self) -> BinaryIO:
        """Raises FileNotFoundError, StorageUnavailable."""
        part = range(self.size)
        if self.rendition == ORIGINAL:
            return storage.open_original_part(self.key, part)
        return storage.open_rendition_part(self.key, self.file, part)

    def pieces(self) -> Iterator[bytes]:
        """Its bytes; raises OSError where there are not as many as there should be."""
        left = self.size
        with self.open() as opened:
            while left and (piece := opened.read(min(left, _PIECE))):
                left -= len(piece)
                yield piece
        if left:
            raise OSError(f"{self.name} ended {left:,} bytes too early")


class Names:
    """Names inside an archive: each once, whatever its capitals, and good on every system."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.casefold() for name in taken}
        self._last: dict[str, int] = {}

    def take(self, name: str, folder: str = "") -> str:
        """`a.jpg`, `a (2).jpg`, `a (3).jpg`."""
        stem, dot, end = _clean(name).rpartition(".")
        if not stem:
            stem, dot, end = end, "", ""
        stem, end = _cut(stem), end[:20]
        found = f"{folder}{stem}{dot}{end}"
        count = self._last.get(found.casefold(), 1)
        wanted = found
        while found.casefold() in self._taken:
            count += 1
            found = f"{folder}{stem} ({count}){dot}{end}"
        self._last[wanted.casefold()] = count
        self._taken.add(found.casefold())
        return found


def archive(
    members: Iterable[Member], missing: Iterable[dict[str, str | None]], about: Mapping[str, str]
) -> ZipStream:
    """A ZIP whose `len` is its size. Its manifest says `about` first, what is in it, and what is `missing`.

    Iterating it raises OSError where a file can't be read; whoever sends it must then break off.
    """
    members = list(members)
    several = len({member.rendition for member in members}) > 1
    names, zipped, files = Names([MANIFEST]), ZipStream(sized=True), []
    placed = [(names.take(m.name, f"{m.rendition}/" if several else ""), m) for m in members]
    for name, member in placed:
        files.append({"file": name} | {k: v for k, v in asdict(member).items() if k not in ("key", "file")})
    manifest = json.dumps({**about, "files": files, "missing": list(missing)}, ensure_ascii=False)
    zipped.add(manifest.encode(), MANIFEST)
    for name, member in placed:
        zipped.add(member.pieces(), name, size=member.size)
    return zipped


def _clean(name: str) -> str:
    plain = _NOT_EVERYWHERE.sub("_", unicodedata.normalize("NFC", name)).strip().rstrip(". ")
    return plain or "image"


def _cut(stem: str) -> str:
    return stem.encode()[:_LONGEST].decode(errors="ignore").rstrip(". ") or "image"
