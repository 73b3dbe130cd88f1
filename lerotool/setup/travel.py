"""How far a joint is moved by hand, followed through the seam of its encoder.

The encoder counts 0 to 4095 and starts again, and the seam may lie anywhere in a joint's travel. Between two readings
a joint moves less than half a turn, so the shorter way round is the way it took; the sum of these ways is a position
without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass

RESOLUTION = 4096
"""Steps of a full turn."""
CLEAR_STEP = RESOLUTION // 4
"""The most that a joint may move from one reading to the next; farther, and the way round might be the other one."""


@dataclass(frozen=True, slots=True)
class Travel:
    """Where a joint was, in encoder steps without a seam: 4100 is step 4 of the next turn.

    Attributes:
        start: where it was first; the straight pose of a joint that turns fully.
        lowest: the lower end; any integer.
        highest: the upper end, not below ``lowest``.
        now: the newest position, between the two.
        jumps: how often it moved too far between two readings to tell which way.
    """

    start: int
    lowest: int
    highest: int
    now: int
    jumps: int = 0

    @property
    def steps(self) -> int:
        """From end to end."""
        return self.highest - self.lowest

    @property
    def degrees(self) -> float:
        """From end to end."""
        return to_degrees(self.steps)

    def moved_to(self, encoder: int) -> Travel:
        """Return the travel with one more reading.

        Args:
            encoder: the position as the encoder gives it, without homing offset; counted modulo 4096.
        """
        step = (encoder - self.now + RESOLUTION // 2) % RESOLUTION - RESOLUTION // 2
        now = self.now + step
        jumps = self.jumps + (abs(step) > CLEAR_STEP)
        return Travel(self.start, min(self.lowest, now), max(self.highest, now), now, jumps)


def begin_travel(encoder: int) -> Travel:
    """Return the travel of a joint that has been read once."""
    start = encoder % RESOLUTION
    return Travel(start, start, start, start)


def to_degrees(steps: int) -> float:
    """Return an angle in degrees."""
    return steps * 360 / RESOLUTION
