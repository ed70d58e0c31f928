"""Tokens: seen and ended by their owner, and by a changed password."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from knox.models import AuthToken

from processing.accounts.models import User
from tests.cast import person
from uploads.api.problems import Refused
from uploads.api.views.accounts import new_token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("servers")]
PASSWORD = "a long pass phrase"


def token_of(user: User) -> dict[str, Any]:
    body = {"username": user.username, "password": PASSWORD}
    answer = Client().post("/api/tokens", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def by(token: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"})


def test_a_person_sees_own_tokens_and_ends_another_one() -> None:
    alice, charlie = person(f"alice-{uuid4()}"), person(f"charlie-{uuid4()}")
    old, new, strangers = token_of(alice), token_of(alice), token_of(charlie)
    listed = by(new["token"]).get("/api/tokens").json()["results"]
    assert [(token["id"], token["current"]) for token in listed] == [(new["id"], True), (old["id"], False)]
    assert all(secret not in str(listed) for secret in (old["token"][:15], new["token"][:15]))
    assert by(new["token"]).delete(f"/api/tokens/{strangers['id']}").status_code == 404
    assert by(new["token"]).delete(f"/api/tokens/{old['id']}").status_code == 204
    assert by(new["token"]).delete(f"/api/tokens/{old['id']}/").status_code == 404
    assert by(old["token"]).get("/api/me").status_code == 401
    assert by(strangers["token"]).get("/api/me").status_code == 200


def test_pages_of_tokens_follow_each_other() -> None:
    alice = person(f"alice-{uuid4()}")
    ids = [token_of(alice)["id"] for _ in range(3)]
    client = by(token_of(alice)["token"])
    first = client.get("/api/tokens?limit=2").json()
    second = client.get(first["next"]).json()
    assert [token["id"] for token in second["results"]] == [ids[1], ids[0]]
    assert second["next"] is None


def test_a_changed_password_ends_tokens_and_sessions() -> None:
    alice = person(f"alice-{uuid4()}")
    token, page = token_of(alice)["token"], Client()
    page.force_login(alice)
    assert page.get("/api/me").json()["user"]["username"] == alice.username
    alice = User.objects.get(id=alice.id)
    alice.email = "alice@example.com"
    alice.save()
    assert by(token).get("/api/me").status_code == 200
    alice.set_password("another long pass phrase")
    alice.save()
    assert by(token).get("/api/me").json()["code"] == "invalid_token"
    assert page.get("/api/me").json()["user"]["username"] != alice.username


def test_a_password_hashed_anew_ends_nothing(settings: Any) -> None:
    alice = person(f"alice-{uuid4()}")
    token = token_of(alice)["token"]
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    before = alice.password
    token_of(alice)
    alice.refresh_from_db()
    assert alice.password != before
    assert by(token).get("/api/me").status_code == 200


def test_a_closed_account_has_no_token_and_no_session() -> None:
    alice = person(f"alice-{uuid4()}")
    token, page = token_of(alice)["token"], Client()
    page.force_login(alice)
    User.objects.filter(id=alice.id).update(is_active=False)
    assert by(token).get("/api/me").status_code == 401
    assert page.get("/api/me").json()["user"]["username"] != alice.username


def test_no_token_for_a_password_that_is_changed_meanwhile() -> None:
    alice = person(f"alice-{uuid4()}")
    other = User.objects.get(id=alice.id)
    other.set_password("another long pass phrase")
    other.save()
    with pytest.raises(Refused, match="do not belong together"):
        new_token(alice)
    assert not AuthToken.objects.filter(user=alice).exists()
