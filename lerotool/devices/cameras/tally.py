"""What is counted of a camera's packets during a take."""

from __future__ import annotations

from dataclasses import dataclass

from lerotool.devices.cameras.sources import StreamPacket


@dataclass(frozen=True, slots=True)
class CameraStatistics:
    """Of one take.

    Attributes:
        packets: pictures appended.
        rate: measured pictures a second; None below two pictures.
        largest_gap_ns: longest time from one picture's capture to the next, or to now or the end of the take.
        empty: packets of size 0, from damaged transfers; not appended.
        cut: JPEGs without an end; not appended.
        repeats: pictures that are the same as the one before, as a frozen camera sends them; appended.
        frozen: how often the same picture came for so long that the camera was found frozen.
        unreachable: H.264 packets that depend on missing ones; not appended.
    """

    packets: int
    rate: float | None
    largest_gap_ns: int
    empty: int
    cut: int
    repeats: int
    frozen: int = 0
    unreachable: int = 0


class Tally:
    """Counts packets; one thread counts while another looks."""

    def __init__(self) -> None:
        self.empty = 0
        self.cut = 0
        self.frozen = 0
        self.unreachable = 0
        self._packets = 0
        self._repeats = 0
        self._first_ns = 0
        self._last_ns = 0
        self._largest_gap_ns = 0
        self._finished_ns: int | None = None

    def count(self, packet: StreamPacket, *, is_repeat: bool) -> None:
        """Count an appended packet."""
        self._repeats += is_repeat
        if self._packets:
            self._largest_gap_ns = max(self._largest_gap_ns, packet.captured_ns - self._last_ns)
        else:
            self._first_ns = packet.captured_ns
        self._last_ns = packet.captured_ns
        self._packets += 1

    def finish(self, now: int) -> None:
        """The take has ended: the time since the last picture is a gap that grows no longer."""
        self._finished_ns = now

    def snapshot(self, now: int) -> CameraStatistics:
        """Return the counts at a time of the monotonic clock."""
        until = now if self._finished_ns is None else self._finished_ns
        packets, span = self._packets, self._last_ns - self._first_ns
        return CameraStatistics(
            packets=packets,
            rate=(packets - 1) * 1e9 / span if packets > 1 and span > 0 else None,
            largest_gap_ns=max(self._largest_gap_ns, until - self._last_ns) if packets else 0,
            empty=self.empty,
            cut=self.cut,
            repeats=self._repeats,
            frozen=self.frozen,
            unreachable=self.unreachable,
        )
