"""Taking images home as one ZIP, streamed as it is read: those of a job, or any that are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from rest_framework.exceptions import NotFound
from rest_framework.parsers import FormParser
from rest_framework.serializers import CharField, Serializer, UUIDField
from rest_framework.views import APIView

from processing.files.archives import archive
from processing.models import Image
from uploads.api import archive_parts
from uploads.api.authentication import account
from uploads.api.json_body import JSONBody, JsonLimits
from uploads.api.lists import FewErrors
from uploads.api.streams import stream_made
from uploads.api.views.jobs import own_job
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rest_framework.request import Request

MOST_CHOSEN = 1000


class JobArchiveView(APIView):
    """The files of a job's completed images as one ZIP."""

    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        job = own_job(request, job_id)
        partial = _partial_asked(request)
        if not job.finished_at and not partial:
            detail = "The job is not finished; `partial=1` gives what is there."
            raise Refused(409, "job_unfinished", detail, attr="partial")
        images = list(Image.objects.in_job(job).visible().order_by("job_id", "index"))
        asked = ",".join(request.query_params.getlist("renditions"))
        return _zipped(request, images, asked, f"job-{job.id}", job_id=str(job.id))


class _Chosen(Serializer[Any]):
    images = FewErrors(child=UUIDField(), min_length=1, max_length=MOST_CHOSEN)
    renditions = CharField(default="", allow_blank=True)


class ArchiveView(APIView):
    """The files of chosen images as one ZIP, in the order in which they are named."""

    parser_classes = [JSONBody, FormParser]
    json_limits = JsonLimits(items=MOST_CHOSEN + 10)

    def post(self, request: Request) -> HttpResponseBase:
        asked = _Chosen(data=request.data)
        asked.is_valid(raise_exception=True)
        ids = list(dict.fromkeys(asked.validated_data["images"]))
        images = Image.objects.of(account(request).id).visible().in_bulk(ids)
        if unknown := [each for each in ids if each not in images]:
            raise NotFound(f"There is no image {unknown[0]}.")
        chosen = [images[each] for each in ids]
        return _zipped(request, chosen, asked.validated_data["renditions"], "images")


def _partial_asked(request: Request) -> bool:
    asked = request.query_params.get("partial", "0")
    if asked not in {"0", "1"}:
        raise Refused(400, "invalid", "`partial` is 0 or 1.", attr="partial")
    return asked == "1"


def _zipped(
    request: Request, images: Sequence[Image], renditions: str, name: str, **about: str
) -> HttpResponseBase:
    """`renditions`: names, comma-separated; `about` opens the manifest."""
    wanted = archive_parts.renditions_asked(request, renditions, images)
    zipped = archive(*archive_parts.parts(images, wanted, account(request).plan), about)
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse(content_type="application/zip")
        response["Content-Length"] = str(len(zipped))
    else:
        response = stream_made(iter(zipped), len(zipped), "application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    response["Cache-Control"] = "private, no-store"
    return response
