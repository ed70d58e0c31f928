"""Renditions: public, under names nobody can guess, never changing."""

from __future__ import annotations

import re

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from processing.files import storage
from uploads.api.conditions import unless_needless
from uploads.api.methods import SAFE, only

_FILE = re.compile(r"[a-z]+(?:-\d{1,5})?\.(?P<digest>[0-9a-f]{16})\.(?P<kind>jpg|png)")
_TYPES = {"jpg": "image/jpeg", "png": "image/png"}


@only(*SAFE)
def rendition(request: HttpRequest, key: str, file: str) -> HttpResponseBase:
    """The digest in the name is the content's: it serves as ETag, and a 304 needs no look at the file."""
    match = _FILE.fullmatch(file)
    if not match or not storage.KEY.fullmatch(key):
        raise Http404
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
