"""A multipart body on its way to the disk: each file hashed as it passes, none held in memory."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import unicodedata
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser as DjangoMultiPartParser
from django.http.multipartparser import MultiPartParserError
from django.utils.datastructures import MultiValueDict
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser, DataAndFiles

from uploads.intake.refusals import Refused
from uploads.intake.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import QueryDict

    from processing.accounts.models import Plan

MAX_NAME = 255
_CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1")  # the last are said, not meant


@dataclass(slots=True)
class Received:
    """One file of a request, on the disk under a temporary name."""

    name: str
    path: Path
    size: int
    checksum: str
    too_large: bool

    def close(self) -> None:
        """Removes the file, unless the storage took it over; Django calls this when the request ends."""
        self.path.unlink(missing_ok=True)


def shown_name(name: str) -> str:
    """A file name fit to be shown: its last part, NFC, of visible characters, at most 255 long."""
    last = re.split(r"[/\\]", name)[-1]
    cleaned = visible(unicodedata.normalize("NFC", last)).strip()
    cleaned = cleaned.encode("utf-8", "replace").decode()
    if cleaned in ("", ".", ".."):
        return "unnamed"
    if len(cleaned) <= MAX_NAME:
        return cleaned
    stem, dot, suffix = cleaned.rpartition(".")
    if not dot or len(suffix) > 10:
        return cleaned[:MAX_NAME]
    return f"{stem[: MAX_NAME - len(suffix) - 1]}.{suffix}"


# A 2xx stands for bytes on the disk, also after a power cut. The files of a request go there side by side,
# while the next ones arrive: the file system then writes its journal once for several. A few at a time: to
# hand one over costs as much as to parse it.
_disk = ThreadPoolExecutor(8, thread_name_prefix="disk")
_FEW = 8


def _to_disk(files: Sequence[int]) -> None:
    try:
        for file in files:
            os.fsync(file)
    finally:
        for file in files:
            os.close(file)


def write_all(file: int, data: bytes) -> None:
    """Writes until nothing is left: a disk that is nearly full may take a part, and tells only how much."""
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, memoryview(data)[written:])


class _Landing(FileUploadHandler):
    """Writes the files of the wanted field to `incoming/`, next to where they will stay."""

    chunk_size = 256 * 1024

    def __init__(self, field: str, plan: Plan, most: int) -> None:
        super().__init__()
        self.field = field
        self.plan = plan
        self.most = most
        self.received: list[Received] = []
        self._file: int | None = None
        self._written: list[int] = []
        self._landing: list[Future[None]] = []

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, file_name, *args, **kwargs)
        if field_name != self.field:
            raise Refused(
                400,
                "unexpected_field",
                f"Files come in the field `{self.field}`, not in `{shown_name(field_name)}`.",
                attr=shown_name(field_name),
            )
        if len(self.received) >= self.most:
            self._refuse_count()
        path = settings.INCOMING_DIR / secrets.token_hex(16)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._hash = hashlib.sha256()
        self.received.append(Received(shown_name(file_name), path, 0, "", too_large=False))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self._file is not None
        current = self.received[-1]
        current.size += len(raw_data)
        if current.size > self.plan.max_file_bytes:
            current.too_large = True
            os.truncate(self._file, 0)
        else:
            self._hash.update(raw_data)
            write_all(self._file, raw_data)

    def file_complete(self, file_size: int) -> None:
        assert self._file is not None
        file, self._file = self._file, None
        self.received[-1].checksum = self._hash.hexdigest()
        if self.received[-1].too_large:
            os.close(file)
        else:
            self._written.append(file)
            if len(self._written) >= _FEW:
                self._land()

    def _land(self) -> None:
        written, self._written = self._written, []
        self._landing.append(_disk.submit(_to_disk, written))

    def landed(self) -> None:
        """Waits until all files are on the disk; raises OSError where one could not be written."""
        self._land()
        for landing in self._landing:
            landing.result()

    def discard(self) -> None:
        if self._file is not None:
            os.close(self._file)
        for file in self._written:
            os.close(file)
        wait(self._landing)
        for file in self.received:
            file.close()

    def _refuse_count(self) -> NoReturn:
        raise Refused(
            413,
            "too_many_files",
            f"This request may carry {self.most} file(s) in the plan {self.plan.name}; it carries more.",
            attr=self.field,
            limit=self.most,
            plan=self.plan.name,
        )


class _KeepEveryPart(DjangoMultiPartParser):
    """Django drops a part named `..`, or with a slash at the end, without a word; here it is `unnamed`."""

    def sanitize_file_name(self, file_name: str) -> str:
        return shown_name(file_name)


class ImagesParser(BaseParser):
    """`multipart/form-data` with the files on the disk, as `Received`, beside the text fields.

    The view names the field in `files_field`, and how many files it takes in `most_files`. Raises Refused:
    411 without Content-Length, 400 for a body that is no multipart, 413 for too many files.
    """

    media_type = "multipart/form-data"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> DataAndFiles:
        assert parser_context is not None
        request, view = parser_context["request"], parser_context["view"]
        meta = request.META
        if not meta.get("CONTENT_LENGTH"):
            raise Refused(411, "length_required", "Send the body with a Content-Length.")
        _refuse_charset(media_type or "")
        plan = request.user.plan
        landing = _Landing(view.files_field, plan, min(plan.max_files, view.most_files))
        settings.INCOMING_DIR.mkdir(parents=True, exist_ok=True)
        try:
            data = _parse({**meta, "CONTENT_TYPE": media_type}, stream, landing)
            landing.landed()
        except BaseException:
            landing.discard()
            raise
        return DataAndFiles(data, MultiValueDict({"received": landing.received}))


def _refuse_charset(media_type: str) -> None:
    """Text comes as UTF-8 (RFC 7578, section 5.1.2), and no client names the codec it is read with."""
    charset = parse_header_parameters(media_type)[1].get("charset", "utf-8")
    if charset.lower().replace("_", "-") not in _CHARSETS:
        raise Refused(400, "malformed_multipart", f"Send text fields as UTF-8, not as {shown_name(charset)}.")


class _Tail:
    """A stream that remembers its last bytes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        if data:
            self.last = (self.last + data)[-256:]
        return data


def _parse(meta: dict[str, Any], stream: Any, landing: _Landing) -> QueryDict:
    tail = _Tail(stream)
    try:
        parser: Any = _KeepEveryPart(meta, cast("Any", tail), [landing])
        data: QueryDict = parser.parse()[0]
        # Django takes a body that ends in the middle of a part for whole, and its last file with it.
        if b"--" + parser._boundary + b"--" not in tail.last:
            raise MultiPartParserError("it ends before its closing boundary")
        return data
    except MultiPartParserError as error:
        raise Refused(400, "malformed_multipart", f"The body is not multipart/form-data: {error}") from error
    except (UnicodeError, LookupError, ValueError) as error:
        raise Refused(400, "malformed_multipart", "A part of the body can't be read.") from error
