"""The few structured fields (RFC 9651) that resumable uploads need; one of another type is as if absent."""

from __future__ import annotations

import base64
import binascii
import re

# An item, then parameters, which nobody here asks for: `?1;a=1`, `12;b`.
_PARAMETERS = r'(?: *; *[a-z*][a-z0-9_.*-]*(?:=(?:"[^"]*"|[^;,"]*))?)*'
_INTEGER = re.compile(rf" *(-?[0-9]{{1,15}}){_PARAMETERS} *", re.ASCII)
_BOOLEAN = re.compile(rf" *\?([01]){_PARAMETERS} *", re.ASCII)
_BYTES = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):", re.ASCII)


def integer(text: str | None) -> int | None:
    """A non-negative whole number."""
    match = _INTEGER.fullmatch(text or "")
    return int(match[1]) if match and int(match[1]) >= 0 else None


def boolean(text: str | None) -> bool | None:
    match = _BOOLEAN.fullmatch(text or "")
    return match[1] == "1" if match else None


def digests(text: str | None) -> dict[str, bytes]:
    """`sha-256=:...:, sha-512=:...:` (RFC 9530) by algorithm; empty where it is not such a list."""
    found: dict[str, bytes] = {}
    for member in (text or "").split(",") if text else ():
        match = _BYTES.match(member.strip())
        try:
            if match:
                found[match[1]] = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            continue
    return found
