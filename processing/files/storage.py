"""Where the bytes live: private originals, public renditions under names nobody can guess."""

from __future__ import annotations

import logging
import os
import re
import secrets
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, storages

from processing.plumbing.script_prefix import below_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

logger = logging.getLogger(__name__)

KEY = re.compile(r"[A-Za-z0-9_-]{22}")


class StorageUnavailable(OSError):
    """The object store did not do what was asked; another try may succeed."""


class Files(FileSystemStorage):
    """Files that appear whole or not at all, under exactly the name asked for.

    Writing a name again replaces the file: a task that runs twice leaves the same bytes once.
    """

    durable = False

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def open_part(self, name: str, part: range) -> BinaryIO:
        file = Path(self.path(name)).open("rb")  # noqa: SIM115
        file.seek(part.start)
        return file

    def _save(self, name: str, content: File[Any]) -> str:
        path = Path(self.path(name))
        try:
            self._put(path, content)
        except FileNotFoundError:  # once for each folder; looking every time costs more than the rename
            path.parent.mkdir(parents=True, exist_ok=True)
            self._put(path, content)
        return name

    def _put(self, path: Path, content: File[Any]) -> None:
        if hasattr(content, "temporary_file_path"):
            Path(content.temporary_file_path()).replace(path)
        else:
            self._write(path, content)

    def _write(self, path: Path, content: File[Any]) -> None:
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with partial.open("xb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                if self.durable:
                    file.flush()
                    os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


class DurableFiles(Files):
    """Files that a 2xx answer stands for: on the disk, with their names, before the row is committed."""

    durable = True

    def _save(self, name: str, content: File[Any]) -> str:
        self.save_all([(name, content)])
        return name

    def save_all(self, files: Iterable[tuple[str, File[Any]]]) -> None:
        """Saves many: all the names first, then each folder once, so that the journal is written once."""
        folders: set[Path] = set()
        for name, content in files:
            folder = Path(self.path(name)).parent
            if folder not in folders:
                folders.update(_made(folder))
            super()._save(name, content)
        for folder in folders:
            _sync(folder)


def _made(folder: Path) -> Iterator[Path]:
    """The folder, made where it is not there; then those that hold a folder just made."""
    yield folder
    if not folder.exists():
        yield from _made(folder.parent)
        folder.mkdir(exist_ok=True)


def _sync(folder: Path) -> None:
    """A file's bytes may be on the disk and its name not: that is in the folder."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


class TemporaryFile(File):
    """A finished file on the same disk as the storage: saving it is a rename, not a copy."""

    def __init__(self, path: Path) -> None:
        super().__init__(cast("IO[Any]", None), name=str(path))
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


def new_key() -> str:
    """128 random bits: the name of one image's files, and all the protection a rendition's URL has."""
    return secrets.token_urlsafe(16)


def original_name(key: str) -> str:
    return f"{key[:2]}/{key}"


def put_original(key: str, path: Path) -> None:
    """Takes over the file at `path`."""
    put_originals([(key, path)])


def put_originals(files: Iterable[tuple[str, Path]]) -> None:
    """Takes over files, each under its key; they are there, also after a power cut, when it returns."""
    store: Any = storages["originals"]
    store.save_all((original_name(key), TemporaryFile(path)) for key, path in files)


def open_original(key: str) -> BinaryIO:
    """Raises FileNotFoundError where there is none."""
    return cast("BinaryIO", storages["originals"].open(original_name(key), "rb"))


def open_original_part(key: str, part: range) -> BinaryIO:
    """The file where these of its bytes begin, of which no others are fetched from an object store.

    Raises FileNotFoundError where there is none.
    """
    store: Any = storages["originals"]
    return cast("BinaryIO", store.open_part(original_name(key), part))


def put_private(name: str, data: bytes) -> None:
    """A small file beside the originals, under a name of its maker's."""
    storages["originals"].save(name, ContentFile(data))


def open_private(name: str) -> BinaryIO:
    """Raises FileNotFoundError where there is none."""
    return cast("BinaryIO", storages["originals"].open(name, "rb"))


def open_private_part(name: str, part: range) -> BinaryIO:
    """The file where these of its bytes begin. Raises FileNotFoundError where there is none."""
    store: Any = storages["originals"]
    return cast("BinaryIO", store.open_part(name, part))


def put_private_file(name: str, path: Path) -> None:
    """Takes over the file at `path`."""
    storages["originals"].save(name, TemporaryFile(path))


def listed_private(prefix: str) -> Iterator[tuple[str, int, float]]:
    """Name, size and time of what lies in the bucket under names that begin so."""
    store: Any = storages["originals"]
    yield from store.listed(prefix)


def is_remote() -> bool:
    """Whether originals are where every machine reaches them, not on a disk."""
    return not isinstance(storages["originals"], Files)


def drop_private(name: str) -> None:
    storages["originals"].delete(name)


def original_link(key: str, disposition: str, content_type: str) -> str | None:
    """Where a client fetches the original from the object store itself, for a minute; None where it can't."""
    store = storages["originals"]
    if not hasattr(store, "presigned"):
        return None
    return store.presigned(
        original_name(key), 60, ResponseContentDisposition=disposition, ResponseContentType=content_type
    )


def drop_originals(keys: Iterable[str]) -> None:
    _drop("originals", map(original_name, keys))


def _drop(store: str, names: Iterable[str]) -> None:
    """A leftover is better than an upload or an outcome undone because its leftovers could not be removed."""
    try:
        for name in names:
            storages[store].delete(name)
    except StorageUnavailable as error:
        logger.warning("Storage: not removed: %s", error)


def rendition_name(key: str, file: str) -> str:
    return f"{key[:2]}/{key}.{file}"  # no folder of its own: that would be one more file to make and keep


def put_rendition(key: str, file: str, data: bytes) -> None:
    storages["renditions"].save(rendition_name(key, file), ContentFile(data))


def open_rendition(key: str, file: str) -> BinaryIO:
    """Raises FileNotFoundError where there is none."""
    return cast("BinaryIO", storages["renditions"].open(rendition_name(key, file), "rb"))


def open_rendition_part(key: str, file: str, part: range) -> BinaryIO:
    """The same as `open_original_part` of a rendition."""
    store: Any = storages["renditions"]
    return cast("BinaryIO", store.open_part(rendition_name(key, file), part))


def drop_renditions(key: str, files: Iterable[str]) -> None:
    _drop("renditions", (rendition_name(key, file) for file in files))


def rendition_url(key: str, file: str) -> str:
    """Ours, also where the bytes are in S3: the bucket stays private, and the headers stay the same.

    With IMAGEAPI_MEDIA_BASE_URL, that of the bucket or of a CDN in front of it.
    """
    if settings.MEDIA_BASE_URL:
        return f"{settings.MEDIA_BASE_URL}/{rendition_name(key, file)}"
    return below_prefix(f"{settings.MEDIA_URL}{key}/{file}")
