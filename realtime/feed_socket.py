"""The socket of the feed by hue: a page of it first, then every matching image the moment it is completed.

What was read and what is told live are two views of one truth, and may overlap: the news of an image can
reach this process before or after a page that holds it. So while a page is read, news wait; and what was sent
is remembered, so that nothing is sent twice.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import UUID

from processing.accounts.models import plan_of
from processing.jobs import deletion
from processing.models import Image
from processing.news import colors, feed
from processing.news.feed import Near
from processing.news.representations import image_shape
from processing.plumbing.reader import Reader, reader
from realtime.admission import is_revoked
from realtime.frames import Shown
from realtime.hub import hub
from realtime.socket import NO_CREDENTIALS, TOO_MANY, Socket

if TYPE_CHECKING:
    from realtime.frames import Told

_FIRST, _MORE = 20, 10
# What a socket remembers of what it sent; news of an image come seconds after its page at most.
_MOST_SENT = 4096
_MOST_WAITING = 10_000
# Hundreds of sockets that turn their hue at once must not stand in the way of the hub's own reading.
_reader = Reader("feed", 4)
_NUMBER = re.compile(r"[0-9]{1,4}")

News = Shown | UUID  # a UUID: that image is gone


class FeedSocket(Socket):
    """`/ws/feed/?hue=&tolerance=`: 20 images, then 10 for each turn and `more`, and all news between.

    A turn is `set_hue`, or `set_colors` with 1 to 5 colours and their distance in OKLab.
    """

    async def admitted(self, owner_id: int) -> None:
        self._near = Near(hue=0)
        self._last = feed.NEWEST
        self._sent: OrderedDict[UUID, None] = OrderedDict()
        # Images told live although they are older than the last page's last: later pages leave them out.
        self._ahead: set[UUID] = set()
        self._waiting: deque[News] | None = deque()
        await hub.follow(owner_id, self)
        try:
            near = _near_of_query(self.scope["query_string"])
        except ValueError as error:
            await self.complain("invalid", f"{error} Here is the feed at hue 0.")
            near = self._near
        await self._turn_to(near, _FIRST)

    # What the client asks for

    async def on_frame(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "set_hue":
                await self._set_hue(frame)
            case "set_colors":
                await self._set_colors(frame)
            case "more":
                await self._send_page(_MORE)
            case "delete":
                await self._delete(frame.get("id"))
            case _:
                await super().on_frame(frame)

    async def _set_hue(self, frame: dict[str, Any]) -> None:
        try:
            near = _near_of_frame(frame)
        except ValueError as error:
            await self.complain("invalid", str(error))
        else:
            await self._turn_to(near, _MORE)

    async def _set_colors(self, frame: dict[str, Any]) -> None:
        try:
            near = _colors_of_frame(frame)
        except ValueError as error:
            await self.complain("invalid", str(error))
        else:
            await self._turn_to(near, _MORE)

    async def _turn_to(self, near: Near, count: int) -> None:
        self._near, self._last = near, feed.NEWEST
        self._sent.clear()
        self._ahead.clear()
        await self._send_page(count)

    async def _send_page(self, count: int) -> None:
        owner_id = self.owner_id
        if owner_id is None:
            return
        # News wait from before the rows are read: none falls between the page and what follows it.
        self._waiting = deque()
        images, end = await self._read(owner_id, count)
        # Read anew: a socket may outlive the plan it was opened under.
        plan = await _reader.ask(plan_of, owner_id)
        for image in images:
            self._remember(image.id)
        await self.tell(
            {
                "type": "feed.images",
                "hue": self._near.hue,
                "tolerance": self._near.tolerance,
                **_colors_shown(self._near),
                "images": [image_shape(image, plan) for image in images],
                "end": end,
            }
        )
        # What comes while these go out queues up behind them.
        while self._waiting:
            await self._pass_on(self._waiting.popleft())
        self._waiting = None

    async def _read(self, owner_id: int, count: int) -> tuple[list[Image], bool]:
        """The next page, without what was told live, and whether it is the last."""
        page: list[Image] = []
        while True:
            wanted = count - len(page)
            images = await _reader.ask(feed.newest, owner_id, self._near, wanted + 1, before=self._last)
            end = len(images) <= wanted
            page += [image for image in images[:wanted] if image.id not in self._ahead]
            self._last = images[min(wanted, len(images)) - 1].id if images else feed.OLDEST
            self._ahead = {image for image in self._ahead if image < self._last}
            if end or len(page) == count:
                return page, end

    async def _delete(self, text: object) -> None:
        try:
            image_id = UUID(text) if isinstance(text, str) else None
        except ValueError:
            image_id = None
        if image_id is None:
            await self.complain("invalid", "`id` is the id of an image.")
        elif self.owner_id is None or await is_revoked(self.scope["credential"]):
            await self.end(NO_CREDENTIALS)
        elif not await reader.ask(_delete, self.owner_id, image_id):
            await self.complain("not_found", "There is no such image.")

    # What the hub tells

    async def on_events(self, events: Sequence[Told]) -> None:
        for event in events:
            await self.on_restored(event.shown)

    async def on_restored(self, images: Sequence[Shown]) -> None:
        for image in images:
            if self._near.takes(image.hues, image.colors):
                await self._hear(image)

    async def on_removed(self, images: Sequence[UUID]) -> None:
        for image in images:
            await self._hear(image)

    async def _hear(self, news: News) -> None:
        if self._waiting is None:
            await self._pass_on(news)
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting.append(news)
        else:
            await self.end(TOO_MANY)

    async def _pass_on(self, news: News) -> None:
        if isinstance(news, UUID):
            self._sent.pop(news, None)
            self._ahead.discard(news)
            await self.tell({"type": "feed.removed", "id": str(news)})
        elif self._is_new(news.id):
            self._remember(news.id)
            await self.send(text_data=news.frame)

    def _is_new(self, image: UUID) -> bool:
        if image in self._sent or image in self._ahead or hub.is_gone(image):
            return False
        if image < self._last:
            if len(self._ahead) >= _MOST_SENT:
                return False  # it comes with a later page
            self._ahead.add(image)
        return True

    def _remember(self, image: UUID) -> None:
        self._sent[image] = None
        if len(self._sent) > _MOST_SENT:
            self._sent.popitem(last=False)


def _delete(owner_id: int, image_id: UUID) -> bool:
    image = Image.objects.of(owner_id).visible().filter(id=image_id).first()
    return image is not None and deletion.delete(image)


def _near_of_frame(frame: dict[str, Any]) -> Near:
    """Raises ValueError with a sentence for the client."""
    hue, tolerance = frame.get("hue", ""), frame.get("tolerance", feed.DEFAULT_TOLERANCE)
    if hue is not None and not _is_whole(hue, feed.HUES - 1):
        raise ValueError("`hue` is a whole number from 0 to 359, or null for every image.")
    if not _is_whole(tolerance, feed.MOST_TOLERANCE):
        raise ValueError("`tolerance` is a whole number from 0 to 180.")
    return Near(hue, tolerance)


def _colors_of_frame(frame: dict[str, Any]) -> Near:
    """Raises ValueError with a sentence for the client."""
    asked, distance = frame.get("colors"), frame.get("distance", colors.DEFAULT_DISTANCE)
    if not isinstance(asked, list) or not 1 <= len(asked) <= colors.MOST_COLORS:
        raise ValueError(f"`colors` is a list of 1 to {colors.MOST_COLORS} colours such as #ff8800.")
    found = tuple(filter(None, map(colors.parse, asked)))
    if len(found) < len(asked):
        raise ValueError("Each of `colors` is six hexadecimal digits such as #ff8800.")
    if isinstance(distance, bool) or not isinstance(distance, (int, float)):
        raise ValueError(f"`distance` is a number from 0 to {colors.MOST_DISTANCE}.")
    if not 0 <= distance <= colors.MOST_DISTANCE:
        raise ValueError(f"`distance` is a number from 0 to {colors.MOST_DISTANCE}.")
    return Near(colors=found, distance=float(distance))


def _colors_shown(near: Near) -> dict[str, Any]:
    return {"colors": list(near.colors), "distance": near.distance} if near.colors else {}


def _is_whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _near_of_query(query_string: bytes) -> Near:
    """The same from `?hue=` (0 where it is left out, `null` for every image) and `?tolerance=`."""
    query = parse_qs(query_string.decode("ascii", "replace"))
    given = {name: query[name][-1] for name in ("hue", "tolerance") if name in query}
    frame: dict[str, Any] = {"hue": 0}
    for name, text in given.items():
        frame[name] = int(text) if _NUMBER.fullmatch(text) else text
    if frame["hue"] == "null":
        frame["hue"] = None
    return _near_of_frame(frame)
