"""How a view is described: `describe(View, get=operation(...))`, one call a view, away from the view's code.

For a new route: its shapes go into `components.py` (or any dict merged into `COMPONENTS`), its call into a
module that `uploads/api/schema/__init__.py` imports. One that is forgotten fails `tests/e2e/test_schema.py`.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework.views import APIView

from uploads.api.problems import CONTENT_TYPE, body, phrase
from uploads.api.schema.components import Shape, ref

Refusals = dict[int, dict[str, str]]

# What any route may answer, whatever is asked of it.
ANYWHERE: Refusals = {
    400: {"bad_request": "This request was not understood."},
    401: {"not_authenticated": "Authentication credentials were not provided."},
    403: {"csrf_failed": "The CSRF check failed: CSRF cookie not set."},
    405: {"method_not_allowed": 'Method "PUT" not allowed.'},
    406: {"not_acceptable": "Could not satisfy the request Accept header."},
    415: {"unsupported_media_type": 'Unsupported media type "text/plain" in request.'},
    429: {"throttled": "Too many requests; see Retry-After."},
    503: {"unavailable": "The database does not answer; try again."},
}


def operation(
    tag: str,
    summary: str,
    answers: dict[Any, Any],
    *,
    description: str = "",
    refusals: Refusals | None = None,
    request: Shape | None = None,
    multipart: Shape | None = None,
    binary: tuple[str, ...] = (),
    example: Any = None,
    parameters: list[OpenApiParameter] | None = None,
    is_open: bool = False,
    forms: tuple[str, ...] = (),
) -> Any:
    """What `extend_schema` wants, from what there is to say.

    `answers`: by status, or by (status, media type), a component's name, a shape, or None for an empty body.
    `refusals`: by status the codes with a sentence each; those of every route come along. `request` is a JSON
    body, `multipart` a form, `binary` the media types of bytes that may be the body. `is_open` says
    that no credentials are asked for; `forms`: media types in which a JSON body's fields are taken, too.
    """
    responses: dict[Any, Any] = {status: _answer(status, shape) for status, shape in answers.items()}
    merged = {
        **ANYWHERE,
        **{status: ANYWHERE.get(status, {}) | codes for status, codes in (refusals or {}).items()},
    }
    responses |= {(status, CONTENT_TYPE): _problem(status, codes) for status, codes in sorted(merged.items())}
    return extend_schema(
        tags=[tag],
        summary=summary,
        description=description or f"{summary}.",
        request=(_request(request, multipart, example, forms) or {}) | _binary(binary) or None,
        responses=responses,
        parameters=parameters or [],
        auth=[{}] if is_open else None,  # type: ignore[list-item]
    )


def describe(view: type[APIView], **operations: Any) -> None:
    """Gives the view's methods (`get`, `post`, ...) their descriptions."""
    extend_schema_view(**operations)(view)


def query(name: str, shape: Any, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, shape, OpenApiParameter.QUERY, description=description, **more)


def _answer(status: int | tuple[int, str], shape: str | Shape | None) -> OpenApiResponse:
    status = status[0] if isinstance(status, tuple) else status
    schema = ref(shape) if isinstance(shape, str) else shape
    return OpenApiResponse(response=schema, description=phrase(status))


def _problem(status: int, codes: dict[str, str]) -> OpenApiResponse:
    examples = [
        OpenApiExample(code, value=body(status, code, detail), response_only=True)
        for code, detail in codes.items()
    ]
    return OpenApiResponse(
        response=ref("Problem"),
        description=f"{phrase(status)}: {', '.join(codes)}",
        examples=examples,
    )


def _request(request: Shape | None, multipart: Shape | None, example: Any, forms: tuple[str, ...]) -> Any:
    shape = multipart or request
    if shape is None:
        return None
    examples = [OpenApiExample("example", value=example, request_only=True)] if example else []
    media_type = "multipart/form-data" if multipart else "application/json"
    return {each: OpenApiRequest(request=shape, examples=examples) for each in (media_type, *forms)}


def _binary(media_types: tuple[str, ...]) -> Any:
    return {
        media_type: OpenApiRequest(
            request={"type": "string", "format": "binary", "contentMediaType": media_type}
        )
        for media_type in media_types
    }


class Schema(AutoSchema):
    """drf-spectacular's, with the method and the path's words as the operation's name."""

    def get_operation_id(self) -> str:
        words = [part.strip("{}") for part in self.path.strip("/").split("/") if part != "api"]
        return "_".join([self.method.lower(), *words])
