from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from tests.cast import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("servers")]


@pytest.mark.parametrize("following", [{}, {"next": "https://evil.example/"}, {"next": "//evil.example"}])
def test_the_admins_login_leads_to_the_admin(following: dict[str, str]) -> None:
    boss = person(f"boss-{uuid4()}")
    boss.is_staff = True
    boss.save()
    form = {"username": boss.username, "password": "a long pass phrase", **following}
    answer = Client().post("/admin/login/", form)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.parametrize("path", ["/", "/login", "/admin/login/", "/api/docs/"])
def test_every_page_has_a_policy(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in answer["Content-Security-Policy"]
