"""What of a camera's packets can be used: whole ones, and of H.264 those whose predecessors are there too."""

from __future__ import annotations

from enum import Enum, auto

from lerotool.devices.cameras.jpeg import is_whole_jpeg
from lerotool.devices.cameras.sources import StreamPacket
from lerotool.media.format import StreamCodec

_GROUP_BYTES = 64 << 20


class Verdict(Enum):
    """What a packet is worth."""

    GOOD = auto()
    EMPTY = auto()
    """A damaged transfer."""
    CUT = auto()
    """A JPEG that does not begin or end as one."""
    UNREACHABLE = auto()
    """It depends on packets that are not there: before the first keyframe, or after a damaged packet."""


class Inspector:
    """Looks at the packets of one stream in their order, and keeps those that the newest one needs.

    Args:
        codec: of the stream.
        group_bytes: how much is kept; a stream whose keyframes lie further apart cannot begin a take.
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
        if self._codec is StreamCodec.MJPEG and not is_whole_jpeg(packet.data):
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
