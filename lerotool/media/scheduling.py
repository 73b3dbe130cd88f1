"""Encoder threads keep the priority of who starts them.

SVT-AV1 asks for real-time priority (SCHED_FIFO, 99) whenever it runs as root, for its own threads and for the one that
opens it. That starves everything else on the machine, the recorder's cameras and servo bus first.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextlib.contextmanager
def kept_priority() -> Iterator[None]:
    """Undo what the block does to the scheduling of this thread; threads that it starts get the same."""
    if sys.platform != "linux" or not _THREADS.is_dir():
        yield
        return
    before = {thread.name for thread in _THREADS.iterdir()}
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)
        for started in {thread.name for thread in _THREADS.iterdir()} - before:
            # A thread that has ended meanwhile needs no priority.
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(int(started), policy, parameters)
