"""Paths of this service as the world asks for them, also where it is reached below /img."""

from __future__ import annotations

from django.conf import settings
from django.urls import get_script_prefix


def below_prefix(path: str) -> str:
    """`/api/...` below the prefix of the request at hand; where there is none, below FORCE_SCRIPT_NAME.

    What has the prefix already, or is on another host, stays as it is.
    """
    prefix = get_script_prefix().rstrip("/") or settings.FORCE_SCRIPT_NAME or ""
    is_ours = path.startswith("/") and not path.startswith(f"{prefix}/")
    return f"{prefix}{path}" if prefix and is_ours else path
