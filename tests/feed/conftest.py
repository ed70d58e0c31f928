"""A running service that asks for credentials, and accounts that nobody else uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.feed.people import CLOSED, Person
from tests.stack import ROOT, Stack

_PEOPLE = 150
MAKE_PEOPLE = """
import json
from django.contrib.auth.hashers import make_password
from knox.models import AuthToken
from processing.accounts.models import Plan, User
plan = Plan.objects.get(name="Enterprise")
password = make_password("correct horse")
people = {}
for number in range(%d):
    user = User.objects.create(username=f"person-{number}", password=password, plan=plan)
    people[user.username] = AuthToken.objects.create(user=user)[1]
print(json.dumps(people))
"""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("feed"), {**CLOSED, "IMAGEAPI_WORKERS": "2"}) as running:
        yield running


@pytest.fixture(scope="session")
def everybody(stack: Stack) -> Iterator[Person]:
    """Accounts, each given out once."""
    made = manage(stack.home, "shell", "--no-imports", "-c", MAKE_PEOPLE % _PEOPLE)
    people = json.loads(made.splitlines()[-1])
    return iter([Person(stack.url, name, token) for name, token in people.items()])


@pytest.fixture
def alice(everybody: Iterator[Person]) -> Iterator[Person]:
    """Owns what the test is about."""
    with next(everybody) as person:
        yield person


@pytest.fixture
def charlie(everybody: Iterator[Person]) -> Iterator[Person]:
    """A stranger."""
    with next(everybody) as person:
        yield person


def manage(home: Path, *arguments: str) -> str:
    environ = {**os.environ, "IMAGEAPI_HOME": str(home)}
    command = (sys.executable, "manage.py", *arguments)
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
