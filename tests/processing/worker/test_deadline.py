"""The time limit of one picture counts what the picture costs, not how busy the machine is."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from processing.imaging import ImageFailed
from processing.worker import deadline as limits
from processing.worker.deadline import deadline


def work_for_ever() -> None:
    while True:
        pass


def test_work_beyond_the_limit_is_given_up_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    # However busy the machine is: by the clock it may take as long as it likes here.
    monkeypatch.setattr(limits, "PATIENCE", 1000)
    with pytest.raises(ImageFailed) as caught, deadline(0.2):
        work_for_ever()
    assert (caught.value.code, caught.value.permanent) == ("timeout", True)


def test_waiting_longer_than_the_limit_is_no_fault() -> None:
    with deadline(0.2):
        time.sleep(0.5)


def test_who_waits_for_ever_gets_another_try() -> None:
    with pytest.raises(ImageFailed) as caught, deadline(0.1):
        time.sleep(60)
    assert (caught.value.code, caught.value.permanent) == ("timeout", False)


def test_nothing_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGPROF), signal.getsignal(signal.SIGALRM)
    with deadline(5):
        assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] > 5
    assert (signal.getsignal(signal.SIGPROF), signal.getsignal(signal.SIGALRM)) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getitimer(signal.ITIMER_REAL) == signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


COMPUTES = "sum(range(10**15))"
WAITS = """
import ctypes
mutex = ctypes.create_string_buffer(64)
lock = ctypes.PyDLL(None).pthread_mutex_lock
lock(mutex)
lock(mutex)
"""


@pytest.mark.parametrize("code", [COMPUTES, WAITS], ids=["computes", "waits"])
def test_code_that_never_comes_back_loses_its_process(code: str) -> None:
    program = f"from processing.worker.deadline import deadline\nwith deadline(0.2):\n exec({code!r})"
    ended = subprocess.run([sys.executable, "-c", program], timeout=120, capture_output=True, check=False)
    assert ended.returncode in (1, -signal.SIGVTALRM)
