"""A time limit around one image's pixels."""

from __future__ import annotations

import faulthandler
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from processing.imaging import ImageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator


_STDERR = 2  # the descriptor: a worker may have put something else in place of sys.stderr


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises ImageFailed("timeout") inside the block after `seconds`; main thread only.

    A signal reaches Python only between two of its instructions. Code that never comes back from C is ended
    with its whole process, two seconds later, by a watchdog that needs no Python: the pool starts another
    process, and the lease brings the image back, counted.
    """

    def give_up(_signal: int, _frame: Any) -> None:
        raise ImageFailed("timeout", f"Its pixels took longer than {seconds:g} s.", permanent=True)

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + 2, exit=True, file=_STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
