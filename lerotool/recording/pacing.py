"""When ticks are due, the clock they go by, and how the loop's thread gets its turn in time."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

NANOSECONDS = 1_000_000_000
SWITCH_INTERVAL_S = 0.0005


class Clock:
    """The machine's own clock, which never jumps and which cameras and robots stamp with.

    Waiting sleeps and never spins. On Linux and macOS it ends about 0.1 ms after the deadline. On Windows Python's
    sleep uses a high-resolution timer (about 0.5 ms), but before Python 3.13 ``monotonic_ns`` itself counts in steps
    of 15.6 ms there.
    """

    def monotonic_ns(self) -> int:
        """Return the time in nanoseconds since an arbitrary start."""
        return time.monotonic_ns()

    def sleep_until(self, deadline_ns: int) -> int:
        """Wait until the deadline, not at all if it has passed, and return the time then."""
        while (now_ns := time.monotonic_ns()) < deadline_ns:
            time.sleep((deadline_ns - now_ns) / 1e9)
        return now_ns


@dataclass(frozen=True, slots=True)
class Schedule:
    """Tick k is due at ``start_ns + k / fps``, rounded down to the nanosecond, exactly."""

    start_ns: int  # when tick 0 is due
    fps: Fraction  # ticks per second

    def due_ns(self, tick: int) -> int:
        """Return when a tick is due."""
        return self.start_ns + tick * NANOSECONDS * self.fps.denominator // self.fps.numerator

    def tick_at(self, now_ns: int) -> int:
        """Return the newest tick that is due at ``now_ns``, -1 before the first."""
        since = now_ns - self.start_ns + 1
        return max(-1, (since * self.fps.numerator - 1) // (NANOSECONDS * self.fps.denominator))


def ticks_in(seconds: float, fps: Fraction) -> int:
    """Return how many ticks a phase of that length has: at least one, unless it has no length."""
    if seconds <= 0:
        return 0
    return max(1, round(Fraction(seconds) * fps))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the interpreter out of a take's way: no garbage collection, quick switches between threads.

    Not by real-time priority: a real-time thread that one of a higher priority keeps from running, as some encoders
    start them, may hold the interpreter's lock, and the whole process stands still.
    """
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
