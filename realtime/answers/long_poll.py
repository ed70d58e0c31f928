"""`GET .../events?wait=`: the answer is held until there is something to say."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from django.db import Error
from django.http import HttpResponse

from processing.plumbing.reader import reader
from realtime.answers.answer import Answer
from realtime.frames import missed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realtime.frames import Told


class LongPoll(Answer):
    async def answer(self) -> None:
        found: Sequence[Told] = ()
        with suppress(Error):  # what the view has said still holds
            found = await self._found()
        if self.revoked:
            detail = "The credentials of this request have ended."
            await self.send_instead(self.refuse(401, "credentials_ended", detail, 0))
        elif found:
            await self.send_instead(self._telling(found))
        else:
            await self.send_held()

    async def _found(self) -> Sequence[Told]:
        end = time.monotonic() + (self.follow.wait or 0)
        # Followed already: what was told since the view looked is in the log.
        found = await self._look()
        while not found and not self.over.is_set() and (left := end - time.monotonic()) > 0:
            await self.news(left)
            self.rang.clear()
            found = await self._look()
        return found

    async def _look(self) -> Sequence[Told]:
        return await reader.ask(missed, self.log, self.follow.since or 0)

    def _telling(self, found: Sequence[Told]) -> HttpResponse:
        frames = ", ".join(event.frame for event in found)
        text = f'{{"events": [{frames}], "seq": {found[-1].place(self.log)}}}'
        return HttpResponse(text, content_type="application/json")
