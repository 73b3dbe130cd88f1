"""When ticks are due: an absolute grid, so that no delay adds up."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """Tick k is due at ``start_ns + k / fps``, rounded down to the nanosecond, exactly.

    Attributes:
        start_ns: when tick 0 is due.
        fps: ticks per second.
    """

    start_ns: int
    fps: Fraction

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
