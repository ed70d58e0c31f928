"""What the views of resumable uploads take and answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from uploads.api.schema.describe import Refusals, describe, operation
from uploads.api.schema.routes import IDEMPOTENCY, NO_JOB, WEBHOOK
from uploads.api.views import batches, resumable
from uploads.resumable import draft, tus

_BYTES: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}


def _header(name: str, shape: Any, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, shape, OpenApiParameter.HEADER, description=description)


_VERSION = _header("Tus-Resumable", {"enum": [tus.VERSION]}, "The version of tus that the client speaks.")
_CHECKSUM = _header(
    "Upload-Checksum",
    {"type": "string", "pattern": "^(sha1|sha256) [A-Za-z0-9+/]+=*$"},
    "tus: of this request's body, in base64. Nothing is kept where it does not match.",
)
_DRAFT_VERSION = _header(
    "Upload-Draft-Interop-Version",
    {"enum": list(draft.INTEROP_VERSIONS)},
    "draft: which of its versions the client speaks, where that is an older one.",
)
_COMPLETE = _header(
    "Upload-Complete",
    {"enum": ["?0", "?1"]},
    "draft: whether the upload ends with this request's body. It stands for `Tus-Resumable`.",
)
_CONTENT_DIGEST = _header(
    "Content-Digest",
    {"type": "string"},
    "draft: `sha-256=:base64:` of this request's body (RFC 9530). Nothing is kept where it does not match.",
)


def _told(name: str, shape: Any, description: str, *statuses: int) -> OpenApiParameter:
    """A header of the answers with these statuses."""
    return OpenApiParameter(
        name, shape, OpenApiParameter.HEADER, description=description, response=list(statuses)
    )


def _answered(*statuses: int) -> list[OpenApiParameter]:
    """The headers of answers to a creation and to a PATCH."""
    text, instant = {"type": "string"}, {"type": "string", "description": "An HTTP date (RFC 9110)."}
    return [
        _told("Upload-Offset", _BYTES, "So many bytes are safe.", *statuses),
        _told("Upload-Expires", instant, "tus: until when the upload may go on.", *statuses),
        _told("Upload-Complete", {"enum": ["?0", "?1"]}, "draft: whether it is whole.", *statuses),
        _told("Upload-Limit", text, "draft: `max-size`, and the seconds left as `max-age`.", *statuses),
        _told("Content-Location", text, "The job of a whole upload.", *statuses),
        _told("Repr-Digest", text, "draft: `sha-256=:base64:` of the whole file.", *statuses),
        _told("X-Image-Id", {"type": "string", "format": "uuid"}, "The image it became.", *statuses),
    ]


_LOCATION = _told("Location", {"type": "string"}, "The upload; by the draft a whole one's job.", 201, 202)
_WRONG_VERSION: Refusals = {
    412: {"unsupported_protocol_version": "Send `Tus-Resumable: 1.0.0`, or `Upload-Complete`."}
}
_GONE: Refusals = {
    404: {"not_found": "There is no such upload."},
    410: {
        "upload_expired": "This upload was not finished in time, and is gone.",
        "upload_terminated": "This upload was ended by its client.",
        "upload_lost": "The bytes of this upload are gone; begin it anew.",
    },
}
_BODY: Refusals = {
    413: {
        "file_too_large": "The file has 30,000,000 bytes; the plan Basic allows 20,971,520.",
        "quota_exceeded": "9,000 bytes more do not fit: the plan Basic stores 5,000, and 10 are used.",
        "upload_too_long": "The upload has 100 bytes by its own length; this request goes to 120.",
    },
    415: {"unsupported_media_type": "Send the bytes with `Content-Type: application/offset+octet-stream`."},
    422: {"unsupported_format": "This is not a picture we can read.", "undecodable": "It can't be read."},
    tus.CHECKSUM_MISMATCH: {"checksum_mismatch": "The bytes of this request have another checksum."},
    507: {"storage_full": "The storage is full; nothing was taken in."},
}

describe(
    batches.BatchesView,
    post=operation(
        "resumable uploads",
        "Open a batch",
        {201: "OpenBatch"},
        description="Uploads whose metadata name it as `batch` join its job, until it is closed: by its "
        "client, or after the plan's `upload_hours`. Until then the job's `total` counts the open end as "
        "one more.",
        request={"type": "object", "properties": {"webhook_url": WEBHOOK}},
        example={"webhook_url": "https://example.com/hook"},
    ),
)
describe(
    batches.CloseView,
    post=operation(
        "resumable uploads",
        "Say that no more come",
        {202: "Job"},
        refusals=NO_JOB | {409: {"not_a_batch": "This job was never an open batch."}},
    ),
)
describe(
    resumable.UploadsView,
    post=operation(
        "resumable uploads",
        "Begin an upload that may be continued",
        {201: None, 202: "Initiated"},
        description="By tus 1.0.0 or by the IETF draft. `Location` is the upload; the first bytes may come "
        "along. 202: by the draft, where the whole file came.",
        binary=(tus.MEDIA_TYPE, draft.MEDIA_TYPE, "image/*"),
        parameters=[
            _VERSION,
            _header("Upload-Length", _BYTES, "Bytes of the whole file."),
            _header("Upload-Defer-Length", {"enum": ["1"]}, "tus: instead, where it is not known yet."),
            _header(
                "Upload-Metadata",
                {"type": "string"},
                "tus: `filename`, `filetype`, `webhook_url`, `batch`, each with its value in base64.",
            ),
            _header("Upload-Concat", {"type": "string"}, "tus: `partial`, or `final;` with addresses."),
            _CHECKSUM,
            _COMPLETE,
            _DRAFT_VERSION,
            _CONTENT_DIGEST,
            _header("Repr-Digest", {"type": "string"}, "draft: `sha-256=:base64:` of the whole file."),
            _header("Content-Disposition", {"type": "string"}, "draft: `filename` is the file's name."),
            IDEMPOTENCY,
            _LOCATION,
            *_answered(201, 202),
        ],
        refusals=_WRONG_VERSION
        | _BODY
        | {
            400: {
                "invalid_upload_length": "Upload-Length is a whole number of bytes, 0 or more.",
                "invalid_metadata": "Upload-Metadata is a list of `key base64` pairs.",
                "digest_mismatch": "The bytes of this request have another digest; none of them was kept.",
                "empty_file": "The file is empty.",
            },
            422: _BODY[422] | {"idempotency_key_reused": "This Idempotency-Key came before."},
            429: {"too_many_uploads": "An account may have 5,000 unfinished uploads at once."},
        },
    ),
)
describe(
    resumable.UploadView,
    patch=operation(
        "resumable uploads",
        "Send on from an offset",
        {204: None, 202: "Initiated"},
        description="All up to the answer's `Upload-Offset` is on the disk. The last answer names the job "
        "(`Content-Location`) and the image (`X-Image-Id`); by the draft it is 202. HEAD tells where an "
        "upload stands.",
        binary=(tus.MEDIA_TYPE, draft.MEDIA_TYPE),
        parameters=[
            _VERSION,
            _header("Upload-Offset", _BYTES, "Where the body begins: as HEAD tells it."),
            _header("Upload-Length", _BYTES, "Once, where it was not known at first."),
            _CHECKSUM,
            _COMPLETE,
            _DRAFT_VERSION,
            _CONTENT_DIGEST,
            _told("Location", {"type": "string"}, "By the draft: the job.", 202),
            *_answered(204, 202),
        ],
        refusals=_WRONG_VERSION
        | _GONE
        | _BODY
        | {
            400: {
                "invalid_upload_offset": "Upload-Offset is a whole number of bytes, 0 or more.",
                "inconsistent_length": "The upload's length was 100 bytes before; this request says 90.",
                "invalid_upload_complete": "Upload-Complete is ?1 where the body has the end, else ?0.",
                "digest_mismatch": "The bytes of this request have another digest; none of them was kept.",
                "unknown_checksum_algorithm": "The algorithms are sha1 and sha256, not `md5`.",
                "empty_file": "The file is empty.",
            },
            403: {"upload_is_final": "An upload put together from others takes no bytes itself."},
            409: {"offset_mismatch": "The upload stands at 100 bytes; this request begins at 90."},
            423: {"upload_locked": "Another request is writing to this upload."},
        },
    ),
    delete=operation(
        "resumable uploads",
        "End an upload",
        {204: None},
        description="What it has become already, an image, stays.",
        parameters=[_VERSION],
        refusals=_WRONG_VERSION | _GONE,
    ),
)
