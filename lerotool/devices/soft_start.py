"""The soft start of a follower, of whatever robot."""

from __future__ import annotations

from collections.abc import Sequence

PAUSE_NS = 1_000_000_000
_LONGEST_NS = 100_000_000
"""One step never makes up for more than this, however long it took to come."""


class SoftStart:
    """Limits the goals that are sent until the limited goal has caught up with the wanted one.

    From where a follower stands (``pose``) it goes slowly, at ``speed`` units per second, to where its leader has it,
    then follows at once. Joints move on their own, each at the same speed. The same holds after a pause in which nobody
    sent anything: by then the leader may be anywhere.
    """

    def __init__(self, speed: float, pose: Sequence[float]) -> None:
        self._speed = speed
        self._pose = list(pose)
        self._sent_ns: int | None = None
        self._is_aligned = False

    @property
    def is_aligned(self) -> bool:
        """Whether goals are let through as they are."""
        return self._is_aligned

    def limit(self, goal: Sequence[float], now_ns: int) -> list[float]:
        """Return what to send in place of a goal at a time (monotonic clock)."""
        elapsed_ns = 0 if self._sent_ns is None else now_ns - self._sent_ns
        if elapsed_ns > PAUSE_NS:
            self._is_aligned, elapsed_ns = False, 0
        self._sent_ns = now_ns
        if not self._is_aligned:
            most = self._speed * min(elapsed_ns, _LONGEST_NS) / 1e9
            limited = [_approach(here, there, most) for here, there in zip(self._pose, goal, strict=True)]
            self._is_aligned = limited == list(goal)
            goal = limited
        self._pose = list(goal)
        return self._pose


def _approach(here: float, there: float, most: float) -> float:
    return there if abs(there - here) <= most else here + min(most, max(-most, there - here))
