"""tus 1.0.0 (tus.io/protocols/resumable-upload), as a thin translation to the upload resource.

Extensions: creation, creation-with-upload, creation-defer-length, expiration, checksum, termination,
concatenation.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.utils.http import http_date

from processing.models import ResumableUpload
from uploads.intake.refusals import Refused
from uploads.resumable import creation
from uploads.resumable.appending import append, begin
from uploads.resumable.bodies import Body
from uploads.resumable.resource import AlreadyWhole, Append, State, Wanted
from uploads.resumable.writing import ALGORITHMS, Checksum

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from processing.accounts.models import User

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "termination",
    "concatenation",
)
MEDIA_TYPE = "application/offset+octet-stream"
CHECKSUM_MISMATCH = 460
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_KEY = re.compile(r"[!-+\--~]+", re.ASCII)  # visible ASCII but the comma


def is_spoken(request: Request) -> bool:
    return "Tus-Resumable" in request.headers


def refuse_other_version(request: Request) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise Refused(
            412,
            "unsupported_protocol_version",
            f"Send `Tus-Resumable: {VERSION}`, or `Upload-Complete` for the IETF's protocol.",
            attr="Tus-Resumable",
        )


def capabilities(owner: User | None) -> dict[str, str]:
    """The headers of an answer to OPTIONS."""
    found = {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return found | ({"Tus-Max-Size": str(owner.plan.max_file_bytes)} if owner else {})


def create(request: Request, owner: User) -> HttpResponse:
    """201 with the upload's Location; with the bytes that came along, and what became of them."""
    body, checksum = Body(request), _checksum(request)
    if body.is_there:
        _refuse_other_type(request)
    raw = request.headers.get("Upload-Metadata", "")
    name, more = creation.described(_metadata(raw))
    concat = _concat(request)
    wanted = Wanted(
        ResumableUpload.Protocol.TUS, _length(request), name, {**more, "metadata": raw, "concat": concat}
    )
    upload, repeated = creation.once(request, owner, wanted)
    if body.is_there and not repeated:
        upload = begin(owner, upload, Append(0, body.size), body, checksum)
    headers = {"Location": upload.location, "Upload-Offset": str(upload.offset)}
    return HttpResponse(status=201, headers={**_expiry(upload), **outcome(upload), **headers})


def show(upload: ResumableUpload) -> HttpResponse:
    """The answer to HEAD."""
    headers = {"Upload-Offset": str(upload.offset), "Cache-Control": "no-store"}
    if upload.length is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(upload.length)
    given = {"Upload-Metadata": upload.metadata, "Upload-Concat": upload.concat}
    headers |= {name: value for name, value in given.items() if value}
    return HttpResponse(status=200, headers={**headers, **_expiry(upload), **outcome(upload)})


def add(request: Request, owner: User, upload_id: UUID) -> HttpResponse:
    """The answer to PATCH: 204 with the offset up to which all is safe."""
    _refuse_other_type(request)
    body = Body(request)
    length = _number(request, "Upload-Length") if "Upload-Length" in request.headers else None
    wanted = Append(_number(request, "Upload-Offset"), body.size, length)
    try:
        upload = append(owner, upload_id, wanted, body, _checksum(request))
    except AlreadyWhole as whole:
        upload = whole.upload
    headers = {"Upload-Offset": str(upload.offset)}
    return HttpResponse(status=204, headers={**headers, **_expiry(upload), **outcome(upload)})


def outcome(upload: ResumableUpload) -> dict[str, str]:
    """Where the job of a whole upload is, and which image it became."""
    if not upload.job_id:
        return {}
    return {"Content-Location": f"/api/jobs/{upload.job_id}", "X-Image-Id": str(upload.image_id)}


def _expiry(upload: ResumableUpload) -> dict[str, str]:
    if upload.state != State.OPEN:
        return {}
    return {"Upload-Expires": http_date(upload.expires_at.timestamp())}


def _refuse_other_type(request: Request) -> None:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Refused(
            415,
            "unsupported_media_type",
            f"Send the bytes with `Content-Type: {MEDIA_TYPE}`.",
            attr="Content-Type",
        )


def _number(request: Request, header: str) -> int:
    text = request.headers.get(header, "").strip()
    if not _NUMBER.fullmatch(text):
        code = f"invalid_{header.lower().replace('-', '_')}"
        raise Refused(400, code, f"{header} is a whole number of bytes, 0 or more.", attr=header)
    return int(text)


def _length(request: Request) -> int | None:
    """The length of a new upload; None where it comes later. Raises Refused, also for an empty file."""
    known, deferred = "Upload-Length" in request.headers, request.headers.get("Upload-Defer-Length")
    if deferred is not None and (known or deferred.strip() != "1"):
        detail = "Send either `Upload-Length` or `Upload-Defer-Length: 1`."
        raise Refused(400, "invalid_upload_defer_length", detail, attr="Upload-Defer-Length")
    length = None if deferred else _number(request, "Upload-Length")
    if length == 0:
        raise Refused(400, "empty_file", "The file is empty.", attr="Upload-Length")
    return length


def _metadata(raw: str) -> dict[str, str]:
    """`key base64,key base64`, a value being optional; a key comes once."""
    found: dict[str, str] = {}
    for pair in raw.split(",") if raw.strip() else ():
        key, _, value = pair.strip().partition(" ")
        try:
            text = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            text = None
        if text is None or not _KEY.fullmatch(key) or key in found:
            detail = "Upload-Metadata is a list of `key base64` pairs, separated by commas, each key once."
            raise Refused(400, "invalid_metadata", detail, attr="Upload-Metadata")
        found[key] = text
    return found


def _concat(request: Request) -> str:
    concat = request.headers.get("Upload-Concat", "").strip()
    if concat and concat != "partial":
        detail = "Upload-Concat is `partial`, or `final;` with the addresses of whole partial uploads."
        raise Refused(400, "invalid_upload_concat", detail, attr="Upload-Concat")
    return concat


def _checksum(request: Request) -> Checksum | None:
    header = request.headers.get("Upload-Checksum")
    if header is None:
        return None
    algorithm, _, value = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        detail = f"The algorithms are {' and '.join(ALGORITHMS)}, not `{algorithm[:40]}`."
        raise Refused(400, "unknown_checksum_algorithm", detail, attr="Upload-Checksum")
    try:
        digest = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        detail = f"Upload-Checksum is `{algorithm} <the digest in base64>`."
        raise Refused(400, "invalid_upload_checksum", detail, attr="Upload-Checksum")
    detail = "The bytes of this request have another checksum; none of them was kept."
    return Checksum(algorithm, digest, Refused(CHECKSUM_MISMATCH, "checksum_mismatch", detail))
