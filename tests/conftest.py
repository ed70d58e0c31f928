"""Real servers for everything that crosses a wire."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from django.conf import settings

from imageapi.up import embedded
from tests.api import Api
from tests.environment import HOME
from tests.migrated import give_data
from tests.stack import Stack


@pytest.fixture(scope="session")
def servers() -> Iterator[None]:
    """PostgreSQL and Redis of this test process."""
    give_data(HOME)
    started: list[embedded.Server] = []
    try:
        for server in (embedded.Postgres(HOME), embedded.Redis(HOME)):
            server.start()
            started.append(server)
        yield
    finally:
        for server in reversed(started):
            server.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """pytest-django makes its test database once these run, as a copy of the one that has its tables."""
    settings.DATABASES["default"]["TEST"]["TEMPLATE"] = "imageapi"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole service, as `make up` starts it, shared by the tests that leave it as it was."""
    with Stack(tmp_path_factory.mktemp("stack") / "home") as running:
        yield running


@pytest.fixture
def api(stack: Stack) -> Iterator[Api]:
    """The service as the administrator sees it."""
    headers = {"Authorization": f"Bearer {stack.token}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60) as client:
        yield Api(client)
