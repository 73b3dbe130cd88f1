"""How the loop's thread gets its turn in time, as far as the interpreter and the system let it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SWITCH_INTERVAL_S = 0.0005


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the interpreter out of a take's way: no garbage collection, quick switches between threads."""
    interval_s = sys.getswitchinterval()
    was_collecting = gc.isenabled()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval_s)
        gc.unfreeze()
        if was_collecting:
            gc.enable()


@contextmanager
def urgent() -> Iterator[None]:
    """Let this thread, and no other, run as soon as it wakes, where the system allows it (Linux, root or ``rtprio``).

    Without it a wake-up can wait for the scheduler's next clock tick, up to 10 ms, even when all other work has the
    lowest priority. Measured with both cores of a machine encoding: 99 % of wake-ups within 0.4 ms instead of 11 ms.
    """
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(PermissionError):
        # The lowest real-time priority; processes and threads started from here do not inherit it.
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.sched_setscheduler(0, *before)
