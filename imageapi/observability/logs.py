"""Log lines as `key=value` pairs, or as JSON: what happened, with the ids of request, job and image."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from processing.plumbing.request_id import request_id

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# What follows opens a file without a login: whoever may read a log need not be allowed to see the pictures.
_SECRET = re.compile(r"((?:links|media|renditions|originals)/)[A-Za-z0-9_:.%=~+/-]+")
_NOT_OURS = frozenset({"request", "status_code", "data", "server_time"})  # Django's and Celery's own extras


def is_news(record: logging.LogRecord) -> bool:
    """False for a readiness probe's 503: who asks reads the answer, again every second."""
    return "/healthz/ready" not in record.getMessage()


class KeyValue(logging.Formatter):
    """`time=… level=info logger=… event="image" request=… image=…` (logfmt), a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        line = " ".join(f"{key}={_quoted(str(value))}" for key, value in _fields(record).items())
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return without_secrets(line)


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(fields, default=str, ensure_ascii=False))


def without_secrets(text: str) -> str:
    """The text with `-` in place of links' tokens and the names of stored files."""
    return _SECRET.sub(r"\1-", text)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields: dict[str, Any] = {
        "time": when.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": record.getMessage(),
    }
    if request_id.get():
        fields["request"] = request_id.get()
    extra = {key: value for key, value in vars(record).items() if key not in _KNOWN and key not in _NOT_OURS}
    return fields | extra


def _quoted(text: str) -> str:
    """As it is where that is unambiguous; else quoted, so that no value can pass for another line or key."""
    if text and text.isprintable() and not set(text) & set(' "=\\'):
        return text
    return json.dumps(text, ensure_ascii=False)
