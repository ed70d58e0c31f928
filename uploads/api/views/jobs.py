"""Jobs: follow, retry, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.views import APIView

from processing.files.archives import archive
from processing.jobs import lifecycle
from processing.models import Image, Job
from processing.news.representations import image_shape, job_shape
from processing.queue.outlook import outlook
from uploads.api import archive_parts
from uploads.api.authentication import account
from uploads.api.conditions import unless_needless
from uploads.api.pagination import page
from uploads.api.streams import stream_made
from uploads.api.views.images import status_asked
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from rest_framework.request import Request

# A reader far behind gets its events in several answers.
_EVENTS = 500


def own_job(request: Request, job_id: UUID) -> Job:
    job = Job.objects.filter(id=job_id, owner=account(request)).first()
    if job is None:
        raise NotFound("There is no such job.")
    return job


class JobListView(APIView):
    def get(self, request: Request) -> Response:
        found = page(request, Job.objects.filter(owner=account(request)), "id", UUID, newest_first=True)
        results = [job_shape(job) for job in found.rows]
        return Response({"next": found.next, "previous": found.previous, "results": results})


class JobView(APIView):
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        job = own_job(request, job_id)
        seen = outlook(job)
        etag = f'"{job.seq}-{job.status}-{seen.ahead}-{seen.eta_seconds}"'
        response = Response(
            job_shape(job, outlook=seen), headers={"ETag": etag, "Cache-Control": "private, no-cache"}
        )
        if not job.finished_at:
            response["Retry-After"] = "1"
        return unless_needless(request._request, etag, response) or response


class JobImagesView(APIView):
    """The job's images in upload order."""

    def get(self, request: Request, job_id: UUID) -> Response:
        job = own_job(request, job_id)
        images = Image.objects.in_job(job, status_asked(request)).visible()
        if job.kind == Job.Kind.DERIVE:  # its images have their indexes in other jobs
            found = page(request, images, "id", UUID, newest_first=False)
        else:
            found = page(request, images, "index", int, newest_first=False)
        results = [image_shape(image, account(request).plan) for image in found.rows]
        return Response({"next": found.next, "previous": found.previous, "results": results})


def _partial_asked(request: Request) -> bool:
    asked = request.query_params.get("partial", "0")
    if asked not in {"0", "1"}:
        raise Refused(400, "invalid", "`partial` is 0 or 1.", attr="partial")
    return asked == "1"


class ArchiveView(APIView):
    """The files of a job's completed images as one ZIP."""

    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        job = own_job(request, job_id)
        partial = _partial_asked(request)
        if not job.finished_at and not partial:
            detail = "The job is not finished; `partial=1` gives what is there."
            raise Refused(409, "job_unfinished", detail, attr="partial")
        plan = account(request).plan
        images = list(Image.objects.in_job(job).visible().order_by("job_id", "index"))
        wanted = archive_parts.renditions_asked(request, images)
        members, missing = archive_parts.parts(images, wanted, plan)
        zipped = archive(members, missing, str(job.id))
        if request.method == "HEAD":
            response: HttpResponseBase = HttpResponse(content_type="application/zip")
            response["Content-Length"] = str(len(zipped))
        else:
            response = stream_made(iter(zipped), len(zipped), "application/zip")
        response["Content-Disposition"] = f'attachment; filename="job-{job.id}.zip"'
        response["Cache-Control"] = "private, no-store"
        return response


class RetryView(APIView):
    def post(self, request: Request, job_id: UUID) -> Response:
        lifecycle.retry(own_job(request, job_id))
        return Response(job_shape(own_job(request, job_id)), status=202)


class CancelView(APIView):
    def post(self, request: Request, job_id: UUID) -> Response:
        lifecycle.cancel(own_job(request, job_id))
        return Response(job_shape(own_job(request, job_id)), status=202)
