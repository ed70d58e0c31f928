"""Jobs: follow, retry, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpResponseBase
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.views import APIView

from processing.jobs import lifecycle
from processing.models import Image, Job
from processing.news.representations import image_shape, job_shape
from processing.queue.outlook import outlook
from uploads.api.authentication import account
from uploads.api.conditions import unless_needless
from uploads.api.pagination import page
from uploads.api.views.images import status_asked

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


class RetryView(APIView):
    def post(self, request: Request, job_id: UUID) -> Response:
        lifecycle.retry(own_job(request, job_id))
        return Response(job_shape(own_job(request, job_id)), status=202)


class CancelView(APIView):
    def post(self, request: Request, job_id: UUID) -> Response:
        lifecycle.cancel(own_job(request, job_id))
        return Response(job_shape(own_job(request, job_id)), status=202)
