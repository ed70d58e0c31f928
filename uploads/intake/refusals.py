"""What we refuse, as a value that every layer can raise."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import APIException


class Refused(APIException):
    """A refusal with its own status and code; what else a client should know goes into the body as it is."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        attr: str | None = None,
        errors: list[dict[str, Any]] | None = None,
        retry_after: int | None = None,
        **members: Any,
    ) -> None:
        self.status_code = status
        self.code = code
        self.errors = errors if errors is not None else [{"code": code, "detail": detail, "attr": attr}]
        self.wait = retry_after
        self.members = members
        super().__init__(detail, code)
