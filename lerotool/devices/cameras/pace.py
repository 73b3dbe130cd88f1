"""A camera's own clock, for sources that have none: packets are due on an absolute grid with a little jitter."""

from __future__ import annotations

import time
from threading import Event

import numpy as np

_GIVE_UP_NS = 1_000_000_000


class Pace:
    """Waits until the next picture is due. Not for sharing between threads.

    A reader that was held up gets the pictures that were due meanwhile at once, oldest first, as a driver's queue would
    hand them out; beyond one second they are taken as not exposed and the grid starts anew.
    """

    def __init__(self, fps: float, stop: Event, *, jitter_s: float = 0.0, seed: int = 0) -> None:
        self._period_ns = 1e9 / fps
        self._stop = stop
        spread = round(min(jitter_s * 1e9, self._period_ns / 4))
        self._jitter_ns: list[int] = np.random.default_rng(seed).integers(-spread, spread, 256, endpoint=True).tolist()
        self._start_ns = 0
        self._count = 0

    def wait(self) -> int | None:
        """Wait for the next picture; return its capture time, monotonic ns, never in the future; None when stopped."""
        now = time.monotonic_ns()
        if self._count == 0:
            self._start_ns = now
        grid = self._start_ns + round(self._count * self._period_ns)
        if now - grid > _GIVE_UP_NS:
            self._start_ns, self._count, grid = now, 0, now
        due = grid + self._jitter_ns[self._count % len(self._jitter_ns)]
        self._count += 1
        while (left := due - time.monotonic_ns()) > 0:
            if self._stop.wait(left / 1e9):
                return None
        return None if self._stop.is_set() else due
