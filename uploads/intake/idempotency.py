"""A request sent again with the same Idempotency-Key gets the first one's answer.

After draft-ietf-httpapi-idempotency-key-header-07. The key is written in the transaction that writes what the
request did: a server killed in between leaves neither.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError
from django.utils import timezone

from uploads.intake.refusals import Refused
from uploads.models import IdempotencyKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rest_framework.request import Request

    from processing.models import Job
    from uploads.intake.receiving import Received

LIFETIME = timedelta(hours=24)
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')


def key_of(request: Request) -> str | None:
    """The header's key, with or without the draft's quotes. Raises Refused for one that is none."""
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    match = _KEY.fullmatch(header.strip())
    if not match:
        raise Refused(
            400,
            "invalid_idempotency_key",
            "An Idempotency-Key is 1 to 255 visible ASCII characters.",
            attr="Idempotency-Key",
        )
    return match[1]


def fingerprint(received: Sequence[Received], *others: Any) -> str:
    """What the request asks for, whatever boundary its body had."""
    content = [[[file.name, file.checksum, file.size] for file in received], *others]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


class Once:
    """One keyed request: look for an earlier one with `earlier`, else do the work with `keep` inside it."""

    def __init__(self, owner_id: int | None, route: str, key: str, fingerprint: str) -> None:
        self._row = {"owner_id": owner_id, "route": route, "key": key}
        self._fingerprint = fingerprint

    def earlier(self) -> IdempotencyKey | None:
        """The kept answer; raises Refused where the key came with another payload."""
        since = timezone.now() - LIFETIME
        kept = IdempotencyKey.objects.filter(**self._row, created_at__gt=since).select_related("job").first()
        if kept and kept.fingerprint != self._fingerprint:
            raise Refused(
                422,
                "idempotency_key_reused",
                "This Idempotency-Key came before with another payload; take a new one for each request.",
                attr="Idempotency-Key",
            )
        return kept

    def keep(self, job: Job | None, status: int, answer: Any) -> None:
        """Writes the answer. A same request that was quicker is waited for, then IntegrityError raised."""
        IdempotencyKey.objects.filter(**self._row, created_at__lte=timezone.now() - LIFETIME).delete()
        IdempotencyKey.objects.create(
            **self._row, fingerprint=self._fingerprint, job=job, status=status, answer=answer
        )

    def run(self, work: Callable[[], Any], replay: Callable[[IdempotencyKey], Any]) -> Any:
        """`work`, or `replay` where the same request was there before or got in first."""
        if kept := self.earlier():
            return replay(kept)
        try:
            return work()
        except IntegrityError:
            kept = self.earlier()
            if kept is None:
                raise
            return replay(kept)
