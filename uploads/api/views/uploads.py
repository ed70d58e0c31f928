"""The three doors for multipart uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponseBase
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from processing.models import Image, Job
from processing.news.representations import image_shape
from uploads.api.authentication import account
from uploads.api.single_upload import answer_with, wait_for
from uploads.intake import idempotency, intake
from uploads.intake.receiving import ImagesParser, Received
from uploads.intake.refusals import Refused
from uploads.intake.webhook_urls import checked_webhook_url

if TYPE_CHECKING:
    from rest_framework.request import Request

    from uploads.models import IdempotencyKey

# What a refusal of the single upload answers; in a list of many it is a line in `rejected`.
_STATUS = {
    "empty_file": 400,
    "file_too_large": 413,
    "quota_exceeded": 413,
    "too_many_pixels": 413,
    "unsupported_format": 415,
}


class _Fields(Serializer[Any]):
    webhook_url = CharField(required=False, allow_blank=True, validators=[checked_webhook_url])


class UploadView(APIView):
    """What the three have in common: receive, take in once, answer."""

    parser_classes = [ImagesParser]
    files_field = "images"
    most_files = 1_000_000  # the plan says how many
    kind: Job.Kind
    nothing_code = "no_images"

    def post(self, request: Request) -> HttpResponseBase:
        received: list[Received] = request.FILES.getlist("received")
        if not received:
            detail = f"Send at least one file in the multipart field `{self.files_field}`."
            raise Refused(400, self.nothing_code, detail, attr=self.files_field)
        fields = _Fields(data=request.data)
        fields.is_valid(raise_exception=True)
        webhook_url = fields.validated_data.get("webhook_url", "")
        key = idempotency.key_of(request)
        if key is None:
            return self.answer(self.take_in(request, received, webhook_url))
        once = idempotency.Once(
            account(request).id, self.kind, key, idempotency.fingerprint(received, webhook_url)
        )
        return once.run(
            lambda: self.answer(self.take_in(request, received, webhook_url, once)), self.answer_again
        )

    def take_in(
        self,
        request: Request,
        received: list[Received],
        webhook_url: str,
        once: idempotency.Once | None = None,
    ) -> intake.Receipt:
        def keep(receipt: intake.Receipt) -> None:
            if once and receipt.job:
                once.keep(receipt.job, 202, self.body(receipt))

        return intake.take_in(account(request), self.kind, received, webhook_url=webhook_url, inside=keep)

    def answer(self, receipt: intake.Receipt) -> Response:
        if receipt.job is None:
            detail = f"None of the {len(receipt.rejected)} files could be taken in."
            raise Refused(400, receipt.rejected[0]["code"], detail, errors=receipt.rejected)
        return initiated(receipt.job, self.body(receipt))

    def answer_again(self, kept: IdempotencyKey) -> HttpResponseBase:
        assert kept.job is not None
        return initiated(kept.job, kept.answer)

    def message(self, count: int) -> str:
        return "Images upload initiated"

    def body(self, receipt: intake.Receipt) -> dict[str, Any]:
        assert receipt.job is not None
        return {
            "message": self.message(len(receipt.images)),
            "job_id": str(receipt.job.id),
            "accepted": [accepted(image) for image in receipt.images],
            "rejected": receipt.rejected,
        }


def accepted(image: Image) -> dict[str, Any]:
    shape = image_shape(image)
    names = ("index", "id", "name", "size", "checksum", "content_type", "width", "height", "duplicate_of")
    return {name: shape[name] for name in names}  # type: ignore[literal-required]


def initiated(job: Job, body: dict[str, Any]) -> Response:
    headers = {"Location": f"/api/jobs/{job.id}", "Retry-After": "1"}
    return Response(body, status=202, headers=headers)


class MultiUploadView(UploadView):
    """One task an image: the lowest latency for each."""

    kind = Job.Kind.MULTI


class BatchUploadView(UploadView):
    """Tasks of many images: the highest throughput."""

    kind = Job.Kind.BATCH

    def message(self, count: int) -> str:
        return f"Batch upload of {count} images initiated"


class SingleUploadView(UploadView):
    """One image, processed before the answer: uploads.api.single_upload waits in front of this view."""

    kind = Job.Kind.SINGLE
    files_field = "image"
    most_files = 1
    nothing_code = "no_image"

    def answer(self, receipt: intake.Receipt) -> Response:
        if receipt.job is None:
            reason = receipt.rejected[0]
            status = _STATUS.get(reason["code"], 422)
            limits = {name: reason[name] for name in ("limit", "actual", "plan") if name in reason}
            raise Refused(status, reason["code"], reason["detail"], attr=self.files_field, **limits)
        wait_for(self.request, receipt.job.id, account(self.request).plan)
        return super().answer(receipt)

    def answer_again(self, kept: IdempotencyKey) -> HttpResponseBase:
        assert kept.job is not None
        image = kept.job.images.get()
        if image.finished_at is None:
            detail = "The first request with this Idempotency-Key is still being processed."
            raise Refused(409, "idempotency_key_in_use", detail, attr="Idempotency-Key", retry_after=1)
        return answer_with(image_shape(image), account(self.request).plan)
