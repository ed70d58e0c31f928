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
from uploads.resumable import creation, resource
from uploads.resumable.appending import Transfer, append, begin
from uploads.resumable.concatenation import malformed, parts_of, put_together
from uploads.resumable.metadata import metadata
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


def create(request: Request, owner: User, size: int | None) -> HttpResponse | Transfer:
    """201 with the upload's Location; takes the `size` bytes of the body before, None: as many as come."""
    if request.headers.get("Upload-Concat", "").strip().startswith("final"):
        return _create_final(request, owner)
    checksum = _checksum(request)
    if size != 0:
        _refuse_other_type(request)
    raw = request.headers.get("Upload-Metadata", "")
    name, more = creation.described(owner, metadata(raw))
    concat = _concat(request)
    wanted = Wanted(
        ResumableUpload.Protocol.TUS, _length(request), name, {**more, "metadata": raw, "concat": concat}
    )
    upload, repeated = creation.once(request, owner, wanted, leased=size != 0)
    if size != 0 and not repeated:
        forgets = "Idempotency-Key" not in request.headers
        return begin(owner, upload, Append(0, size), _created, checksum, forgets=forgets)
    return _created(upload)


def _created(upload: ResumableUpload) -> HttpResponse:
    headers = {"Location": upload.location, "Upload-Offset": str(upload.offset)}
    return HttpResponse(status=201, headers={**_expiry(upload), **outcome(upload), **headers})


def _create_final(request: Request, owner: User) -> HttpResponse:
    """201 with the upload that is put together from whole partial ones."""
    concat, raw = request.headers["Upload-Concat"].strip(), request.headers.get("Upload-Metadata", "")
    if "Upload-Length" in request.headers or "Upload-Defer-Length" in request.headers:
        detail = "A final upload's length is its parts': send none."
        raise Refused(400, "invalid_upload_length", detail, attr="Upload-Length")
    parts = parts_of(owner, concat)
    name, more = creation.described(owner, metadata(raw))
    length = sum(part.offset for part in parts)
    resource.refuse_too_large(owner, length)
    more |= {"metadata": raw, "concat": concat}
    upload = resource.create(owner, Wanted(ResumableUpload.Protocol.TUS, length, name, more), counted=length)
    upload = put_together(owner, upload, parts)
    return HttpResponse(status=201, headers={**outcome(upload), "Location": upload.location})


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


def add(request: Request, owner: User, upload_id: UUID, size: int | None) -> HttpResponse | Transfer:
    """Takes the body of a PATCH, `size` bytes; the answer is 204 with the offset up to which all is safe."""
    _refuse_other_type(request)
    length = _number(request, "Upload-Length") if "Upload-Length" in request.headers else None
    wanted = Append(_number(request, "Upload-Offset"), size, length)
    try:
        return append(owner, upload_id, wanted, _added, _checksum(request))
    except AlreadyWhole as whole:
        return _added(whole.upload)


def _added(upload: ResumableUpload) -> HttpResponse:
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


def _concat(request: Request) -> str:
    concat = request.headers.get("Upload-Concat", "").strip()
    if concat and concat != "partial":
        raise malformed()
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
