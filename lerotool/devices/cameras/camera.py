"""Cameras: one reader thread each, which only takes packets and hands them to the writer of the running take.

The thread cannot stall the control loop, which reads what the thread published last without a lock; and the loop cannot
stall the thread. The lock is for the boundaries of takes alone.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from lerotool.devices.cameras.jpeg import is_whole_jpeg
from lerotool.devices.cameras.sources import PacketSource, StreamPacket, open_source
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.devices.cameras.tally import CameraStatistics, Tally
from lerotool.errors import DeviceError, DeviceTimeoutError, LerotoolError
from lerotool.media.format import StreamCodec, StreamFormat

__all__ = ["Camera", "CameraSpec", "CameraState", "CameraStatistics", "PacketWriterLike", "Picture", "open_camera"]

_STALL_NS = 500_000_000
_STALL_PERIODS = 5
_JOIN_S = 5.0


class PacketWriterLike(Protocol):
    """Where the packets of a take go."""

    def append(self, packet: bytes, captured_ns: int, keyframe: bool = True) -> int:
        """Write a packet and return its number in the take, counted from 0."""
        ...


class CameraState(StrEnum):
    """How a camera is doing."""

    STARTING = "starting"
    """No picture has come yet."""
    RUNNING = "running"
    STALLED = "stalled"
    """Nothing for half a second or five periods, whichever is longer; it may come back."""
    LOST = "lost"
    """The source has ended; ``Camera.lost_reason`` says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A packet that is in the take's writer.

    Attributes:
        number: what the writer's ``append`` returned.
        captured_ns: monotonic clock.
    """

    number: int
    captured_ns: int


class Camera:
    """A running camera. Made by ``open_camera``; a context manager that closes it.

    Takes are begun and ended, and statistics read, by one thread.

    Attributes:
        name: as the user calls it.
        key: the feature, ``observation.images.NAME``.
        format: what the source really delivers.
        notes: what differs from what was asked for, in words for people.
    """

    def __init__(self, spec: CameraSpec, source: PacketSource, stop: threading.Event) -> None:
        self.name = spec.name
        self.key = spec.key
        self.format: StreamFormat = source.format
        self.notes: tuple[str, ...] = source.notes
        self._source = source
        self._stop = stop
        self._stall_ns = max(_STALL_NS, round(_STALL_PERIODS * 1e9 / source.format.fps))
        self._check_jpeg = source.format.codec is StreamCodec.MJPEG
        self._ready = threading.Event()
        self._boundary = threading.Lock()
        # Written by the reader thread under the lock while a take runs, read by anyone.
        self._writer: PacketWriterLike | None = None
        self._failure: OSError | LerotoolError | ValueError | None = None
        self._newest: Picture | None = None
        self._tally = Tally()
        # Written by the reader thread, read by anyone.
        self._packet: StreamPacket | None = None
        self._arrived_ns = 0
        self._lost: str | None = None
        self._thread = threading.Thread(target=self._read, name=f"camera {spec.name}", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    # What the loop asks every tick: no lock, no input or output.

    @property
    def newest(self) -> Picture:
        """The newest picture that the take's writer has; after ``end`` the last one of that take.

        Raises:
            DeviceError: no take has begun, or the camera is lost.
        """
        if self._lost is not None:
            raise self._lost_error()
        if self._newest is None:
            raise DeviceError(f"camera {self.name!r}: no take has begun")
        return self._newest

    def check(self) -> None:
        """Raise what the writer raised in the reader thread during this take, for example that the disk is full."""
        if self._failure is not None:
            raise self._failure

    @property
    def state(self) -> CameraState:
        """How the camera is doing now."""
        if self._lost is not None:
            return CameraState.LOST
        if self._packet is None:
            return CameraState.STARTING
        return CameraState.STALLED if time.monotonic_ns() - self._arrived_ns > self._stall_ns else CameraState.RUNNING

    @property
    def lost_reason(self) -> str | None:
        """Why the source has ended, or None while it has not."""
        return self._lost

    def age_ns(self, now: int) -> int | None:
        """Return how old the newest whole picture is at a time of the monotonic clock; None before the first."""
        packet = self._packet
        return None if packet is None else now - packet.captured_ns

    def latest_packet(self) -> bytes | None:
        """Return the newest whole picture, in or between takes, as it was sent; None before the first. For previews."""
        packet = self._packet
        return None if packet is None else packet.data

    @property
    def statistics(self) -> CameraStatistics:
        """Of the running take up to now, or of the last one when none is running."""
        return self._tally.snapshot(time.monotonic_ns())

    # At the boundaries of takes.

    def wait_ready(self, timeout: float) -> None:
        """Wait for the first picture, at most this many seconds.

        Raises:
            DeviceTimeoutError: none came.
            DeviceError: the camera is lost.
        """
        arrived = self._ready.wait(timeout)
        if self._lost is not None:
            raise self._lost_error()
        if not arrived:
            bad = self._tally.snapshot(time.monotonic_ns())
            damaged = f", only {bad.empty + bad.cut} damaged ones" if bad.empty + bad.cut else ""
            raise DeviceTimeoutError(
                f"camera {self.name!r} sent no picture within {timeout:g} s{damaged}",
                hint="check that it is plugged in and that no other program uses it",
            )

    def begin(self, writer: PacketWriterLike) -> None:
        """Begin a take: the newest picture becomes its number 0, then each that arrives is appended once, in order.

        Raises:
            DeviceError: no picture has come yet, or a take is running.
            OSError: the writer's, for number 0; the take has not begun then.
        """
        with self._boundary:
            if self._writer is not None:
                raise DeviceError(f"camera {self.name!r}: a take is running")
            if self._packet is None:
                raise DeviceError(f"camera {self.name!r} has sent no picture yet")
            first = self._packet
            number = writer.append(first.data, first.captured_ns, first.keyframe)
            self._tally = Tally()
            self._tally.count(first, None)
            self._failure = None
            self._newest = Picture(number, first.captured_ns)
            self._writer = writer

    def end(self) -> None:
        """End the take; on return nothing is appended any more. Without a take it does nothing."""
        with self._boundary:
            if self._writer is not None:
                self._writer = None
                self._tally.finish(time.monotonic_ns())

    def close(self) -> None:
        """End the take and stop reading; a closed camera may be closed again.

        Raises:
            DeviceTimeoutError: the reader thread hangs, in the driver or in a disk that does not answer.
        """
        self._stop.set()
        self._source.close()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            raise DeviceTimeoutError(f"camera {self.name!r} did not stop within {_JOIN_S:g} s")
        self.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lost_error(self) -> DeviceError:
        return DeviceError(f"camera {self.name!r} is lost: {self._lost}")

    # The reader thread.

    def _read(self) -> None:
        reason = "the reader has failed"  # stays only if a fault of our own ends the thread
        try:
            for packet in self._source.packets():
                if self._stop.is_set():
                    break
                self._take(packet)
            reason = "closed" if self._stop.is_set() else "the source has ended"
        except LerotoolError as error:
            reason = error.message
        except OSError as error:
            reason = str(error)
        finally:
            self._lost = reason
            self._ready.set()

    def _take(self, packet: StreamPacket) -> None:
        with self._boundary:
            if not packet.data:
                self._tally.empty += 1
                return
            if self._check_jpeg and not is_whole_jpeg(packet.data):
                self._tally.cut += 1
                return
            previous, self._packet = self._packet, packet
            self._arrived_ns = time.monotonic_ns()
            if self._writer is not None and self._failure is None:
                self._append(self._writer, packet, previous)
        self._ready.set()

    def _append(self, writer: PacketWriterLike, packet: StreamPacket, previous: StreamPacket | None) -> None:
        try:
            number = writer.append(packet.data, packet.captured_ns, packet.keyframe)
        except (OSError, LerotoolError, ValueError) as error:
            self._failure = error
            return
        self._tally.count(packet, previous)
        # Last: a row may name the picture from here on.
        self._newest = Picture(number, packet.captured_ns)


def open_camera(spec: CameraSpec) -> Camera:
    """Open a camera and start reading; the caller closes it.

    Raises:
        UsageError: no kind of source is written so, or it cannot have that size.
        DeviceError: the source is not there, or delivers something else than asked for.
    """
    stop = threading.Event()
    camera = Camera(spec, open_source(spec, stop), stop)
    camera.start()
    return camera
