"""Who gets a socket, and that it ends with what let it in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from uuid import UUID

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.administering import PASSWORD, Account, Administrator
from tests.database import execute
from tests.drawing import photo
from tests.realtime.test_sockets import close_code, heard, socket
from tests.stack import Stack
from uploads.access.origins import is_foreign

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[Administrator]:
    with Administrator(stack) as signed_in:
        yield signed_in


@pytest.fixture
def alice(stack: Stack, admin: Administrator, request: pytest.FixtureRequest) -> Iterator[Account]:
    name = f"alice-{abs(hash(request.node.name))}"
    admin.add_account(name, "Enterprise")
    with Account(stack, name) as account:
        yield account


@pytest.mark.parametrize("path", ["/ws/upload/", "/ws/feed/", "/ws/jobs/0193-nonsense/"])
@pytest.mark.parametrize("has_token", [False, True])
async def test_a_page_that_rebinds_its_name_gets_no_socket(stack: Stack, path: str, has_token: bool) -> None:
    evil = f"evil.example:{stack.port}"
    headers = {"Origin": f"http://{evil}"}
    if has_token:
        headers["Authorization"] = f"Bearer {stack.token}"
    there = connect(f"ws://{evil}{path}", host="127.0.0.1", port=stack.port, additional_headers=headers)
    async with there as opened:
        assert await close_code(opened) == 4403
    assert httpx.get(f"{stack.url}/api/list", headers={"Host": evil}).status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_page_of_another_site_is_told_so(stack: Stack, origin: str) -> None:
    async with socket(stack, "/ws/upload/", additional_headers={"Origin": origin}) as opened:
        assert await close_code(opened) == 4403


async def test_nobody_is_anonymous_through_a_proxy(stack: Stack) -> None:
    headers = {"X-Forwarded-For": "192.0.2.1"}
    async with socket(stack, "/ws/upload/", additional_headers=headers) as opened:
        assert await close_code(opened) == 4401


@pytest.mark.parametrize(
    ("origin", "host", "foreign"),
    [
        ("http://example.com", "example.com", False),
        ("http://example.com", "example.com:80", False),
        ("http://example.com:80", "example.com", False),
        ("https://example.com", "example.com:443", False),
        ("https://EXAMPLE.com", "example.com", False),
        ("http://example.com", "example.com:443", True),
        ("http://example.com:8000", "example.com", True),
        ("http://example.com", "example.org", True),
        ("null", "example.com", True),
        ("http://[", "example.com", True),
    ],
)
def test_a_port_left_out_is_the_schemes(origin: str, host: str, foreign: bool) -> None:
    assert is_foreign(origin, host) is foreign


async def test_an_id_in_capitals_is_the_same_job(stack: Stack, alice: Account) -> None:
    job_id = await asyncio.to_thread(_job, alice)
    headers = {"Authorization": f"Bearer {alice.token}"}
    async with socket(stack, f"/ws/jobs/{job_id.upper()}/", additional_headers=headers) as opened:
        assert UUID((await heard(opened))["job"]["id"]) == UUID(job_id)


def _job(account: Account) -> str:
    answer = account.multi([("a.jpg", photo(1, 60, 40))])
    assert answer.status_code == 202, answer.text
    job_id = str(answer.json()["job_id"])
    account.finished(job_id)
    return job_id


Ending = Callable[[Stack, Account], None]
UNFINISHED = "UPDATE processing_job SET finished_at = NULL, completed = 0 WHERE id = %s"
OF_HER = "user_id = (SELECT id FROM processing_user WHERE username = %s)"


def revoke(_stack: Stack, alice: Account) -> None:
    assert alice.client.delete("/api/tokens/current").status_code == 204


def expire(stack: Stack, alice: Account) -> None:
    execute(stack, f"UPDATE knox_authtoken SET expiry = now() WHERE {OF_HER}", alice.name)


def deactivate(stack: Stack, alice: Account) -> None:
    execute(stack, "UPDATE processing_user SET is_active = false WHERE username = %s", alice.name)


def change_password(stack: Stack, alice: Account) -> None:
    execute(stack, "UPDATE processing_user SET password = 'other' WHERE username = %s", alice.name)


def shrink(stack: Stack, alice: Account) -> None:
    basic = "(SELECT id FROM processing_plan WHERE name = 'Basic')"
    execute(stack, f"UPDATE processing_user SET plan_id = {basic} WHERE username = %s", alice.name)


@pytest.mark.parametrize("ending", [revoke, expire, deactivate, change_password, shrink])
async def test_sockets_streams_and_long_polls_end_with_what_let_them_in(
    stack: Stack, alice: Account, ending: Ending
) -> None:
    job_id = await asyncio.to_thread(_job, alice)
    image = (await asyncio.to_thread(alice.images, job_id))[0]["id"]
    headers = {"Authorization": f"Bearer {alice.token}"}
    execute(stack, UNFINISHED, job_id)
    async with (
        socket(stack, "/ws/upload/", additional_headers=headers) as uploads,
        socket(stack, f"/ws/jobs/{job_id}/", additional_headers=headers) as job,
        socket(stack, "/ws/feed/", additional_headers=headers) as feed,
        httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=40) as client,
    ):
        streamed = asyncio.create_task(_read_to_the_end(client, f"/api/jobs/{job_id}/events"))
        account = asyncio.create_task(_read_to_the_end(client, "/api/events"))
        polled = asyncio.create_task(client.get(f"/api/jobs/{job_id}/events?since=9&wait=30"))
        for opened in (uploads, job, feed):
            await heard(opened)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(ending, stack, alice)
        await feed.send(json.dumps({"type": "delete", "id": image}))
        codes = await asyncio.gather(*map(close_code, (uploads, job, feed)))
        assert codes == [4401, 4401, 4401]
        await asyncio.wait_for(asyncio.gather(streamed, account), 10)
        answer = await asyncio.wait_for(polled, 10)
        assert (answer.status_code, answer.json()["code"]) == (401, "credentials_ended")
    assert not _is_deleted(stack, image)


async def _read_to_the_end(client: httpx.AsyncClient, path: str) -> None:
    async with client.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        async for _ in answer.aiter_bytes():
            pass


def _is_deleted(stack: Stack, image: str) -> bool:
    ((deleted,),) = execute(stack, "SELECT deleted_at IS NOT NULL FROM processing_image WHERE id = %s", image)
    return bool(deleted)


async def test_signing_out_ends_the_pages_sockets(stack: Stack, alice: Account) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as browser:
        await browser.get("/login")
        form = {
            "username": alice.name,
            "password": PASSWORD,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        assert (await browser.post("/login", data=form)).status_code == 302
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = {"Cookie": cookies, "Origin": stack.url}
        async with socket(stack, "/ws/feed/", additional_headers=headers) as opened:
            assert (await heard(opened))["type"] == "feed.images"
            form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            assert (await browser.post("/logout", data=form)).status_code == 302
            assert await close_code(opened) == 4401


async def test_a_larger_plan_ends_nothing(stack: Stack, admin: Administrator) -> None:
    await asyncio.to_thread(admin.add_account, "grows", "Basic")
    account = await asyncio.to_thread(Account, stack, "grows")
    with account:
        headers = {"Authorization": f"Bearer {account.token}"}
        async with socket(stack, "/ws/upload/", additional_headers=headers) as opened:
            await heard(opened)
            await asyncio.to_thread(admin.give_plan, "grows", "Enterprise")
            await asyncio.sleep(5)
            await opened.send("{}")
            assert (await heard(opened))["code"] == "bad_frame"


async def test_a_strangers_long_poll_is_not_held(stack: Stack, alice: Account) -> None:
    """Held for another's running job, it would tell that the job runs."""
    job_id = await asyncio.to_thread(_job, alice)
    execute(stack, UNFINISHED, job_id)
    async with httpx.AsyncClient(base_url=stack.url, timeout=40) as client:
        path = f"/api/jobs/{job_id}/events?since=9&wait=30"
        async with asyncio.timeout(15):
            for headers, status in (({}, 404), ({"Authorization": "Bearer no"}, 401)):
                assert (await client.get(path, headers=headers)).status_code == status
