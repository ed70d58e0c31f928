"""tus' Upload-Metadata: what a client says of its file."""

from __future__ import annotations

import base64
import binascii
import re

from uploads.intake.refusals import Refused

_KEY = re.compile(r"[!-+\--~]+", re.ASCII)  # visible ASCII but the comma


def metadata(raw: str) -> dict[str, str]:
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
