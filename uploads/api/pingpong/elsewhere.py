"""A step on a large canvas, in a process of its own: what it takes of memory goes back when it ends."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.http import StreamingHttpResponse

from processing.imaging import ImageFailed
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_SECONDS = 120
_PIECE = 3 * 16 * 1024  # 64 KiB of base64


def one_more_elsewhere(picture: IO[bytes]) -> tuple[IO[bytes], float]:
    """The PNG after one step (or as it was), and the per cent coloured. Takes `picture` over.

    Raises ImageFailed as `one_more` does.
    """
    after: IO[bytes] = TemporaryFile()  # noqa: SIM115  (closed by who gets it)
    command = (sys.executable, "-m", "processing.imaging.canvas.one_step")
    picture.seek(0)
    try:
        done = subprocess.run(
            command,
            stdin=picture,
            stdout=after,
            stderr=subprocess.PIPE,
            cwd=settings.BASE_DIR,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(429, "busy", "This took too long; send it again.", retry_after=5) from error
    said = _said(done)
    if said["is_changed"]:
        picture.close()
        return after, said["progression"]
    after.close()
    return picture, said["progression"]


def _said(done: subprocess.CompletedProcess[bytes]) -> dict[str, float]:
    try:
        said = json.loads(done.stderr.splitlines()[-1])
    except (ValueError, IndexError):
        # Killed, by its memory limit for one.
        raise ImageFailed("undecodable", "The canvas can't be read as an image.") from None
    if "code" in said:
        raise ImageFailed(said["code"], said["detail"])
    return said


def answer(picture: IO[bytes], progression: float) -> StreamingHttpResponse:
    """`{"file": <base64>, "progression"}`, written as it is read; takes the file over."""
    size = picture.seek(0, 2)
    picture.seek(0)
    head, tail = b'{"file":"', f'","progression":{json.dumps(progression)}}}'.encode()
    response = StreamingHttpResponse(_pieces(head, picture, tail), content_type="application/json")
    response["Content-Length"] = str(len(head) + (size + 2) // 3 * 4 + len(tail))
    return response


async def _pieces(head: bytes, picture: IO[bytes], tail: bytes) -> AsyncIterator[bytes]:
    try:
        yield head
        while piece := await asyncio.to_thread(picture.read, _PIECE):
            yield base64.b64encode(piece)
        yield tail
    finally:
        picture.close()
