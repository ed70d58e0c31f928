"""The page at `/`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie

from processing.accounts.models import User
from uploads.access.anonymous import anonymous_user_of
from uploads.api.methods import SAFE, only
from uploads.intake.refusals import Refused


@only(*SAFE)
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    """The page for who is signed in, or acts under the anonymous plan; a sign-in form for everybody else."""
    signed_in = request.user if isinstance(request.user, User) else None
    user = signed_in or anonymous_user_of(request)
    if user is None:
        return render_sign_in(request)
    context = {"account": user, "signed_in": signed_in}
    return _unkept(render(request, "uploads/page.html", context))


def render_sign_in(request: HttpRequest, refusal: Refused | None = None) -> HttpResponse:
    """The sign-in form; with `refusal`, what was wrong with the last try."""
    status = refusal.status_code if refusal else 200
    response = render(request, "uploads/sign_in.html", {"refusal": refusal}, status=status)
    if refusal and refusal.wait:
        response["Retry-After"] = str(refusal.wait)
    return _unkept(response)


def _unkept(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
