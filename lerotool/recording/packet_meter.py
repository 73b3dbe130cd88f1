"""Between a camera's thread and the spool: counts what arrives."""

from __future__ import annotations

from lerotool.devices.cameras.camera import PacketWriterLike
from lerotool.recording.episode_report import PacketTimes


class PacketMeter:
    """Passes packets on, if there is a writer, and counts them. Called by one camera's thread, read by others."""

    def __init__(self, writer: PacketWriterLike | None = None) -> None:
        self._writer = writer
        self._captured_ns: list[int] = []
        self.bytes = 0

    def append(self, packet: bytes, captured_ns: int, keyframe: bool = True) -> int:
        """Pass a packet on, count it and return its number."""
        number = len(self._captured_ns)
        if self._writer is not None:
            number = self._writer.append(packet, captured_ns, keyframe)
        self._captured_ns.append(captured_ns)
        self.bytes += len(packet)
        return number

    @property
    def count(self) -> int:
        """Packets counted."""
        return len(self._captured_ns)

    @property
    def times(self) -> PacketTimes:
        """When the packets arrived, and their bytes."""
        return PacketTimes(tuple(self._captured_ns), self.bytes)

    def rate_hz(self, newest: int = 30) -> float:
        """Return the packets per second over the newest few."""
        recent = self._captured_ns[-newest:]
        if len(recent) < 2 or recent[-1] <= recent[0]:
            return 0.0
        return (len(recent) - 1) * 1e9 / (recent[-1] - recent[0])

    def bytes_per_second(self, nominal_hz: float) -> float:
        """Return the measured data rate; with fewer than two packets that of the nominal rate."""
        count, times = self.count, self._captured_ns
        if count == 0:
            return 0.0
        has_rate = count > 1 and times[-1] > times[0]
        rate_hz = (count - 1) * 1e9 / (times[-1] - times[0]) if has_rate else nominal_hz
        return self.bytes / count * rate_hz
