"""How the loop's thread gets its turn in time.

Not by real-time priority: a real-time thread that is kept from running by one of a higher priority, as some encoders
start them, may hold the interpreter's lock, and the whole process stands still.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
