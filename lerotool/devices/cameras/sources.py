"""What every source of pictures offers, and the table of source kinds.

A kind's module is imported when a camera of it is opened. The first kind in ``SOURCES`` that recognises a source
opens it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.errors import DeviceError, UsageError
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


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One row of the table of source kinds.

    Attributes:
        form: how such a source is written.
        recognises: whether a source is of this kind.
        open: opens it; raises DeviceError, or UsageError for a source or size that cannot be.
        pin: gives the source a name that means the same camera when it is opened again.
    """

    form: str
    recognises: Callable[[str], bool]
    open: Callable[[CameraSpec, Event], PacketSource]
    pin: Callable[[CameraSpec], CameraSpec] = lambda spec: spec


def _open_simulated(spec: CameraSpec, stop: Event) -> PacketSource:
    from lerotool.devices.cameras.scene import open_source

    return open_source(spec, stop)


def _open_http(spec: CameraSpec, stop: Event) -> PacketSource:
    from lerotool.devices.cameras.http import open_source

    return open_source(spec, stop)


def _open_network(spec: CameraSpec, stop: Event) -> PacketSource:
    from lerotool.devices.cameras.network import open_source

    return open_source(spec, stop)


def _open_capture(spec: CameraSpec, stop: Event) -> PacketSource:
    from lerotool.devices.cameras.capture import open_source

    return open_source(spec, stop)


def _pin_capture(spec: CameraSpec) -> CameraSpec:
    from lerotool.devices.cameras.listing import pin_camera

    return pin_camera(spec)


def _open_file(spec: CameraSpec, stop: Event) -> PacketSource:
    from lerotool.devices.cameras.file import open_source

    return open_source(spec, stop)


def _begins(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda source: compiled.match(source) is not None


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

SOURCES: tuple[SourceKind, ...] = (
    SourceKind("sim, sim:numbered", lambda source: re.match(r"sim(?![^:,])", source) is not None, _open_simulated),
    SourceKind("http://…, https://…", _begins("https?://"), _open_http),
    SourceKind("rtsp://…, tcp://HOST:PORT", _begins("(rtsps?|tcp)://"), _open_network),
    SourceKind(
        "a camera's index (0), path (/dev/video0, /dev/v4l/…) or name (usb:NAME)",
        _begins(r"[0-9]+$|/dev/(video|v4l/)|usb:"),
        _open_capture,
        _pin_capture,
    ),
    SourceKind("a video file", lambda source: _SCHEME.match(source) is None, _open_file),
)


def open_source(spec: CameraSpec, stop: Event) -> PacketSource:
    """Open the source of a camera.

    Args:
        spec: what is asked for.
        stop: when set, ``packets`` of the source ends as soon as it can.

    Raises:
        UsageError: no kind of source is written so.
        DeviceError: the source is not there, or delivers something else than asked for.
    """
    return _find_kind(spec).open(spec, stop)


def compare_format(spec: CameraSpec, stream: StreamFormat) -> tuple[str, ...]:
    """Return a note if pictures are packed in another way than asked for."""
    delivered = _INPUT_FORMATS[stream.codec]
    if spec.input_format in (None, delivered):
        return ()
    return (f"camera {spec.name!r}: {spec.source} delivers {delivered}, asked for {spec.input_format}",)


def pin_source(spec: CameraSpec) -> CameraSpec:
    """Return the spec with a source that means the same camera when it is opened again, after it was unplugged.

    Raises:
        UsageError: no kind of source is written so.
        DeviceError: the source is not there.
    """
    return _find_kind(spec).pin(spec)


def _find_kind(spec: CameraSpec) -> SourceKind:
    for kind in SOURCES:
        if kind.recognises(spec.source):
            return kind
    forms = "; ".join(kind.form for kind in SOURCES)
    raise UsageError(f"camera {spec.name!r}: unknown kind of source {spec.source!r}", hint=f"known sources: {forms}")


def discard(source: PacketSource) -> None:
    """Free an opened source that no thread reads."""
    source.close()
    with suppress(DeviceError):  # why it has ended does not matter
        for _ in source.packets():
            pass
