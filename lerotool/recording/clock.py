"""The clock of a recording, replaceable so that the loop can be tested without time passing."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A clock that never jumps, and waiting on it."""

    def monotonic_ns(self) -> int:
        """Return the time in nanoseconds since an arbitrary start."""

    def sleep_until(self, deadline_ns: int) -> int:
        """Wait until the deadline, not at all if it has passed, and return the time then."""


class SystemClock:
    """The machine's own clock, the one that cameras and robots stamp with.

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
