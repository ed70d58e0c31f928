"""The names of Twisted and daphne that the server uses although they promise nothing about them.

Both are pinned in requirements.txt. Another version may have renamed one, and the server would then fail at
some request, not at its start: so `check` looks for all of them when the server starts.
"""

from __future__ import annotations

import daphne.server  # isort: skip  (it installs the reactor, so it comes before all of Twisted)

from importlib.metadata import version
from typing import Any

from daphne.http_protocol import WebRequest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.abstract import FileDescriptor
from twisted.web.http import HTTPChannel

# Attributes of classes and modules: overridden, called, or read.
ATTRIBUTES: dict[Any, tuple[str, ...]] = {
    HTTPChannel: (
        "_send100Continue",
        "_respondToBadRequestAndDisconnect",
        "_receivedHeaderSize",
        "_receivedHeaderCount",
    ),
    FileDescriptor: ("dataBuffer", "offset"),
    daphne.server: ("HTTPFactory", "WebSocketFactory", "reactor"),
    daphne.server.Server: (
        "create_application",
        "handle_reply",
        "kill_all_applications",
        "listen_error",
        "protocol_disconnected",
    ),
    WebRequest: ("process", "handle_reply", "basic_error", "send_disconnect"),
    WebSocketProtocol: ("serverClose", "muted"),
}
# What instances have: by the function that sets it.
SET_IN: dict[Any, tuple[str, ...]] = {
    HTTPChannel.lineReceived: ("_command", "_path", "_version"),
    WebRequest.__init__: ("_response_started", "application_queue"),
    FileDescriptor.__init__: ("_tempDataLen",),
    daphne.server.Server.__init__: ("application",),
    daphne.server.Server.run: ("connections",),
}


class ServerChanged(RuntimeError):
    """This Twisted or daphne is not the one the server was made for."""


def request_line(channel: Any) -> tuple[bytes, bytes, bytes]:
    """Method, target and version of the request whose headers have just been read."""
    return channel._command, channel._path, channel._version


def check() -> None:
    """Raises ServerChanged, in a sentence with what is missing."""
    missing = [f"{owner.__name__}.{name}" for owner, name in _each(ATTRIBUTES) if not hasattr(owner, name)]
    missing += [
        f"{where.__qualname__}: {name}"
        for where, name in _each(SET_IN)
        if name not in where.__code__.co_names
    ]
    if missing:
        raise ServerChanged(
            f"Twisted {version('twisted')} and daphne {version('daphne')} have no {', '.join(missing)}; "
            "install what requirements.txt says."
        )


def _each(names: dict[Any, tuple[str, ...]]) -> list[tuple[Any, str]]:
    return [(owner, name) for owner, of_it in names.items() for name in of_it]
