"""What an upload can be refused for, each with its status and its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from processing.accounts.models import Plan
    from processing.models import ResumableUpload

# Of the IANA registry "HTTP Problem Types", as draft-ietf-httpbis-resumable-upload registers them.
_TYPES = "https://iana.org/assignments/http-problem-types#"


class Outcome(Refused):
    """What became of a file that is all there: it is nothing that can be taken in."""


def file_too_large(length: int, plan: Plan) -> Refused:
    return Refused(
        413,
        "file_too_large",
        f"The file has {length:,} bytes; the plan {plan.name} allows {plan.max_file_bytes:,}.",
        limit=plan.max_file_bytes,
        actual=length,
        plan=plan.name,
    )


def over_quota(used: int, more: int, plan: Plan) -> Refused:
    limit = plan.storage_quota_bytes
    return Refused(
        413,
        "quota_exceeded",
        f"{more:,} bytes more do not fit: the plan {plan.name} stores {limit:,}, and {used:,} are used.",
        limit=limit,
        actual=used + more,
        plan=plan.name,
    )


def too_many(limit: int, actual: int, plan: Plan) -> Refused:
    return Refused(
        429,
        "too_many_uploads",
        f"An account may have {limit:,} unfinished uploads at once; end some first.",
        retry_after=60,
        limit=limit,
        actual=actual,
        plan=plan.name,
    )


def too_long(length: int, end: int) -> Refused:
    return Refused(
        413,
        "upload_too_long",
        f"The upload has {length:,} bytes by its own length; this request goes to {end:,}.",
        limit=length,
        actual=end,
    )


def inconsistent_length(known: int, told: int) -> Refused:
    detail = f"The upload's length was {known:,} bytes before; this request says {told:,}."
    return Refused(400, "inconsistent_length", detail, type=f"{_TYPES}inconsistent-upload-length")


def mismatching_offset(expected: int, provided: int) -> Refused:
    members: dict[str, Any] = {
        "type": f"{_TYPES}mismatching-upload-offset",
        "expected-offset": expected,
        "provided-offset": provided,
    }
    detail = f"The upload stands at {expected:,} bytes; this request begins at {provided:,}."
    return Refused(409, "offset_mismatch", detail, **members)


def locked() -> Refused:
    detail = "Another request is writing to this upload; try again when it has ended."
    return Refused(423, "upload_locked", detail, retry_after=1)


def lost(upload: ResumableUpload) -> Refused:
    detail = f"Another request took this upload over at {upload.offset:,} bytes."
    return Refused(423, "upload_locked", detail, retry_after=1)


def not_found() -> Refused:
    return Refused(404, "not_found", "There is no such upload.")


def terminated() -> Refused:
    return Refused(410, "upload_terminated", "This upload was ended by its client.")


def expired() -> Refused:
    return Refused(410, "upload_expired", "This upload was not finished in time, and is gone.")


def bytes_lost() -> Refused:
    return Refused(410, "upload_lost", "The bytes of this upload are gone; begin it anew.")


def final() -> Refused:
    return Refused(403, "upload_is_final", "An upload put together from others takes no bytes itself.")


def kept(refusal: Refused) -> dict[str, Any]:
    """A refusal as the row keeps it."""
    said = {"status": refusal.status_code, "code": refusal.code, "detail": str(refusal.detail)}
    return {**said, **refusal.members}


def again(upload: ResumableUpload) -> Refused:
    """The answer that a refused upload had, for each request that comes after."""
    kind = Refused if upload.refusal["status"] == 410 else Outcome
    return kind(**upload.refusal)
