"""Files on their way from a request to the disk: each hashed as it passes, none held in memory."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import secrets
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from django.conf import settings

from processing.imaging.reading.formats import HEAD_BYTES
from uploads.intake.landing import Landing, give_name, opened, write_all
from uploads.intake.refusals import Refused
from uploads.intake.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from processing.accounts.models import Plan
    from uploads.intake.multipart import Part

    Look = Callable[["Received", bytes], None]

MAX_NAME = 255
# What PHP, jQuery and axios make of the field `images` when there are several.
_NUMBERED = re.compile(r"(.+?)\[\d{0,6}\]", re.DOTALL)
_MOST_FIELDS = 1000
_MOST_TEXT = 4 * 1024 * 1024


@dataclass(slots=True)
class Received:
    """One file of a request, on the disk under a temporary name."""

    name: str
    path: Path
    size: int
    checksum: str
    too_large: bool
    # Whether the request called it a file: by a name, or by a type. Else it may be a form's text.
    is_named: bool = True

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


class _Base64:
    """Takes apart a part that says `Content-Transfer-Encoding: base64`, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, data: bytes) -> bytes:
        data = self._rest + data.translate(None, b" \t\r\n")
        whole = len(data) - len(data) % 4
        self._rest = data[whole:]
        try:
            return base64.b64decode(data[:whole], validate=True)
        except binascii.Error as error:
            raise Refused(400, "malformed_multipart", "A part of the body is not base64.") from error


class TextFields:
    """The text fields of a form, by their names."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._name: str | None = None
        self._text = bytearray()
        self._all = 0

    @property
    def is_open(self) -> bool:
        return self._name is not None

    def begin(self, name: str) -> None:
        if len(self.values) >= _MOST_FIELDS:
            detail = f"A request may have {_MOST_FIELDS:,} text fields; this one has more."
            raise Refused(413, "too_many_fields", detail, limit=_MOST_FIELDS)
        self._name, self._text = name, bytearray()

    def data(self, data: bytes) -> None:
        self._text += data
        self._all += len(data)
        if self._all > _MOST_TEXT:
            detail = f"The text fields of a request may have {_MOST_TEXT:,} bytes; these have more."
            raise Refused(413, "body_too_large", detail, limit=_MOST_TEXT)

    def end(self) -> None:
        assert self._name is not None
        self.values[self._name] = self._text.decode("utf-8", "replace")
        self._name = None


class _Writing:
    """The file that arrives now: open, its bytes hashed as they pass."""

    def __init__(self, received: Received, most: int, look: Look) -> None:
        self.received = received
        self._most = most
        self._look: Look | None = look
        self._head = b""
        self._hash = hashlib.sha256()
        self.file, self._is_nameless = opened(received.path)

    def write(self, data: bytes) -> None:
        if self._look is not None:
            self._head += data[:HEAD_BYTES]
            if len(self._head) >= HEAD_BYTES:
                self._show()
        received = self.received
        received.size += len(data)
        if received.size > self._most:
            received.too_large = True
            os.truncate(self.file, 0)
        else:
            self._hash.update(data)
            write_all(self.file, data)

    def _show(self) -> None:
        if self._look is not None and self._head:
            look, self._look = self._look, None
            look(self.received, self._head)

    def end(self) -> None:
        self._show()
        self.received.checksum = self._hash.hexdigest()
        if self._is_nameless:
            give_name(self.file, self.received.path)


class Files:
    """The files of the wanted field in `incoming/`, next to where they will stay, and the text fields.

    It takes the parts of a body (uploads.intake.multipart.Taker). Raises Refused: 400 for a file in another
    field, 413 for too many. `look` sees the first bytes of each file, and may raise too.
    """

    def __init__(self, field: str, plan: Plan, most: int, look: Look) -> None:
        self.field = field
        self.plan = plan
        self.most = min(most, plan.max_files)
        self.received: list[Received] = []
        self.text = TextFields()
        self._look = look
        self._writing: _Writing | None = None
        self._decode: Callable[[bytes], bytes] | None = None
        self._landing = Landing()
        settings.INCOMING_DIR.mkdir(parents=True, exist_ok=True)

    def begin(self, part: Part) -> None:
        numbered = _NUMBERED.fullmatch(part.name)
        if self.field in (part.name, numbered and numbered[1]):
            self._begin_file(part)
        elif part.filename:
            shown = shown_name(part.name)
            detail = f"Files come in the field `{self.field}`, not in `{shown}`."
            raise Refused(400, "unexpected_field", detail, attr=shown)
        else:
            self.text.begin(part.name)

    def _begin_file(self, part: Part) -> None:
        if len(self.received) >= self.most:
            self._refuse_count()
        received = Received(
            name=shown_name(part.filename or ""),
            path=settings.INCOMING_DIR / secrets.token_hex(16),
            size=0,
            checksum="",
            too_large=False,
            is_named=bool(part.filename or part.content_type),
        )
        self.received.append(received)
        self._decode = _Base64() if part.encoding == "base64" else None
        self._nothing_chosen = part.filename == ""
        self._writing = _Writing(received, self.plan.max_file_bytes, self._look)

    def data(self, data: bytes) -> None:
        if self.text.is_open:
            self.text.data(data)
        elif self._writing:
            self._writing.write(self._decode(data) if self._decode else data)

    def end(self) -> None:
        if self.text.is_open:
            self.text.end()
        elif self._writing:
            self._writing.end()
            writing, self._writing = self._writing, None
            self._landing.add(writing.file)
            if self._nothing_chosen and not writing.received.size:
                # How a browser sends a field for files in which nothing was chosen (HTML, section 4.10.21.4).
                self.received.pop().close()

    def landed(self) -> None:
        """Waits until all files are on the disk; raises OSError where one could not be written."""
        self._landing.wait()

    def discard(self) -> None:
        if self._writing:
            os.close(self._writing.file)
            self._writing = None
        self._landing.give_up()
        for received in self.received:
            received.close()

    def _refuse_count(self) -> NoReturn:
        raise Refused(
            413,
            "too_many_files",
            f"This request may carry {self.most} file(s) in the plan {self.plan.name}; it carries more.",
            attr=self.field,
            limit=self.most,
            plan=self.plan.name,
        )
