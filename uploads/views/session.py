"""Signing in and out with a session cookie, for people in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import login, logout
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from uploads.problems import Refused
from uploads.signin import sign_in
from uploads.views.page import render_sign_in

if TYPE_CHECKING:
    from rest_framework.request import Request


class _Credentials(Serializer[Any]):
    username = CharField(max_length=150)
    password = CharField(max_length=1024, trim_whitespace=False)


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
@method_decorator(csrf_protect, name="dispatch")
class SignInView(APIView):
    """`username` and `password`, as JSON or as the page's form, with Django's CSRF token.

    JSON is answered 200, 401 or 429 as JSON; the form with the page, which says what was wrong.
    """

    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [JSONParser, FormParser]

    def get(self, request: Request) -> HttpResponseBase:
        return render_sign_in(request._request)

    def post(self, request: Request) -> HttpResponseBase:
        as_form = request.content_type.startswith("application/x-www-form-urlencoded")
        given = _Credentials(data=request.data)
        try:
            # What is no name and password at all comes back to the form like wrong ones.
            valid = given.is_valid(raise_exception=not as_form)
            credentials = given.validated_data if valid else {"username": "", "password": ""}
            user = sign_in(request._request, **credentials)
        except Refused as refusal:
            if not as_form:
                raise
            return render_sign_in(request._request, refusal)
        login(request._request, user)
        return redirect("page") if as_form else Response({"username": user.username})


@method_decorator(csrf_protect, name="dispatch")
class SignOutView(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [JSONParser, FormParser]

    def post(self, request: Request) -> HttpResponseBase:
        logout(request._request)
        as_form = request.content_type.startswith("application/x-www-form-urlencoded")
        return redirect("page") if as_form else Response(status=204)
