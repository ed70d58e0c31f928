"""What is not worth a line in the log."""

from __future__ import annotations

import logging


def is_news(record: logging.LogRecord) -> bool:
    """False for a readiness probe's 503: who asks reads the answer, again every second."""
    return "/healthz/ready" not in record.getMessage()
