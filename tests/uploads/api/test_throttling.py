"""Requests a minute: a sliding window that is exact when many ask at once, and absent when Redis is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.test import Client
from knox.models import AuthToken
from pytest_django import Settings

from processing.accounts.models import Plan, User
from processing.plumbing.circuit_breaker import CircuitBreaker
from tests.cast import person
from uploads.api import sign_in as signin
from uploads.api import throttling
from uploads.api.throttling import Rate


@pytest.fixture
def name(servers: None) -> str:
    return f"test:{uuid4()}"


@pytest.fixture
def no_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody listens where Redis should be."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(throttling, "_breaker", CircuitBreaker(5.0))
    throttling._client.cache_clear()
    throttling._script.cache_clear()
    yield
    throttling._client.cache_clear()
    throttling._script.cache_clear()


@pytest.mark.parametrize(
    ("limit", "current", "previous", "elapsed", "remaining"),
    [
        (10, 0, 0, 0.0, 10),
        (10, 4, 0, 30.0, 6),
        (10, 4, 10, 30.0, 1),
        (10, 5, 10, 30.0, 0),
        (10, 0, 10, 0.0, 0),
        (10, 0, 10, 59.9, 9),
        (10, 10, 0, 59.0, 0),
    ],
)
def test_what_remains(limit: int, current: int, previous: int, elapsed: float, remaining: int) -> None:
    assert Rate(True, limit, current, previous, elapsed).remaining == remaining


@pytest.mark.parametrize(
    ("limit", "current", "previous", "elapsed", "wait"),
    [
        (10, 10, 0, 50.0, 16),  # 10 s to the next window, 6 s until one of ten has faded
        (10, 0, 10, 0.0, 6),
        (10, 0, 10, 5.0, 1),
        (10, 5, 10, 30.0, 6),
        (1, 1, 0, 0.0, 120),
        (600, 600, 0, 59.5, 1),
    ],
)
def test_how_long_to_wait(limit: int, current: int, previous: int, elapsed: float, wait: int) -> None:
    rate = Rate(False, limit, current, previous, elapsed)
    assert rate.wait == wait
    later = elapsed + wait
    if later >= 60:
        after = (
            Rate(True, limit, 0, current, later - 60) if later < 120 else Rate(True, limit, 0, 0, later - 120)
        )
    else:
        after = Rate(True, limit, current, previous, later)
    assert after.remaining >= 1, "who waits so long is admitted"


def test_of_many_at_once_exactly_as_many_as_the_limit_are_admitted(name: str) -> None:
    # An hour, so that the window does not change meanwhile but once in a blue moon; then fewer would do.
    with ThreadPoolExecutor(20) as pool:
        rates = list(pool.map(lambda _: throttling.count(name, 40, 3600), range(100)))
    admitted = [rate for rate in rates if rate is not None and rate.admitted]
    assert len(admitted) == 40
    assert sorted(rate.remaining for rate in admitted) == list(range(40))


def test_refused_requests_do_not_count(name: str) -> None:
    for _ in range(50):
        rate = throttling.count(name, 3, 3600)
    assert rate is not None
    assert (rate.admitted, rate.current) == (False, 3)


def test_names_are_counted_apart_and_can_be_forgotten(name: str) -> None:
    assert [throttling.count(name, 1, 3600).admitted for _ in range(2)] == [True, False]  # type: ignore[union-attr]
    assert throttling.count(f"{name}:other", 1, 3600).admitted  # type: ignore[union-attr]
    throttling.forget(name)
    assert throttling.count(name, 1, 3600).admitted  # type: ignore[union-attr]


def test_without_redis_everybody_is_let_in(no_redis: None) -> None:
    assert [throttling.count("anybody", 1) for _ in range(3)] == [None] * 3
    throttling.forget("anybody")


def alice_with(requests: int) -> User:
    alice = person(f"alice-{uuid4()}", "Basic")
    Plan.objects.filter(name="Basic").update(requests_per_minute=requests)
    return alice


@pytest.mark.django_db
def test_an_account_is_told_where_it_stands_and_refused_beyond(client: Client) -> None:
    alice = alice_with(3)
    _, token = AuthToken.objects.create(user=alice)
    answers = [client.get("/api/list", headers={"Authorization": f"Bearer {token}"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"default";q=3;w=60'}
    left = [answer["RateLimit"].split(";")[1] for answer in answers]
    assert left == ["r=2", "r=1", "r=0", "r=0"]
    refused = answers[-1]
    assert refused["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused["Retry-After"]) <= 120
    problem = refused.json()
    assert (problem["code"], problem["limit"], problem["plan"]) == ("rate_limited", 3, "Basic")
    assert problem["actual"] > 3
    charlie = person(f"charlie-{uuid4()}", "Premium")
    _, other = AuthToken.objects.create(user=charlie)
    answer = client.get("/api/list", headers={"Authorization": f"Bearer {other}"})
    assert answer.status_code == 200, "a stranger has a count of his own"


@pytest.mark.django_db
def test_without_redis_requests_are_answered_without_headers(client: Client, no_redis: None) -> None:
    _, token = AuthToken.objects.create(user=alice_with(1))
    answers = [client.get("/api/list", headers={"Authorization": f"Bearer {token}"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert "RateLimit" not in answers[0]


def sign_in(client: Client, username: str, password: str, path: str = "/api/tokens") -> int:
    body = {"username": username, "password": password}
    return client.post(path, body, content_type="application/json").status_code


@pytest.fixture
def elsewhere() -> str:
    """An address nobody has signed in from."""
    number = uuid4().int
    return f"fd00:{number >> 16 & 0xFFFF:x}:{number >> 32 & 0xFFFF:x}:{number & 0xFFFF:x}::1"


@pytest.mark.django_db
def test_a_name_has_few_wrong_guesses_then_none_not_even_the_right_one(elsewhere: str, servers: None) -> None:
    alice = person(f"alice-{uuid4()}")
    client = Client(REMOTE_ADDR=elsewhere)
    codes = [sign_in(client, alice.username, "wrong") for _ in range(signin.FOR_A_NAME)]
    assert codes == [401] * signin.FOR_A_NAME
    assert sign_in(client, alice.username.upper(), "a long pass phrase") == 429
    assert sign_in(client, alice.username, "a long pass phrase") == 429
    form = urlencode({"username": alice.username, "password": "a long pass phrase"})
    page = client.post("/login", form, content_type="application/x-www-form-urlencoded")
    assert (page.status_code, int(page["Retry-After"]) > 0) == (429, True)
    assert "attempts to sign in" in page.content.decode()
    page = client.post("/admin/login/", {"username": alice.username, "password": "a long pass phrase"})
    assert "attempts to sign in" in page.content.decode()
    charlie = person(f"charlie-{uuid4()}")
    assert sign_in(client, charlie.username, "a long pass phrase") == 201
    at_home = Client(REMOTE_ADDR="192.0.2.7")
    assert sign_in(at_home, alice.username, "a long pass phrase") == 201, "guesses elsewhere are not alice's"


@pytest.mark.django_db
def test_a_browser_that_has_signed_in_is_let_in_whoever_guesses(elsewhere: str, servers: None) -> None:
    alice = person(f"alice-{uuid4()}")
    form = {"username": alice.username, "password": "a long pass phrase"}
    known, unknown = Client(REMOTE_ADDR=elsewhere), Client(REMOTE_ADDR=elsewhere)
    assert known.post("/login", form).status_code == 302
    known.post("/logout")
    assert {sign_in(unknown, alice.username, "wrong") for _ in range(11)} == {401, 429}
    assert unknown.post("/login", form).status_code == 429
    assert known.post("/login", form).status_code == 302
    codes = [known.post("/login", {**form, "password": "wrong"}).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429], "it has few guesses, too"
    charlie = person(f"charlie-{uuid4()}")
    form = {"username": charlie.username, "password": "a long pass phrase"}
    assert {sign_in(unknown, charlie.username, "wrong") for _ in range(11)} == {401, 429}
    assert known.post("/login", form).status_code == 429, "it is known for alice alone"


@pytest.mark.django_db
def test_the_addresses_of_one_network_count_together(elsewhere: str, servers: None) -> None:
    alice = person(f"alice-{uuid4()}")
    codes = [sign_in(Client(REMOTE_ADDR=f"{elsewhere}{n:x}"), alice.username, "wrong") for n in range(11)]
    assert codes == [401] * 10 + [429]


@pytest.mark.django_db
def test_who_knows_the_password_is_never_locked_out_by_signing_in(elsewhere: str, servers: None) -> None:
    alice = person(f"alice-{uuid4()}")
    client = Client(REMOTE_ADDR=elsewhere)
    for _ in range(2):
        assert {sign_in(client, alice.username, "wrong") for _ in range(5)} == {401}
        assert sign_in(client, alice.username, "a long pass phrase") == 201


@pytest.mark.django_db
def test_an_address_cannot_try_one_password_on_many_names(elsewhere: str, servers: None) -> None:
    client = Client(REMOTE_ADDR=elsewhere)
    codes = [sign_in(client, f"nobody-{uuid4()}", "password1") for _ in range(signin.FOR_AN_ADDRESS + 1)]
    assert (codes[:-1], codes[-1]) == ([401] * signin.FOR_AN_ADDRESS, 429)


@pytest.mark.django_db
def test_signing_in_with_the_right_password_costs_an_address_nothing(
    elsewhere: str, servers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signin, "FOR_AN_ADDRESS", 3)
    alice = person(f"alice-{uuid4()}")
    client = Client(REMOTE_ADDR=elsewhere)
    assert {sign_in(client, alice.username, "a long pass phrase") for _ in range(5)} == {201}
    assert [sign_in(client, f"nobody-{uuid4()}", "wrong") for _ in range(2)] == [401] * 2
    assert sign_in(client, alice.username, "a long pass phrase") == 201
    codes = [sign_in(client, f"nobody-{uuid4()}", "wrong") for _ in range(2)]
    assert codes == [401, 429], "nor does it give anything"
