"""draft-ietf-httpbis-resumable-upload, interop versions 5, 6 and 8, as a thin translation to the resource.

Here it is the client who says that an upload is whole (`Upload-Complete: ?1`), not the length; and a request
that comes while another is still going on ends that one, which its client has given up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.http import parse_header_parameters

from processing.models import ResumableUpload
from uploads.intake.refusals import Refused
from uploads.resumable import creation, refusals, resource
from uploads.resumable.appending import append, begin
from uploads.resumable.metadata import metadata
from uploads.resumable.resource import AlreadyWhole, Append, State, Wanted
from uploads.resumable.structured_fields import boolean, digests, integer
from uploads.resumable.writing import Checksum

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from processing.accounts.models import User
    from uploads.resumable.appending import Answer, Transfer

MEDIA_TYPE = "application/partial-upload"
INTEROP_VERSIONS = (5, 6, 8)
_WITHOUT_MEDIA_TYPE = 5  # the last interop version whose clients send none
_BY_LENGTH = 6  # the last one whose clients may leave it to the length
_SHA256_BYTES = 32
_FILENAME = re.compile(r"filename\*=utf-8'[^']*'([^;]+)", re.IGNORECASE)


def is_asked(request: Request) -> bool:
    """Whether the request wants to create an upload by this protocol."""
    return boolean(request.headers.get("Upload-Complete")) is not None


def limits(owner: User | None, upload: ResumableUpload | None = None) -> dict[str, str]:
    """The `Upload-Limit` header: bytes of a whole file, seconds that are left of the upload."""
    found = [f"max-size={owner.plan.max_file_bytes}"] if owner else ["min-size=0"]
    if upload is not None and upload.state == State.OPEN:
        left = int((upload.expires_at - timezone.now()).total_seconds())
        found.append(f"max-age={max(0, left)}")
    return {"Upload-Limit": ", ".join(found)}


def create(
    request: Request, owner: User, size: int | None, answer: Answer, *, waits: bool = False
) -> HttpResponseBase | Transfer:
    """Creates the upload, then takes the `size` bytes of the body, None: as many as come.

    The request says whether they are all; `answer` makes the answer of what became of the upload.
    """
    completes = boolean(request.headers.get("Upload-Complete"))
    length = _length(request, size, 0, completes=bool(completes))
    if length == 0 or (completes and size == 0):
        raise Refused(400, "empty_file", "The file is empty.")
    name, more = creation.described(owner, _described(request))
    digest = digests(request.headers.get("Repr-Digest")).get("sha-256", b"").hex()
    wanted = Wanted(ResumableUpload.Protocol.DRAFT, length, name, {**more, "digest": digest, "waits": waits})
    upload, repeated = creation.once(request, owner, wanted, leased=size != 0)
    if size != 0 and not repeated:
        forgets = "Idempotency-Key" not in request.headers
        asked = Append(0, size, completes=_completes(request, said=bool(completes)))
        return begin(
            owner,
            upload,
            asked,
            answer,
            _checksum(request),
            forgets=forgets,
            interim=_interim(request, owner, upload),
        )
    return answer(upload)


def _interim(request: Request, owner: User, upload: ResumableUpload) -> dict[str, str]:
    """Headers of the answer 104 that tells a new upload's address; none where it is off, or not understood.

    Only for the interop version that the client speaks: another's clients may not know the number 104.
    """
    version = integer(request.headers.get("Upload-Draft-Interop-Version"))
    if not settings.INTERIM_RESPONSES or version not in INTEROP_VERSIONS:
        return {}
    spoken = {"Upload-Draft-Interop-Version": str(version)}
    return {**spoken, "Location": upload.location, **limits(owner, upload)}


def show(owner: User, upload: ResumableUpload) -> HttpResponse:
    """The answer to HEAD. Whoever still writes is ended: the offset told must be the one that is taken."""
    if resource.is_written(upload):
        upload = resource.expel(upload)
    headers = {"Upload-Offset": str(upload.offset), "Cache-Control": "no-store"}
    if upload.length is not None:
        headers["Upload-Length"] = str(upload.length)
    whole = {"Upload-Complete": "?0" if upload.state == State.OPEN else "?1"}
    return HttpResponse(status=204, headers={**headers, **whole, **limits(owner, upload)})


def add(
    request: Request, owner: User, upload_id: UUID, size: int | None, answer: Answer
) -> HttpResponseBase | Transfer:
    """Takes the `size` bytes of a PATCH; the upload is complete where the request says so. Raises Refused."""
    _refuse_other_type(request)
    completes = boolean(request.headers.get("Upload-Complete"))
    if completes is None:
        detail = "Upload-Complete is ?1 where the request carries the upload's end, else ?0."
        raise Refused(400, "invalid_upload_complete", detail, attr="Upload-Complete")
    at = integer(request.headers.get("Upload-Offset"))
    if at is None:
        detail = "Upload-Offset is a whole number of bytes, 0 or more."
        raise Refused(400, "invalid_upload_offset", detail, attr="Upload-Offset")
    length = _length(request, size, at, completes=completes)
    said = _completes(request, said=completes)
    asked = Append(at, size, length, completes=said, steals=True)
    try:
        return append(owner, upload_id, asked, answer, _checksum(request))
    except AlreadyWhole as whole:
        return answer(whole.upload)


def progress(owner: User, upload: ResumableUpload, status: int) -> HttpResponse:
    """The answer to a creation or a PATCH after which more is to come."""
    headers = {"Upload-Complete": "?0", "Upload-Offset": str(upload.offset)}
    location = {"Location": upload.location} if status == 201 else {}
    return HttpResponse(status=status, headers={**location, **headers, **limits(owner, upload)})


def refusal_headers(error: Exception, owner: User | None) -> dict[str, str]:
    """What a refusal says beside its problem: whether it is what became of the file, the right offset."""
    headers = {"Upload-Complete": "?1" if isinstance(error, refusals.Outcome) else "?0"}
    if isinstance(error, Refused) and "expected-offset" in error.members:
        headers["Upload-Offset"] = str(error.members["expected-offset"])
    if isinstance(error, Refused) and error.status_code == 413:
        headers |= limits(owner)
    return headers


def _completes(request: Request, *, said: bool) -> bool | None:
    """Whether the upload is whole with this request; None: as soon as it has all of its length.

    A server may say by itself that an upload is complete. Clients of the older drafts need that: one says
    `?0` with its last piece, and takes the upload for done.
    """
    version = integer(request.headers.get("Upload-Draft-Interop-Version"))
    return None if not said and version is not None and version <= _BY_LENGTH else said


def _length(request: Request, size: int | None, at: int, *, completes: bool) -> int | None:
    """The whole upload's length as this request tells it. Raises Refused where it tells two."""
    told = integer(request.headers.get("Upload-Length"))
    found = at + size if completes and size is not None else None
    if told is not None and found is not None and told != found:
        raise refusals.inconsistent_length(told, found)
    return told if found is None else found


