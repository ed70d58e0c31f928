"""The methods that a plain view takes, with the refusal of the others as a problem."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.views.decorators.csrf import csrf_exempt

from uploads.api.problems import problem_response
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

SAFE = ("GET", "HEAD")


def only(*methods: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Like Django's `require_http_methods`, whose 405 is an empty page.

    Where all of them only read, another method is refused as one, not for the CSRF token that it lacks.
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method in methods:
                return view(request, *args, **kwargs)
            allowed = ", ".join(methods)
            detail = f"{request.method} is not for this address; allowed are {allowed}."
            refusal = problem_response(Refused(405, "method_not_allowed", detail))
            refusal["Allow"] = allowed
            return refusal

        return csrf_exempt(guarded) if set(methods) <= set(SAFE) else guarded

    return decorate
