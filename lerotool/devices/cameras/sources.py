"""What every source of pictures offers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.errors import DeviceError
from lerotool.media.format import StreamCodec, StreamFormat

DEFAULT_SIZE = (640, 480)
DEFAULT_FPS = 30.0
_INPUT_FORMATS = {
    StreamCodec.MJPEG: InputFormat.MJPEG,
    StreamCodec.H264: InputFormat.H264,
    StreamCodec.RAW: InputFormat.RAW,
}


@dataclass(frozen=True, slots=True)
class StreamPacket:
    """One packet as a camera sent it.

    Attributes:
        data: the bytes; empty if the transfer was damaged.
        captured_ns: when the picture was there, monotonic clock: the driver's stamp if it is on that clock, else when
            the packet arrived.
        keyframe: whether it can be decoded without the packets before it.
    """

    data: bytes
    captured_ns: int
    keyframe: bool = True


class PacketSource(Protocol):
    """An opened source. One thread iterates ``packets``; another may call ``close`` at any time, which ends that."""

    @property
    def format(self) -> StreamFormat:
        """What is really delivered, read back from the source."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What differs from what was asked for, in words for people."""
        ...

    def packets(self) -> Iterator[StreamPacket]:
        """Yield packets as they arrive, until the source is closed or ends by itself.

        Raises:
            DeviceError: why the source has ended.
        """
        ...

    def close(self) -> None:
        """Stop delivering and wake the thread that waits; a closed source may be closed again."""
        ...


def compare_format(spec: CameraSpec, stream: StreamFormat) -> tuple[str, ...]:
    """Return a note if pictures are packed in another way than asked for."""
    delivered = _INPUT_FORMATS[stream.codec]
    if spec.input_format in (None, delivered):
        return ()
    return (f"camera {spec.name!r}: {spec.source} delivers {delivered}, asked for {spec.input_format}",)


def discard(source: PacketSource) -> None:
    """Free an opened source that no thread reads."""
    source.close()
    with suppress(DeviceError):  # why it has ended does not matter
        for _ in source.packets():
            pass
