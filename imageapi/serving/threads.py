"""Django's handler on a fixed set of threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import close_old_connections
from django.urls import set_script_prefix

from imageapi.serving.bodies import collected, has_body, most_of, pieces, view_of
from uploads.api.problems import known, problem_response
from uploads.api.streamed_body import BodyWanted, StreamsBody
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import IO

    from django.http.response import HttpResponseBase

Done = TypeVar("Done")

_TAKING = 4


class PooledASGIHandler(ASGIHandler):
    """Makes each answer on one of a few threads that stay, and sends it from the event loop.

    Django starts a thread for every request and throws it away, and with it its database connection. These
    keep theirs: no connection is made for a request, and there are never more connections than threads. The
    middleware runs as one synchronous stack, so a request changes threads once, not twice for each layer.
    A thread is free again once the answer is made: a client that does not read it holds none.
    """

    def __init__(self) -> None:
        super(ASGIHandler, self).__init__()
        self.load_middleware(is_async=False)
        self._free: asyncio.LifoQueue[ThreadPoolExecutor] = asyncio.LifoQueue()
        for _ in range(settings.WEB_THREADS):
            self._free.put_nowait(ThreadPoolExecutor(max_workers=1, thread_name_prefix="request"))
        # However many upload at once, most threads are for the others.
        self._taking = asyncio.Semaphore(max(1, settings.WEB_THREADS // _TAKING))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)

    async def handle(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            response = await self._respond(scope, receive, send)
        except RequestAborted:
            return
        if response.streaming:
            await self._stream(response, receive, send)
        else:
            await self.send_response(response, send)

    async def _respond(self, scope: dict[str, Any], receive: Any, send: Any) -> HttpResponseBase:
        """Raises RequestAborted where the client left before its body was there."""
        view = view_of(scope) if has_body(scope) else StreamsBody
        if view is not None and issubclass(view, StreamsBody):
            response = await self._on_a_thread(partial(self._answer, scope, BytesIO()))
            if not isinstance(response, BodyWanted):
                return response
            if response.interim:
                headers = [(name.encode(), value.encode()) for name, value in response.interim.items()]
                await send({"type": "http.response.interim", "status": 104, "headers": headers})
            return await self._take(response, receive)
        try:
            body = await collected(scope, receive, most_of(view))
        except Refused as refusal:
            return problem_response(refusal)
        except OSError as error:  # a large one goes to the disk, and that may be full
            if (full := known(error)) is None:
                raise
            return problem_response(full)
        with closing(body):
            return await self._on_a_thread(partial(self._answer, scope, body))

    async def _take(self, wanted: BodyWanted, receive: Any) -> HttpResponseBase:
        """Gives a view its body, piece by piece."""
        try:
            async for piece in pieces(receive):
                async with self._taking:
                    response = await self._on_a_thread(partial(_in_order, partial(wanted.take, piece)))
                if response is not None:
                    return response
        except BaseException:
            # Not awaited by a request that is being cancelled: it runs all the same.
            await asyncio.shield(self._on_a_thread(partial(_in_order, wanted.abandon)))
            raise
        return await self._on_a_thread(partial(_in_order, wanted.complete))

    async def _on_a_thread(self, work: Callable[[], Done]) -> Done:
        thread = await self._free.get()
        task = asyncio.ensure_future(_run(thread, work))
        task.add_done_callback(lambda _: self._free.put_nowait(thread))
        # What runs on a thread can't be cancelled: the thread is free when it is done, not before.
        return await asyncio.shield(task)

    def _answer(self, scope: dict[str, Any], body: IO[bytes]) -> HttpResponseBase:
        # Django takes the prefix off again; everything in front of it sees paths without.
        scope["path"] = scope.get("root_path", "") + scope["path"]
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, _ = self.create_request(scope, body)
        response = self.get_response(request) if request else _not_understood()
        response._handler_class = type(self)  # type: ignore[attr-defined]
        if not response.streaming:
            response.close()  # of one that still wants the body, what it holds of the request
        elif not response.is_async:  # type: ignore[attr-defined]
            # The files of the page, all of them small: no thread is left to read them on later.
            response.streaming_content = _each(list(response))  # type: ignore[attr-defined]
        return response

    async def _stream(self, response: HttpResponseBase, receive: Any, send: Any) -> None:
        """Sends until the client has it all, or has gone."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._on_a_thread(response.close)
        if not sending.cancelled():
            sending.result()


async def _left(receive: Any) -> None:
    """Returns when the client has gone; what it still sends of a body that nobody wants is passed over."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _in_order(work: Callable[[], Done]) -> Done:
    close_old_connections()
    return work()


async def _run(thread: ThreadPoolExecutor, work: Callable[[], Done]) -> Done:
    async with ThreadSensitiveContext(executor=thread):
        return await sync_to_async(work, thread_sensitive=True)()


def _not_understood() -> HttpResponseBase:
    return problem_response(Refused(400, "bad_request", "This address is not UTF-8."))


async def _each(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
