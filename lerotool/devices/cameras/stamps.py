"""When a picture was taken: by the driver's time stamp where that is on our clock, else when the packet arrived."""

from __future__ import annotations

from fractions import Fraction

_OLDEST_NS = 2_000_000_000
"""uvcvideo queues at most 32 pictures; one second's worth at 30 Hz may wait when a camera has just been opened."""
_NEWEST_NS = 5_000_000
_LOST_NS = 60_000_000_000


class Stamper:
    """Stamps the packets of one stream.

    Video4Linux stamps with CLOCK_MONOTONIC, which is ``time.monotonic``; other systems with clocks of their own, and
    demuxers of files and networks with made-up counters. Whether stamps are on our clock is decided once, by the first
    packet: clocks must not be mixed within a stream.
    """

    def __init__(self) -> None:
        self._is_ours: bool | None = None

    def stamp(self, pts: int | None, time_base: Fraction | None, arrived_ns: int) -> int:
        """Return the capture time of a packet, monotonic nanoseconds, never after its arrival.

        Args:
            pts: the packet's time stamp, or None.
            time_base: seconds per unit of ``pts``.
            arrived_ns: monotonic clock.
        """
        if pts is None or time_base is None:
            return arrived_ns
        stamp_ns = int(pts * time_base * 1_000_000_000)
        age_ns = arrived_ns - stamp_ns
        if self._is_ours is None:
            self._is_ours = -_NEWEST_NS <= age_ns <= _OLDEST_NS
        # A driver may still send a single stamp that is nonsense.
        is_sane = -_NEWEST_NS <= age_ns <= _LOST_NS
        return min(stamp_ns, arrived_ns) if self._is_ours and is_sane else arrived_ns
