"""Web addresses as strangers write them: which are none at all, and which may not be asked."""

from __future__ import annotations

import re
from typing import NoReturn

import httpx
import idna
from django.conf import settings

from processing.remote.network import FetchFailed, blocked, literal, refuse_private

# RFC 3986, appendix B, up to the path; the authority is parted below.
_PARTS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*):(?P<slashes>//)?(?P<authority>[^/?#]*)(?P<rest>.*)", re.I | re.S
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]*))?")
_NO_CHARACTER = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff\\]")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LONGEST_HOST = 253  # RFC 1035, section 2.3.4, without the dot at the end
# Real schemes that lead elsewhere: forbidden rather than mistyped.
_ELSEWHERE = {
    *("about", "blob", "data", "dict", "file", "ftp", "ftps", "gopher", "imap", "jar", "javascript", "ldap"),
    *("ldaps", "mailto", "netdoc", "phar", "php", "pop3", "rtsp", "s3", "scp", "sftp", "smb", "smtp", "ssh"),
    *("telnet", "tftp", "unix", "vbscript", "view-source", "ws", "wss"),
}


def checked_url(text: str) -> httpx.URL:
    """The address, where it is an http(s) one without credentials that names no private host outright.

    Looks nothing up. Raises FetchFailed: `invalid_address` for what is no web address, with the reason;
    `blocked_address` for what may not be asked.
    """
    parts = _PARTS.fullmatch(text)
    scheme = parts["scheme"].lower() if parts else ""
    if scheme in _ELSEWHERE:
        raise blocked()
    if not parts or scheme not in ("http", "https") or not parts["slashes"]:
        _invalid("it begins neither with http:// nor with https://")
    if "@" in parts["authority"]:
        raise blocked()
    if _NO_CHARACTER.search(text):
        _invalid("it holds a blank, a line end, a backslash or a control character")
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if not authority:
        _invalid("its host or its port is not written as one")
    host = _checked_host(authority["host"])
    port = f":{_checked_port(authority['port'])}" if authority["port"] else ""
    try:
        return httpx.URL(f"{scheme}://{host}{port}{parts['rest']}")
    except (httpx.InvalidURL, ValueError):
        _invalid("a part of it can't be read")


def _invalid(why: str) -> NoReturn:
    raise FetchFailed("invalid_address", f"This is not a web address: {why}.")


def _checked_port(port: str) -> int:
    if len(port) > 5 or not 0 < int(port) < 65_536:
        _invalid("its port is not one from 1 to 65535")
    return int(port)


def _checked_host(written: str) -> str:
    """The host in ASCII letters, as it is asked for."""
    if "%" in written and written.startswith("["):
        raise blocked()  # a zone of this machine's own network
    host = _in_ascii(written)
    bare = host.removesuffix(".")
    if not bare:
        _invalid("it names no host")
    spelled = literal(bare.strip("[]"))
    if spelled is not None:
        refuse_private([spelled])
    elif bare.endswith("localhost") and not settings.ALLOW_PRIVATE_URLS:
        raise blocked()
    else:
        _refuse_bad_name(bare)
    return host


def _in_ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        # As browsers do: full-width digits and ideographic stops are digits and stops.
        return idna.encode(host, uts46=True).decode()
    except UnicodeError:
        _invalid("its host is not a name that the Internet knows")


def _refuse_bad_name(name: str) -> None:
    labels = name.split(".")
    if len(name) > _LONGEST_HOST or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        _invalid("its host is not a name that the Internet knows")
    for label in labels:
        if label.startswith("xn--"):
            _refuse_bad_punycode(label)


def _refuse_bad_punycode(label: str) -> None:
    try:
        idna.decode(label)
    except UnicodeError:
        _invalid("its host is not a name that the Internet knows")
