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

# So many times as long as its own time a picture may take where others use the processors.
PATIENCE = 5
_GRACE = 2


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises ImageFailed("timeout") inside the block after `seconds` of processor time; main thread only.

    A busy machine is not the picture's fault: by the clock it has PATIENCE times as long, and
    then another try.
    A signal reaches Python only between two of its instructions. Code that never comes back from C is ended
    with its whole process: by the kernel two seconds later where it computes, by a watchdog that needs no
    Python ten seconds later where it waits. The pool starts another process, and the image is tried again.
    """

    over = False

    def give_up(number: int, _frame: Any) -> None:
        nonlocal over
        if over:  # both may come at once: the second must not disturb the clearing up
            return
        over = True
        worked = number == signal.SIGPROF
        detail = (
            f"Its pixels took longer than {seconds:g} s." if worked else "The machine was too busy for it."
        )
        raise ImageFailed("timeout", detail, permanent=worked)

    before = {number: signal.signal(number, give_up) for number in (signal.SIGPROF, signal.SIGALRM)}
    # Its default ends the process. Not RLIMIT_CPU: that is absolute, and the kernel holds it against times
    # sampled by ticks, which wander off from the clock a long-lived process can read of itself.
    before[signal.SIGVTALRM] = signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds + _GRACE)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
    faulthandler.dump_traceback_later(PATIENCE * (seconds + _GRACE), exit=True, file=_STDERR)
    try:
        yield
    finally:
        over = True
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
