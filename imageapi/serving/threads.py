"""Django's handler on a fixed set of threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class PooledASGIHandler(ASGIHandler):
    """Runs each request on one of a few threads that stay.

    Django starts a thread for every request and throws it away, and with it its database connection. These
    keep theirs: no connection is made for a request, and there are never more connections than threads. The
    middleware runs as one synchronous stack, so a request changes threads once, not twice for each layer.
    """

    def __init__(self) -> None:
        super(ASGIHandler, self).__init__()
        self.load_middleware(is_async=False)
        self._free: asyncio.LifoQueue[ThreadPoolExecutor] = asyncio.LifoQueue()
        for _ in range(settings.WEB_THREADS):
            self._free.put_nowait(ThreadPoolExecutor(max_workers=1, thread_name_prefix="request"))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        thread = await self._free.get()
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
        finally:
            self._free.put_nowait(thread)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)
