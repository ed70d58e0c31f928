"""CSV files of image addresses: in, how it goes, and out with the results."""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from rest_framework.response import Response
from rest_framework.serializers import BooleanField, CharField, Serializer
from rest_framework.views import APIView

from processing.models import Job, Status
from uploads.api.authentication import account
from uploads.api.recipe_names import recipes_asked
from uploads.api.streamed_body import StreamsBody, length_of
from uploads.api.views.jobs import own_job
from uploads.api.views.uploads import media_type
from uploads.intake import csv_import, csv_results, idempotency
from uploads.intake.bodies import FilesBody, multipart_parser
from uploads.intake.receiving import Files, Received
from uploads.intake.refusals import Refused
from uploads.intake.webhook_urls import checked_webhook_url
from uploads.models import CsvFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rest_framework.request import Request

    from processing.imaging.recipes import Recipe
    from uploads.models import IdempotencyKey

_DONE = "File uploaded successfully"


class _Fields(Serializer[Any]):
    webhook_url = CharField(required=False, allow_blank=True, validators=[checked_webhook_url])


class _Query(Serializer[Any]):
    dry_run = BooleanField(required=False, default=False)


class CsvUploadView(StreamsBody):
    """`file`: a CSV with the header `S. No.,Product Name,Input Image Urls`; `?dry_run=1` only checks it."""

    def post(self, request: Request) -> HttpResponseBase:
        query = _Query(data=request.query_params)
        query.is_valid(raise_exception=True)
        if media_type(request) != "multipart/form-data":
            raise _no_file() if length_of(request) == 0 else _unsupported()
        files = Files("file", account(request).plan, 1, lambda _received, _head: None)
        done = partial(self._received, request, files, query)
        return self.receive(
            request, FilesBody(files, multipart_parser(request.headers["Content-Type"], files), done)
        )

    def _received(self, request: Request, files: Files, query: _Query) -> Response:
        if not files.received:
            raise _no_file()
        file = files.received[0]
        fields = _Fields(data=files.text.values)
        fields.is_valid(raise_exception=True)
        recipes = recipes_asked(request, files.text.values)
        parsed = _parsed(request, file)
        if query.validated_data["dry_run"]:
            counts = {"rows": len(parsed.rows), "urls": parsed.urls}
            return Response({"message": "File checked", **counts, "warnings": parsed.warnings})
        asked = (fields.validated_data.get("webhook_url", ""), recipes)
        return self._once(request, file, parsed, *asked)

    def _once(
        self,
        request: Request,
        file: Received,
        parsed: csv_import.Parsed,
        webhook_url: str,
        recipes: tuple[Recipe, ...],
    ) -> Response:
        owner = account(request)
        key = idempotency.key_of(request)
        mark = idempotency.fingerprint([file], webhook_url, *(recipe.name for recipe in recipes))
        once = key and idempotency.Once(owner.id, Job.Kind.CSV, key, mark)

        def keep(job: Job) -> None:
            if once:
                once.keep(job, 202, _accepted(job))

        def work() -> Response:
            job = csv_import.submit(owner, parsed, webhook_url=webhook_url, recipes=recipes, inside=keep)
            return _answer(job)

        return once.run(work, _again) if once else work()


def _no_file() -> Refused:
    return Refused(400, "no_file", "Send one CSV in the multipart field `file`.", attr="file")


def _unsupported() -> Refused:
    detail = "Send multipart/form-data, with the CSV in the field `file`."
    return Refused(415, "unsupported_media_type", detail, attr="Content-Type")


def _parsed(request: Request, file: Received) -> csv_import.Parsed:
    if file.too_large or file.size > csv_import.MOST_BYTES:
        detail = f"The file has {file.size:,} bytes; a CSV may have {csv_import.MOST_BYTES:,}."
        raise Refused(413, "file_too_large", detail, attr="file", limit=csv_import.MOST_BYTES)
    plan = account(request).plan
    with file.path.open("rb") as stream:
        parsed = csv_import.parse(stream, plan)
    csv_import.refuse(parsed, plan)
    return parsed


def _accepted(job: Job) -> dict[str, str]:
    return {"request_id": str(job.id), "message": _DONE}


def _answer(job: Job) -> Response:
    headers = {"Location": f"/imgproc/status/{job.id}/", "Retry-After": "1"}
    return Response(_accepted(job), status=202, headers=headers)


def _again(kept: IdempotencyKey) -> Response:
    assert kept.job is not None
    return _answer(kept.job)


class CsvStatusView(APIView):
    def get(self, request: Request, job_id: UUID) -> Response:
        job = own_csv(request, job_id)
        headers = {"Cache-Control": "private, no-cache"}
        if not job.finished_at:
            headers["Retry-After"] = "1"
        return Response(_status(job), headers=headers)


def own_csv(request: Request, job_id: UUID) -> Job:
    job = own_job(request, job_id)
    if job.kind != Job.Kind.CSV:
        raise Refused(404, "not_found", "There is no such request.")
    return job


def _status(job: Job) -> dict[str, Any]:
    """The job in the words of this interface, which knows no `aborted`: what was not made has failed."""
    status = job.status
    if status == Status.ABORTED:
        status = Status.PARTIAL if job.completed else Status.FAILED
    failed = job.failed + job.aborted
    return {"status": status, "total": job.total, "completed": job.completed, "failed": failed}


class CsvResultView(APIView):
    """A download; its refusals are files, too, named by the reason: `curl -O -J` shows a name and no more."""

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        code = (response.data or {}).get("code", "refused")
        name = f"result-{self.kwargs['job_id']}.{code}.json"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        job = own_csv(request, job_id)
        if not job.finished_at:
            detail = f"{job.completed + job.failed + job.aborted} of {job.total} images are done; ask again."
            raise Refused(409, "job_not_finished", detail, retry_after=1)
        text = _written(csv_results.results(job, request.build_absolute_uri))
        mark = "\ufeff" if CsvFile.objects.filter(job=job, has_bom=True).exists() else ""
        response = HttpResponse(mark + text, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="result-{job.id}.csv"'
        response["Cache-Control"] = "private, no-cache"
        response["X-Content-Type-Options"] = "nosniff"
        return response


def _written(lines: Iterable[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue()


def database_connection(_request: HttpRequest) -> JsonResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"db_status": "disconnected"}, status=503)
    return JsonResponse({"db_status": "connected"})
