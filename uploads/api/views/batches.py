"""`/api/batches`: a job that uploads join one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from processing.jobs import batches
from processing.news.representations import job_shape
from uploads.api.authentication import account
from uploads.api.views.jobs import own_job
from uploads.intake.refusals import Refused
from uploads.intake.webhook_urls import checked_webhook_url

if TYPE_CHECKING:
    from rest_framework.request import Request


class _Fields(Serializer[Any]):
    webhook_url = CharField(required=False, allow_blank=True, validators=[checked_webhook_url])


class BatchesView(APIView):
    def post(self, request: Request) -> Response:
        fields = _Fields(data=request.data)
        fields.is_valid(raise_exception=True)
        owner = account(request)
        webhook_url = fields.validated_data.get("webhook_url", "")
        plan = owner.plan
        job = batches.begin(owner.id, plan.recipes(), lifetime=plan.upload_lifetime, webhook_url=webhook_url)
        body = {"job_id": str(job.id), "upload_url": "/api/uploads"}
        return Response(body, status=201, headers={"Location": f"/api/jobs/{job.id}"})


class CloseView(APIView):
    """Closing what is closed already is no error: whoever repeats it gets the same answer."""

    def post(self, request: Request, job_id: UUID) -> Response:
        job = own_job(request, job_id)
        if job.kind != job.Kind.BATCH:
            raise Refused(409, "not_a_batch", "This job was never an open batch.")
        batches.close(job.id)
        return Response(job_shape(own_job(request, job_id)), status=202)
