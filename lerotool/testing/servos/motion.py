"""How a hand moves a servo whose torque is off: its angle as a function of time."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol


class Motion(Protocol):
    """An encoder angle over time."""

    def at(self, now: float) -> float:
        """Return the angle in steps at a monotonic time in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Wave:
    """Back and forth around the middle."""

    phase: float
    amplitude: float = 600.0
    rate: float = 0.7

    def at(self, now: float) -> float:
        """Return the angle."""
        return 2048 + self.amplitude * math.sin(self.rate * now + self.phase)


@dataclass(frozen=True, slots=True)
class Ramp:
    """Ever onwards, turn after turn, so that a position tells when it was read."""

    origin: float
    rate: float

    def at(self, now: float) -> float:
        """Return the angle, 0 to 4096."""
        return ((now - self.origin) * self.rate) % 4096


@dataclass(frozen=True, slots=True)
class Path:
    """Straight from point to point; before the first and after the last it rests.

    Attributes:
        times: monotonic seconds, rising.
        angles: steps.
    """

    times: tuple[float, ...]
    angles: tuple[float, ...]

    def at(self, now: float) -> float:
        """Return the angle."""
        place = bisect_right(self.times, now)
        if place == 0:
            return self.angles[0]
        if place == len(self.times):
            return self.angles[-1]
        begin, end = self.times[place - 1], self.times[place]
        share = (now - begin) / (end - begin)
        return self.angles[place - 1] + share * (self.angles[place] - self.angles[place - 1])
