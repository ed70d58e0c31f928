"""The three doors for multipart uploads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.serializers import CharField, ChoiceField, Serializer

from processing.imaging.reading.formats import UNSUPPORTED, claimed_format
from processing.models import Job, NearDuplicates
from processing.news.representations import image_shape
from uploads.api.authentication import account
from uploads.api.receipts import accepted, initiated
from uploads.api.recipe_names import recipes_asked
from uploads.api.single_upload import answer_with, wait_for
from uploads.api.streamed_body import StreamsBody, length_of
from uploads.api.views.resumable import create_draft, take
from uploads.intake import idempotency, intake
from uploads.intake.bodies import FilesBody, OneFile, multipart_parser
from uploads.intake.multipart import filename_of
from uploads.intake.receiving import Files, Received
from uploads.intake.refusals import Refused
from uploads.intake.webhook_urls import checked_webhook_url
from uploads.resumable import draft

if TYPE_CHECKING:
    from rest_framework.request import Request

    from processing.accounts.models import User
    from processing.imaging.recipes import Recipe
    from uploads.intake.bodies import BodyParser
    from uploads.models import IdempotencyKey

# What a refusal of the single upload answers; in a list of many it is a line in `rejected`.
_STATUS = {
    "empty_file": 400,
    "file_too_large": 413,
    "quota_exceeded": 413,
    "too_many_pixels": 413,
    "unsupported_format": 415,
}


# Bodies up to this many bytes are taken before they are refused: they may hold what the account has already.
_SMALL = 1024 * 1024
_IN_QUERY = ("near_duplicates", "webhook_url")
# What multipart may add to a file, at most.
_ENVELOPE = 64 * 1024


class _Fields(Serializer[Any]):
    webhook_url = CharField(required=False, allow_blank=True, validators=[checked_webhook_url])
    near_duplicates = ChoiceField(
        NearDuplicates.values,
        default=NearDuplicates.ALLOW,
        error_messages={"invalid_choice": f"One of {', '.join(NearDuplicates.values)}."},
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request says besides its files."""

    webhook_url: str
    recipes: tuple[Recipe, ...]
    near_duplicates: str


class UploadView(StreamsBody):
    """What the three have in common: receive, take in once, answer."""

    files_field = "images"
    most_files = 1_000_000  # the plan says how many
    kind: Job.Kind
    nothing_code = "no_images"

    def post(self, request: Request, name: str = "") -> HttpResponseBase:
        owner = account(request)
        self.refuse_by_length(owner, length_of(request))
        files = Files(self.files_field, owner.plan, self.most_files, self.look)
        parser = self.parser(request, files)
        return self.receive(request, FilesBody(files, parser, partial(self.received, request, files)))

    def refuse_by_length(self, owner: User, length: int | None) -> None:
        """Refuses what is known before any of it has come. `length` is the body's."""
        limit = owner.plan.storage_quota_bytes
        if owner.used_bytes >= limit and (length is None or length > _SMALL):
            raise _full(owner, owner.used_bytes + (length or 0))

    def parser(self, request: Request, files: Files) -> BodyParser:
        if media_type(request) == "multipart/form-data":
            return multipart_parser(request.headers["Content-Type"], files)
        if not length_of(request) and "Transfer-Encoding" not in request.headers:
            raise self.nothing()
        raise self.unsupported()

    def unsupported(self) -> Refused:
        detail = f"Send multipart/form-data, with files in the field `{self.files_field}`."
        return Refused(415, "unsupported_media_type", detail, attr="Content-Type")

    def nothing(self) -> Refused:
        detail = f"Send at least one file in the multipart field `{self.files_field}`."
        return Refused(400, self.nothing_code, detail, attr=self.files_field)

    def look(self, received: Received, head: bytes) -> None:
        """Sees the first bytes of each file. One bad file of many is a line in `rejected`, not an end."""

    def received(self, request: Request, files: Files) -> HttpResponseBase:
        received = files.received
        if not received:
            raise self.nothing()
        # With a raw body what else is said stands in the address.
        said = {name: request.query_params[name] for name in _IN_QUERY if name in request.query_params}
        fields = _Fields(data={**said, **files.text.values})
        fields.is_valid(raise_exception=True)
        asked = _Asked(
            fields.validated_data.get("webhook_url", ""),
            recipes_asked(request, files.text.values),
            fields.validated_data["near_duplicates"],
        )
        key = idempotency.key_of(request)
        if key is None:
            return self.answer(self.take_in(request, received, asked))
        mark = idempotency.fingerprint(
            received, asked.webhook_url, asked.near_duplicates, *(recipe.name for recipe in asked.recipes)
        )
        once = idempotency.Once(account(request).id, self.kind, key, mark)
        return once.run(lambda: self.answer(self.take_in(request, received, asked, once)), self.answer_again)

    def take_in(
        self,
        request: Request,
        received: list[Received],
        asked: _Asked,
        once: idempotency.Once | None = None,
    ) -> intake.Receipt:
        def keep(receipt: intake.Receipt) -> None:
            if once and receipt.job:
                once.keep(receipt.job, 202, self.body(receipt))

        return intake.take_in(
            account(request),
            self.kind,
            received,
            webhook_url=asked.webhook_url,
            recipes=asked.recipes,
            near_duplicates=asked.near_duplicates,
            inside=keep,
        )

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


