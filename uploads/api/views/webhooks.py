"""Receivers of events, and the log of what was sent to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.serializers import CharField, MultipleChoiceField, Serializer
from rest_framework.views import APIView

from processing.models import Delivery, Endpoint, WebhookEvent
from processing.news.representations import instant
from processing.webhooks import deliveries as webhooks
from uploads.api.authentication import account
from uploads.api.pagination import page
from uploads.intake.refusals import Refused
from uploads.intake.webhook_urls import checked_webhook_url

if TYPE_CHECKING:
    from rest_framework.request import Request

_MOST_ENDPOINTS = 20


class _Endpoint(Serializer[Any]):
    url = CharField(validators=[checked_webhook_url])
    events = MultipleChoiceField(choices=WebhookEvent.choices, allow_empty=False, required=False)


def endpoint_shape(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "events": endpoint.events,
        "created_at": instant(endpoint.created_at),
        "disabled_at": instant(endpoint.disabled_at) if endpoint.disabled_at else None,
    }


def delivery_shape(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": str(delivery.id),
        "webhook_id": delivery.message_id,
        "endpoint_id": str(delivery.endpoint_id) if delivery.endpoint_id else None,
        "job_id": str(delivery.job_id),
        "event": delivery.event,
        "url": delivery.url,
        "status": delivery.status,
        "attempts": delivery.attempt,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error or None,
        "next_attempt_at": instant(delivery.due_at) if delivery.status == Delivery.Status.PENDING else None,
        "created_at": instant(delivery.created_at),
        "finished_at": instant(delivery.finished_at) if delivery.finished_at else None,
    }


class WebhookListView(APIView):
    """Receivers of all of the account's events; the secret is in the answer to POST, and never again."""

    def get(self, request: Request) -> Response:
        found = page(request, Endpoint.objects.filter(owner=account(request)), "id", UUID, newest_first=True)
        results = [endpoint_shape(endpoint) for endpoint in found.rows]
        return Response({"next": found.next, "previous": found.previous, "results": results})

    def post(self, request: Request) -> Response:
        given = _Endpoint(data=request.data)
        given.is_valid(raise_exception=True)
        owner = account(request)
        if Endpoint.objects.filter(owner=owner).count() >= _MOST_ENDPOINTS:
            detail = f"An account has at most {_MOST_ENDPOINTS} webhooks; delete one first."
            raise Refused(409, "too_many_webhooks", detail, limit=_MOST_ENDPOINTS)
        events = given.validated_data.get("events") or [WebhookEvent.JOB_FINISHED]
        endpoint = webhooks.register(owner.id, given.validated_data["url"], [str(event) for event in events])
        endpoint.refresh_from_db()
        return Response({**endpoint_shape(endpoint), "secret": endpoint.secret}, status=201)


class WebhookView(APIView):
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        return Response(endpoint_shape(own_endpoint(request, endpoint_id)))

    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        webhooks.remove(own_endpoint(request, endpoint_id))
        return Response(status=204)


def own_endpoint(request: Request, endpoint_id: UUID) -> Endpoint:
    endpoint = Endpoint.objects.filter(id=endpoint_id, owner=account(request)).first()
    if endpoint is None:
        raise NotFound("There is no such webhook.")
    return endpoint


class SecretView(APIView):
    """The secret behind the `webhook_url` of jobs: made anew, and shown, by each POST."""

    def post(self, request: Request) -> Response:
        return Response({"secret": webhooks.renew_secret(account(request).id)}, status=201)


class DeliveryListView(APIView):
    """What was sent or is still to be, newest first."""

    def get(self, request: Request) -> Response:
        deliveries = Delivery.objects.filter(owner=account(request))
        if job := request.query_params.get("job"):
            deliveries = deliveries.filter(job_id=_uuid(job))
        found = page(request, deliveries, "id", UUID, newest_first=True)
        results = [delivery_shape(delivery) for delivery in found.rows]
        return Response({"next": found.next, "previous": found.previous, "results": results})


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Refused(400, "invalid", "`job` is the id of a job.", attr="job") from error


class ReplayView(APIView):
    """Sends a message again, under its old id."""

    def post(self, request: Request, delivery_id: UUID) -> Response:
        delivery = Delivery.objects.filter(id=delivery_id, owner=account(request)).first()
        if delivery is None:
            raise NotFound("There is no such delivery.")
        if not webhooks.replay(delivery):
            detail = f"It is still on its way; the next try is at {instant(delivery.due_at)}."
            raise Refused(409, "still_pending", detail)
        delivery.refresh_from_db()
        return Response(delivery_shape(delivery), status=202)
