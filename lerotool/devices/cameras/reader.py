"""What the reader thread finds out about packets: when they were taken, which can be used, which repeat, how many."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction

from lerotool.devices.cameras.jpeg import is_whole_jpeg, read_jpeg_size
from lerotool.devices.cameras.sources import StreamPacket
from lerotool.devices.cameras.spec import LONGEST_SIDE
from lerotool.media.format import StreamCodec

_OLDEST_NS = 2_000_000_000
"""uvcvideo queues at most 32 pictures; one second's worth at 30 Hz may wait when a camera has just been opened."""
_NEWEST_NS = 5_000_000
_LOST_NS = 60_000_000_000
_GROUP_BYTES = 64 << 20
_START_OF_SCAN = b"\xff\xda"


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

        ``time_base`` is seconds per unit of ``pts``.
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


class Verdict(Enum):
    """What a packet is worth."""

    GOOD = auto()
    EMPTY = auto()
    """A damaged transfer."""
    CUT = auto()
    """A JPEG that does not begin or end as one, has no frame header, or claims to be larger than a picture can be."""
    UNREACHABLE = auto()
    """It depends on packets that are not there: before the first keyframe, or after a damaged packet."""


class Inspector:
    """Looks at the packets of one stream in their order, and keeps those that the newest one needs.

    At most ``group_bytes`` are kept; a stream whose keyframes lie further apart cannot begin a take.
    """

    def __init__(self, codec: StreamCodec, group_bytes: int = _GROUP_BYTES) -> None:
        self._codec = codec
        self._is_broken = codec is StreamCodec.H264
        self._group: list[StreamPacket] = []
        self._left = self._group_bytes = group_bytes

    def inspect(self, packet: StreamPacket) -> Verdict:
        """Return what a packet is worth and keep a good one."""
        verdict = self._judge(packet)
        if verdict is Verdict.GOOD:
            self._keep(packet)
        elif self._codec is StreamCodec.H264:
            self._is_broken = True
        return verdict

    @property
    def group(self) -> tuple[StreamPacket, ...]:
        """The newest good packet, last, and all before it that it depends on; empty if those are too many to keep."""
        return tuple(self._group)

    def _judge(self, packet: StreamPacket) -> Verdict:
        if not packet.data:
            return Verdict.EMPTY
        if self._codec is StreamCodec.MJPEG:
            size = read_jpeg_size(packet.data) if is_whole_jpeg(packet.data) else None
            if size is None or max(size) > LONGEST_SIDE:
                return Verdict.CUT
        if self._is_broken and not packet.keyframe:
            return Verdict.UNREACHABLE
        return Verdict.GOOD

    def _keep(self, packet: StreamPacket) -> None:
        self._is_broken = False
        size = len(packet.data)
        if packet.keyframe:
            # A new list: another thread may be copying the old one.
            self._group, self._left = [packet], self._group_bytes - size
        elif self._group and size <= self._left:
            self._group.append(packet)
            self._left -= size
        else:
            self._group = []


def is_same_picture(one: bytes, other: bytes) -> bool:
    """Whether two packets, each a picture of its own, are the same picture.

    JPEGs may differ in what stands before the picture itself: some cameras write the time there.
    """
    if one == other:
        return True
    begins = one.find(_START_OF_SCAN), other.find(_START_OF_SCAN)
    if min(begins) < 0 or len(one) - begins[0] != len(other) - begins[1]:
        return False
    return one.startswith(b"\xff\xd8") and one[begins[0] :] == other[begins[1] :]


class FreezeWatch:
    """Notices when the same picture has come for longer than a limit. One thread notes, any may ask."""

    def __init__(self, limit_ns: int) -> None:
        self._limit_ns = limit_ns
        self._since_ns: int | None = None
        self.is_frozen = False

    def note(self, arrived_ns: int, *, is_repeat: bool) -> bool:
        """Note a picture and return whether the camera is found frozen by this one."""
        if self._since_ns is None or not is_repeat:
            self._since_ns, self.is_frozen = arrived_ns, False
            return False
        was_frozen = self.is_frozen
        self.is_frozen = arrived_ns - self._since_ns > self._limit_ns
        return self.is_frozen and not was_frozen


@dataclass(frozen=True, slots=True)
class CameraStatistics:
    """Of one take."""

    packets: int  # pictures appended
    rate: float | None  # measured pictures a second; None below two pictures
    empty: int  # packets of size 0, from damaged transfers; not appended
    cut: int  # JPEGs without an end; not appended
    repeats: int  # pictures that are the same as the one before, as a frozen camera sends them; appended
    frozen: int = 0  # how often the same picture came for so long that the camera was found frozen
    unreachable: int = 0  # H.264 packets that depend on missing ones; not appended


@dataclass(slots=True)
class Tally:
    """Counts packets; one thread counts while another looks."""

    empty: int = 0
    cut: int = 0
    frozen: int = 0
    unreachable: int = 0
    packets: int = 0
    repeats: int = 0
    first_ns: int = 0
    last_ns: int = 0

    def count(self, packet: StreamPacket, *, is_repeat: bool) -> None:
        """Count an appended packet."""
        self.repeats += is_repeat
        if not self.packets:
            self.first_ns = packet.captured_ns
        self.last_ns = packet.captured_ns
        self.packets += 1

    def snapshot(self) -> CameraStatistics:
        """Return the counts."""
        packets, span = self.packets, self.last_ns - self.first_ns
        return CameraStatistics(
            packets=packets,
            rate=(packets - 1) * 1e9 / span if packets > 1 and span > 0 else None,
            empty=self.empty,
            cut=self.cut,
            repeats=self.repeats,
            frozen=self.frozen,
            unreachable=self.unreachable,
        )
