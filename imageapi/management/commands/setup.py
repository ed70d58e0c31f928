"""`manage.py setup`: what a new installation needs before it serves."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from knox.crypto import hash_token
from knox.models import AuthToken

from imageapi import env
from processing.accounts.first_plans import make_first_plans
from processing.accounts.models import Plan, User
from processing.files.discards import HOLD
from processing.imaging import prove_codecs
from processing.models import Pulse

ADMINISTRATOR = "admin"


class Command(BaseCommand):
    """Migrates, makes the first plans and the administrator; safe to run at every start."""

    help = "Migrates the database, makes plans and an administrator; prints one line of JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        prove_codecs()
        call_command("migrate", verbosity=0, interactive=False)
        make_first_plans()
        Pulse.objects.exclude(name=HOLD).delete()  # ready means that the workers of this start have answered
        check_anonymous_plan()
        password_file = settings.HOME / "admin_password"
        user = administrator(password_file)
        token = kept_token(user, settings.HOME / "admin_token")
        self.stdout.write(
            json.dumps({"username": user.username, "password_file": str(password_file), "token": token})
        )


def check_anonymous_plan() -> None:
    names = list(Plan.objects.values_list("name", flat=True))
    if settings.ANONYMOUS_PLAN and settings.ANONYMOUS_PLAN not in names:
        raise env.BadSetting(
            "IMAGEAPI_ANONYMOUS_PLAN", settings.ANONYMOUS_PLAN, f"write one of {', '.join(names)}"
        )


def administrator(password_file: Path) -> User:
    """The administrator; a given password holds from the next start on, a made one is kept in the file."""
    given = env.text("IMAGEAPI_ADMIN_PASSWORD", None)
    user = User.objects.filter(username=ADMINISTRATOR).first()
    if user is None:
        plan = Plan.objects.get(name="Enterprise")
        user = User(username=ADMINISTRATOR, plan=plan, is_staff=True, is_superuser=True)
        password = given or secrets.token_urlsafe(12)
        _write_secret(password_file, password)
        user.set_password(password)
        user.save()
    elif given and not user.check_password(given):
        _write_secret(password_file, given)
        user.set_password(given)
        user.save(update_fields=["password"])
    return user


def kept_token(user: User, token_file: Path) -> str:
    """A bearer token for scripts on this machine, the same at every start."""
    if token_file.exists():
        token = token_file.read_text()
        if AuthToken.objects.filter(digest=hash_token(token)).exists():
            return token
    _, token = AuthToken.objects.create(user=user, expiry=None)
    _write_secret(token_file, token)
    return token


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
