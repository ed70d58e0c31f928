"""`python -m processing.imaging.canvas.one_step < before.png > after.png`: one step of the ping-pong.

What happened goes to standard error, in JSON: `{"is_changed", "progression"}` or `{"code", "detail"}`.
"""

from __future__ import annotations

import json
import resource
import sys

import numpy as np

from processing.imaging.canvas.pingpong import one_more_between
from processing.imaging.errors import ImageFailed

_MOST_BYTES = 2 * 1024**3


def main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    try:
        step = one_more_between(sys.stdin.buffer, sys.stdout.buffer, np.random.default_rng())
        sys.stdout.buffer.flush()
        said: dict[str, object] = {"is_changed": step.is_changed, "progression": step.progression}
    except ImageFailed as error:
        said = {"code": error.code, "detail": error.detail}
    sys.stderr.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
