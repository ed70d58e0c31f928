"""Who uses the feed in these tests: an account with its HTTP client, its pictures and its sockets."""

from __future__ import annotations

import asyncio
import colorsys
import io
import itertools
import json
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import websockets
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

_serial = itertools.count()
# On an address that others reach there is no anonymous plan, unless one is named.
CLOSED = {"HOST": "0.0.0.0", "IMAGEAPI_ANONYMOUS_PLAN": ""}
DONE = {"completed", "failed", "aborted"}


def plain(*hues: int | None) -> bytes:
    """A PNG of upright stripes of these hues (None: grey)."""
    return stripes((60, 40), [(128, 128, 128) if hue is None else _rgb(hue) for hue in hues])


def stripes(size: tuple[int, int], fills: Sequence[str | tuple[int, int, int]]) -> bytes:
    """A PNG of upright stripes in these colours, unlike every other one made here."""
    image = Image.new("RGB", size)
    draw = ImageDraw.Draw(image)
    width = size[0] // len(fills)
    for index, color in enumerate(fills):
        draw.rectangle((index * width, 0, *size), fill=color)
    out = io.BytesIO()
    # The bytes differ, the pixels do not: same bytes would make it a duplicate.
    info = PngInfo()
    info.add_text("comment", str(next(_serial)))
    image.save(out, "PNG", pnginfo=info)
    return out.getvalue()


def _rgb(hue: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue / 360, 0.9, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


def apart(first: int, second: int) -> int:
    return abs((first - second + 180) % 360 - 180)


def matches(image: dict[str, Any], hue: int | None, tolerance: int) -> bool:
    """What the contract says a feed holds, said again without any index."""
    if hue is None:
        return True
    return any(
        color["hue"] is not None and apart(color["hue"], hue) <= tolerance for color in image["colors"]
    )


class Person:
    def __init__(self, url: str, name: str, token: str) -> None:
        self.url, self.name, self.token = url, name, token

    def __enter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self.token}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def send(self, *pictures: bytes) -> list[str]:
        """Ids of accepted images, in order."""
        files = [("images", (f"{index}.png", data, "image/png")) for index, data in enumerate(pictures)]
        answer = self.http.post("/api/async/batch/upload", files=files)
        assert answer.status_code == 202, answer.text
        return [image["id"] for image in answer.json()["accepted"]]

    def upload(self, *pictures: bytes) -> list[str]:
        """Ids of images that are completed."""
        ids = self.send(*pictures)
        self.wait_done(ids)
        return ids

    def wait_done(self, ids: list[str]) -> None:
        end = time.monotonic() + 60
        open_ids = set(ids)
        while open_ids and time.monotonic() < end:
            job = self.image(next(iter(open_ids)))["job_id"]
            self.http.get(f"/api/jobs/{job}/events", params={"since": 0})
            open_ids = {one for one in open_ids if self.image(one)["status"] not in DONE}
        assert not open_ids

    def image(self, image_id: str) -> dict[str, Any]:
        return self.http.get(f"/api/images/{image_id}").json()

    def everything(self) -> list[dict[str, Any]]:
        """Completed images, newest first, by the plain list."""
        return self.http.get("/api/list", params={"limit": 1000, "status": "completed"}).json()

    def feed(self, **query: Any) -> httpx.Response:
        return self.http.get("/api/feed", params=query)

    async def socket(self, query: str = "") -> FeedSocket:
        url = f"{self.url.replace('http', 'ws')}/ws/feed/{query}"
        connection = await websockets.connect(
            url,
            subprotocols=["imageapi", f"bearer.{self.token}"],
            max_size=None,
            max_queue=None,
            ping_interval=None,
            proxy=None,
        )
        return FeedSocket(connection)


class FeedSocket:
    """A client that keeps the list a feed describes, and counts what it is told twice."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.shown: dict[str, dict[str, Any]] = {}
        self.doubles: list[str] = []
        self.end = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

    async def say(self, **frame: Any) -> None:
        await self.connection.send(json.dumps(frame))

    async def frame(self, seconds: float = 20) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            return json.loads(await self.connection.recv())

    async def hear(self, kind: str, seconds: float = 20) -> dict[str, Any]:
        """The next frame of this type; the others are taken in on the way."""
        async with asyncio.timeout(seconds):
            while True:
                frame = await self.frame(seconds)
                if frame["type"] == kind:
                    return frame
                self.take(frame)

    def take(self, frame: dict[str, Any], *, anew: bool = False) -> None:
        match frame["type"]:
            case "feed.images":
                if anew:
                    self.shown.clear()
                for image in frame["images"]:
                    self._add(image)
                self.end = frame["end"]
            case "feed.added":
                self._add(frame["image"])
            case "feed.removed":
                self.shown.pop(frame["id"], None)

    def _add(self, image: dict[str, Any]) -> None:
        if image["id"] in self.shown:
            self.doubles.append(image["id"])
        self.shown[image["id"]] = image

    async def page(self, *, anew: bool = False) -> dict[str, Any]:
        frame = await self.hear("feed.images")
        self.take(frame, anew=anew)
        return frame

    async def to_the_end(self) -> None:
        while not self.end:
            await self.say(type="more")
            await self.page()