def _refuse_other_type(request: Request) -> None:
    version = integer(request.headers.get("Upload-Draft-Interop-Version"))
    given = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given != MEDIA_TYPE and (version is None or version > _WITHOUT_MEDIA_TYPE):
        detail = f"Send the bytes with `Content-Type: {MEDIA_TYPE}`."
        raise Refused(415, "unsupported_media_type", detail, attr="Content-Type")


def _described(request: Request) -> dict[str, str]:
    """The file's name from Content-Disposition (RFC 6266) or `?name=`, the rest from the query.

    tus-js-client sends tus' metadata by this protocol, too.
    """
    given = {name: request.query_params[name] for name in creation.KEYS if name in request.query_params}
    if "name" in request.query_params:
        given["filename"] = request.query_params["name"]
    given = {**metadata(request.headers.get("Upload-Metadata", "")), **given}
    disposition = request.headers.get("Content-Disposition", "")
    if match := _FILENAME.search(disposition):
        given.setdefault("filename", unquote(match[1].strip(), errors="replace"))
    elif plain := parse_header_parameters(disposition)[1].get("filename"):
        given.setdefault("filename", plain)
    return given


def _checksum(request: Request) -> Checksum | None:
    """Of this request's content, where its digest comes by an algorithm that is known (RFC 9530)."""
    digest = digests(request.headers.get("Content-Digest")).get("sha-256")
    if digest is None:
        return None
    detail = "The bytes of this request have another digest; none of them was kept."
    if len(digest) != _SHA256_BYTES:
        raise Refused(400, "digest_mismatch", detail, attr="Content-Digest")
    return Checksum("sha256", digest, Refused(400, "digest_mismatch", detail, attr="Content-Digest"))
