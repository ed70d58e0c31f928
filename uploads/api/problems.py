"""Errors as `application/problem+json` (RFC 9457), from whatever layer they come."""

from __future__ import annotations

import errno
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.exceptions import (
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse
from django.http.request import UnreadablePostError
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework.exceptions import APIException

from processing.files.storage import StorageUnavailable
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.response import Response

__all__ = [
    "CONTENT_TYPE",
    "ProblemFormatter",
    "ProblemHandler",
    "bad_request",
    "body",
    "csrf_failure",
    "known",
    "not_found",
    "permission_denied",
    "phrase",
    "problem_response",
    "refusal",
    "server_error",
]

CONTENT_TYPE = "application/problem+json"
MOST_ERRORS = 20


def phrase(status: int) -> str:
    """The status in words; 460 is tus' own."""
    return "Checksum Mismatch" if status == 460 else HTTPStatus(status).phrase


def body(
    status: int, code: str, detail: str, errors: list[dict[str, Any]] | None = None, **members: Any
) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": phrase(status),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors if errors is not None else [{"code": code, "detail": detail, "attr": None}],
        **members,
    }


class ProblemFormatter(ExceptionFormatter):
    """The library's flat list of errors, inside a problem."""

    def run(self) -> dict[str, Any]:
        exc = self.exc
        if isinstance(exc, Refused):
            return body(exc.status_code, exc.code, str(exc.detail), exc.errors, **exc.members)
        errors = [{"code": e.code, "detail": e.detail, "attr": e.attr} for e in self.get_errors()][
            :MOST_ERRORS
        ]
        code = errors[0]["code"] if len(errors) == 1 else "invalid"
        detail = " ".join(f"{e['attr']}: {e['detail']}" if e["attr"] else str(e["detail"]) for e in errors)
        return body(exc.status_code, str(code), detail, errors)


class ProblemHandler(ExceptionHandler):
    """Puts what Django and the machine raise into the same words as our own refusals."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        return known(exc) or super().convert_known_exceptions(exc)

    def convert_unhandled_exceptions(self, exc: Exception) -> APIException:
        if isinstance(exc, APIException):
            return exc
        return Refused(500, "server_error", "Something went wrong on our side; it has been logged.")

    def get_response(self, exc: APIException, data: dict[str, Any]) -> Response:
        response = super().get_response(exc, data)
        response.content_type = CONTENT_TYPE
        return response


# What Django and the machine raise, and what a client is told of it; the first that fits.
_KNOWN: list[tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[[], Refused]]] = [
    (
        (OperationalError, InterfaceError),
        lambda: Refused(503, "unavailable", "The database does not answer; try again.", retry_after=2),
    ),
    (
        StorageUnavailable,
        lambda: Refused(503, "storage_unavailable", "The storage does not answer; try again.", retry_after=5),
    ),
    (
        RequestDataTooBig,
        lambda: Refused(413, "body_too_large", "The text fields of this request are too large."),
    ),
    (
        (TooManyFieldsSent, TooManyFilesSent),
        lambda: Refused(413, "too_many_fields", "This request has too many fields."),
    ),
    (UnreadablePostError, lambda: Refused(400, "incomplete_body", "The body ended early.")),
    (SuspiciousOperation, lambda: Refused(400, "bad_request", "This request was not understood.")),
]


def known(exc: BaseException | None) -> Refused | None:
    """What a client is told of an exception that is not DRF's; None for one that nobody foresaw."""
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused(507, "storage_full", "The storage is full; nothing was taken in.")
    return next((make() for kinds, make in _KNOWN if isinstance(exc, kinds)), None)


def problem_response(refusal: Refused) -> JsonResponse:
    content = body(refusal.status_code, refusal.code, str(refusal.detail), refusal.errors, **refusal.members)
    response = JsonResponse(content, status=refusal.status_code, content_type=CONTENT_TYPE)
    response["Content-Length"] = str(len(response.content))
    if refusal.wait:
        response["Retry-After"] = str(refusal.wait)
    return response


def refusal(status: int, code: str, detail: str, retry_after: int = 0) -> JsonResponse:
    """The same in words that need no import: for what refuses without knowing of HTTP errors."""
    return problem_response(Refused(status, code, detail, retry_after=retry_after))


def bad_request(_request: HttpRequest, exception: Exception) -> JsonResponse:
    return problem_response(
        known(exception) or Refused(400, "bad_request", "This request was not understood.")
    )


def permission_denied(_request: HttpRequest, exception: Exception) -> JsonResponse:
    return problem_response(Refused(403, "permission_denied", str(exception) or "This is not allowed."))


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return problem_response(Refused(404, "not_found", f"There is nothing at {request.path}."))


def server_error(_request: HttpRequest) -> JsonResponse:
    refusal = known(sys.exc_info()[1])
    return problem_response(
        refusal or Refused(500, "server_error", "Something went wrong on our side; it has been logged.")
    )


def csrf_failure(_request: HttpRequest, reason: str = "") -> JsonResponse:
    return problem_response(Refused(403, "csrf_failed", f"The CSRF check failed: {reason}"))
