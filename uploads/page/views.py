"""The page at `/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.csrf import ensure_csrf_cookie

from processing.accounts.models import User
from processing.models import Image
from uploads.access.anonymous import ANONYMOUS, anonymous_user_of
from uploads.api.methods import SAFE, only
from uploads.intake.refusals import Refused

_ELSEWHERE = ("base.css", "admin.css")  # in every page's head, and in the admin's alone


@only(*SAFE)
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    """The page for who is signed in, or acts under the anonymous plan; a sign-in form for everybody else."""
    signed_in = request.user if isinstance(request.user, User) else None
    user = signed_in or anonymous_user_of(request)
    if user is None:
        return render_sign_in(request)
    unsigned = signed_in is not None and Image.objects.visible().filter(owner__username=ANONYMOUS).exists()
    context = {"account": user, "signed_in": signed_in, "unsigned_pictures": unsigned, **_head()}
    return _unkept(render(request, "uploads/page.html", context))


def _head() -> dict[str, list[str]]:
    """The addresses of the page's own files: named in its head, they are asked for all at once."""
    return {kind: [static(name) for name in names] for kind, names in _files().items()}


@cache
def _files() -> dict[str, list[str]]:
    root = Path(__file__).parent / "static"
    rooms = {"styles": ("styles",), "modules": ("shared", "wall", "sending")}
    return {
        kind: [
            path.relative_to(root).as_posix()
            for name in names
            for path in sorted((root / "uploads" / name).iterdir())
            if path.name not in _ELSEWHERE
        ]
        for kind, names in rooms.items()
    }


def render_sign_in(request: HttpRequest, refusal: Refused | None = None, name: str = "") -> HttpResponse:
    """The sign-in form; with `refusal`, what was wrong with the last try, and the name that was written."""
    status = refusal.status_code if refusal else 200
    response = render(request, "uploads/sign_in.html", {"refusal": refusal, "name": name}, status=status)
    if refusal and refusal.wait:
        response["Retry-After"] = str(refusal.wait)
    return _unkept(response)


def _unkept(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
