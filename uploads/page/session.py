"""The page's sign-in form, which works without scripts; programs have `/api/tokens`."""

from __future__ import annotations

from django import forms
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters

from uploads.api.methods import only
from uploads.api.sign_in import sign_in, trust_device
from uploads.intake.refusals import Refused
from uploads.page.views import render_sign_in


class _Credentials(forms.Form):
    username = forms.CharField(max_length=150)
    password = forms.CharField(max_length=1024, strip=False)


@sensitive_post_parameters("password")
@only("GET", "HEAD", "POST")
def enter(request: HttpRequest) -> HttpResponseBase:
    """The form, and what it sends: a session and the page, or the form again with what was wrong."""
    if request.method != "POST":
        return render_sign_in(request)
    given = _Credentials(request.POST)
    try:
        if not given.is_valid():
            raise Refused(400, "invalid", "Write your name and your password.")
        user = sign_in(request, **given.cleaned_data)
    except Refused as refusal:
        return render_sign_in(request, refusal, name=given.data.get("username", "")[:150])
    login(request, user)
    trust_device(request, user.username)
    return redirect("page")


@only("POST")
def leave(request: HttpRequest) -> HttpResponseBase:
    logout(request)
    return redirect("page")
