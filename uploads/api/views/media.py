"""Renditions: public, under names nobody can guess, never changing; and by name, in the best format."""

from __future__ import annotations

import re

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from processing.files import storage
from processing.models import Image
from processing.news.pictures import FORMATS
from processing.news.representations import RenditionShape, rendition_shape
from uploads.api.conditions import unless_needless
from uploads.api.methods import SAFE, only
from uploads.api.negotiation import best_type

_FILE = re.compile(r"[a-z0-9-]{1,40}\.(?P<digest>[0-9a-f]{16})\.(?P<kind>jpg|png|webp|avif)")
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif"}
_SHORT = "public, max-age=60"


@only(*SAFE)
def rendition(request: HttpRequest, key: str, file: str) -> HttpResponseBase:
    """The digest in the name is the content's: it serves as ETag, and a 304 needs no look at the file."""
    match = _FILE.fullmatch(file)
    if not storage.KEY.fullmatch(key):
        raise Http404
    if not match:
        return _by_name(request, key, file)
    return _answer(request, key, file, match)


def _answer(request: HttpRequest, key: str, file: str, match: re.Match[str]) -> HttpResponseBase:
    etag = f'"{match["digest"]}"'
    response = unless_needless(request, etag)
    if response is None:
        try:
            with storage.open_rendition(key, file) as opened:
                response = HttpResponse(opened.read(), content_type=_TYPES[match["kind"]])
        except FileNotFoundError:
            raise Http404 from None
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _by_name(request: HttpRequest, key: str, name: str) -> HttpResponseBase:
    """The best format of the rendition that `Accept` takes, as it is now: another one after a change."""
    made = _made(key, name) if _NAME.fullmatch(name) else {}
    if not made:
        raise Http404
    file, url = made[best_type(request.headers.get("Accept", ""), made)]
    match = _FILE.fullmatch(file)
    assert match is not None
    response = _answer(request, key, file, match)
    response["Vary"] = "Accept"
    response["Content-Location"] = url
    response["Cache-Control"] = _SHORT
    return response


def _made(key: str, name: str) -> dict[str, tuple[str, str]]:
    """File and address by content type: of the newest image that has it, where several share their bytes."""
    images = Image.objects.filter(key=key, deleted_at=None).order_by("-id")
    for renditions in images.values_list("renditions", flat=True):
        found: dict[str, tuple[str, str]] = {}
        for row in renditions:
            shape: RenditionShape = rendition_shape(key, row)
            if shape["name"] == name and shape["content_type"] in FORMATS:
                found[shape["content_type"]] = (row["file"], shape["url"])
        if found:
            return found
    return {}
