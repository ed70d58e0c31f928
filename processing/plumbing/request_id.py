"""Whose request a log line belongs to."""

from __future__ import annotations

from contextvars import ContextVar

# Set by the web server for a request, by a worker for each image to that of the request it came with.
request_id: ContextVar[str] = ContextVar("request_id", default="")
