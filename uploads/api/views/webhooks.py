"""Receivers of events, and the log of what was sent to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.serializers import (
    CharField,
    ChoiceField,
    ListField,
    MultipleChoiceField,
    Serializer,
    UUIDField,
)
from rest_framework.views import APIView

from processing.models import Delivery, Endpoint
from processing.news.representations import instant
from processing.webhooks import deliveries, endpoints, outbox
from processing.webhooks.events import EVENTS, JOB_FINISHED, TEST
from uploads.api.authentication import account
from uploads.api.pagination import page
from uploads.intake.refusals import Refused
from uploads.intake.webhook_urls import checked_webhook_url

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

_MOST_IDS = 1000


class _Endpoint(Serializer[Any]):
    url = CharField(validators=[checked_webhook_url])
    events = MultipleChoiceField(choices=list(EVENTS), allow_empty=False, required=False)


class Chosen(Serializer[Any]):
    """Which deliveries are meant; all of the account's where nothing is said."""

    job = UUIDField(required=False)
    endpoint = UUIDField(required=False)
    status = ChoiceField(choices=Delivery.Status.choices, required=False)
    event = ChoiceField(choices=[*EVENTS, TEST.name], required=False)


class _ChosenByIds(Chosen):
    ids = ListField(child=UUIDField(), required=False, max_length=_MOST_IDS)


def endpoint_shape(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "events": endpoint.events,
        "created_at": instant(endpoint.created_at),
        "disabled_at": instant(endpoint.disabled_at) if endpoint.disabled_at else None,
        "disabled_reason": endpoint.disabled_reason or None,
    }


def delivery_shape(delivery: Delivery) -> dict[str, Any]:
    """`request` and `answer` are the headers of the last try and of what it was answered."""
    return {
        "id": str(delivery.id),
        "webhook_id": delivery.message_id,
        "endpoint_id": str(delivery.endpoint_id) if delivery.endpoint_id else None,
        "job_id": str(delivery.job_id) if delivery.job_id else None,
        "event": delivery.event,
        "url": delivery.url,
        "status": delivery.status,
        "attempts": delivery.attempt,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error or None,
        "request": delivery.request_head,
        "answer": delivery.answer_head,
        "next_attempt_at": instant(delivery.due_at) if delivery.status == Delivery.Status.PENDING else None,
        "created_at": instant(delivery.created_at),
        "finished_at": instant(delivery.finished_at) if delivery.finished_at else None,
    }


class WebhookListView(APIView):
    """Receivers of all of the account's events; the secret is in the answer to POST, and never again."""

    makes_secrets = True

    def get(self, request: Request) -> Response:
        found = page(request, Endpoint.objects.filter(owner=account(request)), "id", UUID, newest_first=True)
        results = [endpoint_shape(endpoint) for endpoint in found.rows]
        return Response({"next": found.next, "previous": found.previous, "results": results})

    def post(self, request: Request) -> Response:
        given = _Endpoint(data=request.data)
        given.is_valid(raise_exception=True)
        events = given.validated_data.get("events") or [JOB_FINISHED.name]
        try:
            endpoint = endpoints.register(
                account(request).id, given.validated_data["url"], [str(event) for event in events]
            )
        except endpoints.TooMany as error:
            most = endpoints.MOST_ENDPOINTS
            detail = f"An account has at most {most} webhooks; delete one first."
            raise Refused(409, "too_many_webhooks", detail, limit=most) from error
        endpoint.refresh_from_db()
        return Response({**endpoint_shape(endpoint), "secret": endpoint.secret}, status=201)


class WebhookView(APIView):
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        return Response(endpoint_shape(own_endpoint(request, endpoint_id)))

    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        endpoints.remove(own_endpoint(request, endpoint_id))
        return Response(status=204)


def own_endpoint(request: Request, endpoint_id: UUID) -> Endpoint:
    endpoint = Endpoint.objects.filter(id=endpoint_id, owner=account(request)).first()
    if endpoint is None:
        raise NotFound("There is no such webhook.")
    return endpoint


class WebhookTestView(APIView):
    """A message that says nothing, signed as all are; a disabled receiver that takes it is told again."""

    def post(self, request: Request, endpoint_id: UUID) -> Response:
        return Response(delivery_shape(outbox.test(own_endpoint(request, endpoint_id))), status=202)


class WebhookSecretView(APIView):
    """A new secret, shown once; for a day the former one signs, too."""

    makes_secrets = True

    def post(self, request: Request, endpoint_id: UUID) -> Response:
        return Response({"secret": endpoints.renew(own_endpoint(request, endpoint_id))}, status=201)


class SecretView(APIView):
    """The same of what signs the messages to the `webhook_url` of jobs."""

    makes_secrets = True

    def post(self, request: Request) -> Response:
        return Response({"secret": endpoints.renew_of_account(account(request).id)}, status=201)


class DeliveryListView(APIView):
    """What was sent or is still to be, newest first."""

    def get(self, request: Request) -> Response:
        chosen = _chosen(request, Chosen(data=request.query_params.dict()))
        found = page(request, chosen, "id", UUID, newest_first=True)
        results = [delivery_shape(delivery) for delivery in found.rows]
        return Response({"next": found.next, "previous": found.previous, "results": results})


def _chosen(request: Request, given: Chosen) -> QuerySet[Delivery]:
    given.is_valid(raise_exception=True)
    ids = given.validated_data.pop("ids", None)
    chosen = Delivery.objects.filter(owner=account(request), **given.validated_data)
    return chosen if ids is None else chosen.filter(id__in=ids)


class ReplayManyView(APIView):
    """Sends the chosen messages again, the oldest thousand of them, but those still on their way."""

    def post(self, request: Request) -> Response:
        chosen = _chosen(request, _ChosenByIds(data=request.data))
        return Response({"replayed": deliveries.replay(chosen)}, status=202)


class ReplayView(APIView):
    """Sends a message again, under its old id."""

    def post(self, request: Request, delivery_id: UUID) -> Response:
        own = Delivery.objects.filter(id=delivery_id, owner=account(request))
        delivery = own.first()
        if delivery is None:
            raise NotFound("There is no such delivery.")
        if not deliveries.replay(own):
            detail = f"It is still on its way; the next try is at {instant(delivery.due_at)}."
            raise Refused(409, "still_pending", detail)
        delivery.refresh_from_db()
        return Response(delivery_shape(delivery), status=202)