def media_type(request: Request) -> str:
    """In small letters, without parameters; empty where none is sent."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _full(owner: User, actual: int) -> Refused:
    plan, limit = owner.plan, owner.plan.storage_quota_bytes
    detail = f"The plan {plan.name} stores {limit:,} bytes, and {owner.used_bytes:,} of them are used."
    return Refused(413, "quota_exceeded", detail, limit=limit, actual=actual, plan=plan.name)


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

    def post(self, request: Request, name: str = "") -> HttpResponseBase:
        if draft.is_asked(request) and not media_type(request).startswith("multipart/"):
            return take(self, request, create_draft(request, waits=True))
        return super().post(request, name)

    @extend_schema(exclude=True)
    def put(self, request: Request, name: str = "") -> HttpResponseBase:
        """How `curl -T` sends a file; where the address ends in a slash it adds the file's name to it."""
        return self.post(request, name)

    def refuse_by_length(self, owner: User, length: int | None) -> None:
        super().refuse_by_length(owner, length)
        if length is None or length <= _SMALL:
            return
        least, most = length - _ENVELOPE, owner.plan.max_file_bytes
        if least > most:
            name = owner.plan.name
            detail = f"The body has {length:,} bytes; the plan {name} allows files of {most:,}."
            raise Refused(
                413, "file_too_large", detail, attr=self.files_field, limit=most, actual=length, plan=name
            )
        if owner.used_bytes + least > owner.plan.storage_quota_bytes:
            raise _full(owner, owner.used_bytes + length)

    def parser(self, request: Request, files: Files) -> BodyParser:
        kind = media_type(request)
        if kind.startswith("image/") or kind == "application/octet-stream":
            return OneFile(files, self.name_of(request), kind)
        if not kind and length_of(request) != 0:
            return OneFile(files, self.name_of(request), "application/octet-stream")
        return super().parser(request, files)

    def unsupported(self) -> Refused:
        detail = "Send multipart/form-data with the field `image`, or the image itself as image/*."
        return Refused(415, "unsupported_media_type", detail, attr="Content-Type")

    def name_of(self, request: Request) -> str:
        disposition = request.headers.get("Content-Disposition", "").encode("latin-1", "replace")
        return request.query_params.get("name") or filename_of(disposition) or self.kwargs.get("name", "")

    def look(self, received: Received, head: bytes) -> None:
        if claimed_format(head) is None:
            if not received.is_named:
                raise self.nothing()
            raise Refused(415, "unsupported_format", UNSUPPORTED, attr=self.files_field)

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
