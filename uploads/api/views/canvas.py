"""The pixel ping-pong: a whole canvas as a job, or one more pixel at a time."""

from __future__ import annotations

import base64
import secrets
import threading
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from rest_framework.parsers import FormParser
from rest_framework.response import Response
from rest_framework.serializers import CharField, IntegerField, Serializer
from rest_framework.views import APIView

from processing.imaging import ImageFailed
from processing.imaging.canvas.canvas import MAX_SIDE, SEEDS
from processing.imaging.canvas.pingpong import one_more, pixels_claimed
from processing.imaging.canvas.png_writer import SIGNATURE
from processing.jobs import canvases as canvas
from processing.models import Job
from processing.news.representations import job_shape
from uploads.api.authentication import account
from uploads.api.base64_parsers import LongFieldsParser, LongFormParser, LongJsonParser, decoded
from uploads.api.json_body import JSONBody
from uploads.api.pingpong.elsewhere import answer, one_more_elsewhere
from uploads.api.pingpong.large_field import LargeFieldsParser, LargeFormParser, LargeJsonParser
from uploads.intake import idempotency
from uploads.intake.refusals import Refused
from uploads.intake.webhook_urls import checked_webhook_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponseBase
    from rest_framework.request import Request

    from processing.accounts.models import User
    from uploads.models import IdempotencyKey

MEGABYTE = 1024 * 1024
# Room for base64 of the largest canvas, uncompressed (64 MiB), in any of the three wrappings.
_MOST_BYTES = 96 * MEGABYTE
# Above these a canvas is worked on in a process of its own, two at a time.
_LARGE_BYTES = 4 * MEGABYTE
_LARGE_PIXELS = 1024 * 1024
_PATIENCE = 2.0
_large = threading.BoundedSemaphore(2)

_STATUS = {"canvas_too_large": 413}


class _Asked(Serializer[Any]):
    width = IntegerField(min_value=1, max_value=MAX_SIDE)
    height = IntegerField(min_value=1, max_value=MAX_SIDE)
    granular = IntegerField(min_value=1, max_value=100)
    seed = IntegerField(min_value=0, max_value=SEEDS - 1, required=False)
    webhook_url = CharField(required=False, allow_blank=True, validators=[checked_webhook_url])


class CanvasView(APIView):
    """Starts a canvas; its snapshots are the job's images.

    `width` and `height` are 1..4096 px, a snapshot is kept every `granular` (1..100) per cent. The same
    `seed` gives the same canvas again; without one every canvas is another.
    """

    parser_classes = [JSONBody, FormParser]

    def post(self, request: Request) -> Response:
        fields = _Asked(data=request.data)
        fields.is_valid(raise_exception=True)
        asked = dict(fields.validated_data)
        key = idempotency.key_of(request)
        if key is None:
            return _started(self._start(request, asked))
        mark = idempotency.fingerprint([], sorted(asked.items()))
        once = idempotency.Once(account(request).id, Job.Kind.CANVAS, key, mark)
        return once.run(lambda: _started(self._start(request, asked, once)), _started_before)

    def _start(self, request: Request, asked: dict[str, Any], once: idempotency.Once | None = None) -> Job:
        owner, webhook_url = account(request), asked.pop("webhook_url", "")
        seeded = canvas.Asked(**{"seed": secrets.randbelow(SEEDS), **asked})
        _refuse_above_quota(owner, seeded)
        with transaction.atomic():
            job = canvas.start(
                owner.id,
                owner.plan.recipes(),
                seeded,
                webhook_url=webhook_url,
                keeps_originals=owner.plan.keeps_original,
            )
            if once:
                once.keep(job, 202, job_shape(job))
        return job


def _refuse_above_quota(owner: User, asked: canvas.Asked) -> None:
    """What a canvas takes is known only when it is drawn; it is not begun where it would clearly not fit."""
    limit, expected = owner.plan.storage_quota_bytes, asked.expected_bytes()
    if owner.used_bytes + expected > limit:
        detail = (
            f"This canvas takes about {expected:,} bytes; the plan {owner.plan.name} stores {limit:,}, "
            f"and {owner.used_bytes:,} of them are used. A larger `granular` takes less."
        )
        raise Refused(
            413,
            "quota_exceeded",
            detail,
            limit=limit,
            actual=owner.used_bytes + expected,
            plan=owner.plan.name,
        )


def _started(job: Job) -> Response:
    headers = {"Location": f"/api/jobs/{job.id}", "Retry-After": "1"}
    return Response(job_shape(job), status=202, headers=headers)


def _started_before(kept: IdempotencyKey) -> Response:
    headers = {"Location": f"/api/jobs/{kept.job_id}", "Retry-After": "1"}
    return Response(kept.answer, status=202, headers=headers)


class PingPongView(APIView):
    """Colours one more pixel: a base64 PNG in, the PNG and the per cent coloured out.

    White is what is not coloured yet. A canvas without white comes back as it is with a progression of 100,
    so whoever plays until 100 ends there, wherever the game began.
    """

    most_body = _MOST_BYTES
    parser_classes = [LongJsonParser, LongFieldsParser, LongFormParser]

    def get_parsers(self) -> list[Any]:
        if self.request is not None and _size(self.request) > _LARGE_BYTES:
            return [LargeJsonParser(), LargeFieldsParser(), LargeFormParser()]
        return super().get_parsers()

    def post(self, request: Request) -> HttpResponseBase:
        size = _size(request)
        try:
            if size > _LARGE_BYTES:
                with _room_for_a_large_one():
                    return _after_elsewhere(_file_of(request.data))
            data = _data_of(request.data)
            if pixels_claimed(data) > _LARGE_PIXELS:
                with _room_for_a_large_one():
                    return _after_elsewhere(_kept(data))
            return _after(data)
        except ImageFailed as error:
            raise Refused(_STATUS.get(error.code, 422), error.code, error.detail, attr="file") from error


def _size(request: HttpRequest | Request) -> int:
    return int(request.META.get("CONTENT_LENGTH") or 0)


def _after(data: bytes) -> Response:
    step = one_more(data, np.random.default_rng())
    after = data if step.data is None else step.data
    return Response({"file": base64.b64encode(after).decode(), "progression": step.progression})


def _after_elsewhere(picture: IO[bytes]) -> HttpResponseBase:
    return answer(*one_more_elsewhere(picture))


def _kept(data: bytes) -> IO[bytes]:
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115  (closed by who gets it)
    file.write(data)
    return file


@contextmanager
def _room_for_a_large_one() -> Iterator[None]:
    """Bounds what canvases in requests take of the memory of this process."""
    if not _large.acquire(timeout=_PATIENCE):
        detail = "Other large canvases are being worked on; send this one again."
        raise Refused(429, "busy", detail, retry_after=1)
    try:
        yield
    finally:
        _large.release()


def _file_of(fields: Any) -> IO[bytes]:
    if "file" not in fields:
        raise _nothing()
    file: IO[bytes] = fields["file"]
    return file


def _data_of(fields: Any) -> bytes:
    value = fields.get("file") if isinstance(fields, dict) else None
    if not value or not isinstance(value, str | bytes):
        raise _nothing()
    if isinstance(value, bytes) and value.startswith(SIGNATURE):
        return value  # a form's file part may hold the PNG as it is
    return decoded(value, "file")


def _nothing() -> Refused:
    return Refused(400, "required", "Send the PNG as base64 in the field `file`.", attr="file")
