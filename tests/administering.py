"""The administrator's pages as a person uses them: forms read, filled in and sent."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self

import httpx

from tests.api import Api
from tests.stack import Stack

PASSWORD = "a long pass phrase"


class _Form(HTMLParser):
    """What a browser would send of a page's forms, were they left as they are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}
        self.choices: dict[str, dict[str, str]] = {}
        self._select: str | None = None
        self._option: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and name and given.get("type") not in ("submit", "button"):
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.values[name] = value or "on" * (given.get("type") == "checkbox")
        elif tag == "textarea" and name:
            self.values[name] = ""
        elif tag == "select":
            self._select = name
            self.choices[name] = {}
        elif tag == "option" and self._select is not None:
            self._option = value
            if "selected" in given:
                self.values[self._select] = value

    def handle_data(self, data: str) -> None:
        if self._option is not None and self._select is not None and data.strip():
            self.choices[self._select][data.strip()] = self._option

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        if tag == "option":
            self._option = None


class Administrator:
    """Signed in at /admin/."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client = httpx.Client(base_url=stack.url, timeout=60, follow_redirects=True)

    def __enter__(self) -> Self:
        form = {"username": self.stack.username, "password": self.stack.password}
        page = self.fill("/admin/login/", {**form, "next": "/admin/"})
        assert "Site administration" in page or "Administration" in page, page
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def fill(self, path: str, values: dict[str, Any]) -> str:
        """Fills in the form at `path`; a choice is named as it is shown. The page that follows."""
        form = _Form(self.client.get(path).raise_for_status().text)
        named = {
            name: form.choices.get(name, {}).get(value, value) if isinstance(value, str) else value
            for name, value in values.items()
        }
        data = {name: value for name, value in (form.values | named).items() if value is not None}
        answer = self.client.post(path, data=data, headers={"Referer": f"{self.stack.url}{path}"})
        assert answer.status_code == 200, answer.text
        assert "errornote" not in answer.text, answer.text
        return answer.text

    def add_account(self, name: str, plan: str) -> None:
        passwords = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
        self.fill("/admin/processing/user/add/", {"username": name, "plan": plan, **passwords})

    def give_plan(self, name: str, plan: str) -> None:
        self.fill(f"/admin/processing/user/{self.id_of(name)}/change/", {"plan": plan})

    def add_plan(self, name: str, **values: Any) -> None:
        self.fill("/admin/processing/plan/add/", {"name": name, **values})

    def act(self, model: str, action: str, *ids: object) -> str:
        """Chooses rows of a list by their ids, and an action; the page that follows."""
        path = f"/admin/processing/{model}/"
        form = _Form(self.client.get(path).raise_for_status().text)
        chosen = {"action": action, "_selected_action": [str(each) for each in ids]}
        data = {"csrfmiddlewaretoken": form.values["csrfmiddlewaretoken"], **chosen}
        answer = self.client.post(path, data=data, headers={"Referer": f"{self.stack.url}{path}"})
        return answer.raise_for_status().text

    def id_of(self, name: str) -> str:
        """The number of an account."""
        page = self.client.get("/admin/processing/user/", params={"q": name}).raise_for_status().text
        before = re.split(rf'/change/[^"]*">{name}<', page)[0]
        return before.rsplit("/admin/processing/user/", 1)[1]


class Account(Api):
    """The service as this person sees it, by a token of their own."""

    def __init__(self, stack: Stack, name: str, password: str = PASSWORD) -> None:
        self.name = name
        answer = httpx.post(f"{stack.url}/api/tokens", json={"username": name, "password": password})
        assert answer.status_code == 201, answer.text
        self.token: str = answer.json()["token"]
        headers = {"Authorization": f"Bearer {self.token}"}
        super().__init__(httpx.Client(base_url=stack.url, headers=headers, timeout=60))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
