"""Cameras: one reader thread each, which only takes packets and hands them to the writer of the running take.

The thread cannot stall the control loop, which reads what the thread published last without a lock; and the loop cannot
stall the thread. The lock is for the boundaries of takes alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from lerotool.devices.cameras.jpeg import encode_still
from lerotool.devices.cameras.kinds import open_source, pin_source
from lerotool.devices.cameras.reader import CameraStatistics, FreezeWatch, Inspector, Tally, Verdict, is_same_picture
from lerotool.devices.cameras.sources import PacketSource, StreamPacket, compare_format, discard
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceLostError, DeviceTimeoutError, LerotoolError
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.pictures import PacketDecoder, can_be_turned

__all__ = ["Camera", "CameraSpec", "CameraState", "CameraStatistics", "PacketWriterLike", "Picture", "open_camera"]

_STALL_NS = 500_000_000
_FREEZE_NS = 2_000_000_000
_PERIODS = 5
_JOIN_S = 5.0


Opener = Callable[[CameraSpec, threading.Event], PacketSource]


class PacketWriterLike(Protocol):
    """Where the packets of a take go."""

    def append(self, packet: bytes, captured_ns: int, keyframe: bool = True) -> int:
        """Write a packet and return its number in the take, counted from 0."""


class CameraState(StrEnum):
    """How a camera is doing."""

    STARTING = "starting"
    """No picture has come yet."""
    RUNNING = "running"
    STALLED = "stalled"
    """Nothing for half a second or five periods, whichever is longer; it may come back."""
    FROZEN = "frozen"
    """Packets come, but for two seconds or five periods, whichever is longer, with the same picture; H.264 hides it."""
    LOST = "lost"
    """The source has ended; ``Camera.lost_reason`` says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A packet that is in the take's writer."""

    number: int  # what the writer's ``append`` returned
    captured_ns: int  # monotonic clock


class Camera:
    """A running camera. Made by ``open_camera``; a context manager that closes it.

    Takes are begun and ended, and statistics read, by one thread. ``format`` is what the source really delivers,
    ``notes`` say what differs from what was asked for.
    """

    def __init__(
        self, spec: CameraSpec, source: PacketSource, stop: threading.Event, opener: Opener | None = None
    ) -> None:
        self.name = spec.name
        self.key = spec.key
        self.format: StreamFormat = source.format.turned(spec.rotation)
        self._spec = spec
        self._opener = opener
        self._boundary = threading.Lock()
        # Written by the reader thread under the lock while a take runs, read by anyone.
        self._writer: PacketWriterLike | None = None
        self._failure: OSError | LerotoolError | ValueError | None = None
        self._newest: Picture | None = None
        self._tally = Tally()
        self._attach(source, stop)

    def _attach(self, source: PacketSource, stop: threading.Event) -> None:
        """Take a source whose reader does not run yet."""
        self.notes: tuple[str, ...] = source.notes + compare_format(self._spec, source.format)
        self._source = source
        self._stop = stop
        self._ready = threading.Event()
        period_ns = 1e9 / source.format.fps
        self._stall_ns = max(_STALL_NS, round(_PERIODS * period_ns))
        self._freeze = FreezeWatch(max(_FREEZE_NS, round(_PERIODS * period_ns)))
        self._inspector = Inspector(source.format.codec)
        # Written by the reader thread, read by anyone.
        self._packet: StreamPacket | None = None
        self._arrived_ns = 0
        self._damaged = 0
        self._lost: DeviceLostError | None = None
        self._thread = threading.Thread(target=self._read, args=(source, stop), name=f"camera {self.name}", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    # What the loop asks every tick: no lock, no input or output.

    @property
    def newest(self) -> Picture:
        """The newest picture that the take's writer has; after ``end`` the last one of that take."""
        self._raise_if_lost()
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
        if time.monotonic_ns() - self._arrived_ns > self._stall_ns:
            return CameraState.STALLED
        return CameraState.FROZEN if self._freeze.is_frozen else CameraState.RUNNING

    @property
    def is_frozen(self) -> bool:
        """Whether pictures come, but always the same one."""
        return self._freeze.is_frozen

    @property
    def is_lost(self) -> bool:
        """Whether the source has ended; ``reopen`` may bring it back."""
        return self._lost is not None

    @property
    def lost_reason(self) -> str | None:
        """Why the source has ended, or None while it has not."""
        return None if self._lost is None else self._lost.message

    def age_ns(self, now: int) -> int | None:
        """Return how old the newest whole picture is at a time of the monotonic clock; None before the first."""
        packet = self._packet
        return None if packet is None else now - packet.captured_ns

    def latest_packet(self) -> bytes | None:
        """Return the newest whole picture, in or between takes, as it was sent; None before the first."""
        packet = self._packet
        return None if packet is None else packet.data

    def latest_group(self) -> tuple[bytes, ...]:
        """Return the newest whole picture, last, after the packets that must be decoded before it. For previews.

        Empty before the first picture, and where an H.264 camera sends keyframes too rarely to keep what lies between.
        """
        return tuple(packet.data for packet in self._inspector.group)

    @property
    def statistics(self) -> CameraStatistics:
        """Of the running take up to now, or of the last one when none is running."""
        return self._tally.snapshot()

    # At the boundaries of takes.

    def wait_ready(self, timeout: float) -> None:
        """Wait for the first picture, at most this many seconds; raises DeviceTimeoutError or DeviceLostError."""
        arrived = self._ready.wait(timeout)
        self._raise_if_lost()
        if not arrived:
            damaged = f", only {self._damaged} damaged ones" if self._damaged else ""
            raise DeviceTimeoutError(
                f"camera {self.name!r} sent no picture within {timeout:g} s{damaged}",
                hint="check that it is plugged in and that no other program uses it",
            )

    def begin(self, writer: PacketWriterLike) -> None:
        """Begin a take: the newest picture is appended and becomes ``newest``, then each that arrives, once, in order.

        Of H.264 the packets from the last keyframe on are appended before it, so that the take can be decoded by
        itself; then the newest picture is not number 0. After an OSError of the writer the take has not begun.
        """
        with self._boundary:
            if self._writer is not None:
                raise DeviceError(f"camera {self.name!r}: a take is running")
            self._raise_if_lost()
            if self._packet is None:
                raise DeviceError(f"camera {self.name!r} has sent no picture yet")
            group = self._inspector.group
            if not group:
                raise DeviceError(
                    f"camera {self.name!r} sends keyframes too rarely for a take to begin",
                    hint="set a keyframe interval of one or two seconds in the camera's own settings",
                )
            for packet in group:
                number = writer.append(packet.data, packet.captured_ns, packet.keyframe)
            self._tally = Tally()
            self._tally.count(group[-1], is_repeat=False)
            self._tally.frozen += self._freeze.is_frozen
            self._failure = None
            self._newest = Picture(number, group[-1].captured_ns)
            self._writer = writer

    def end(self) -> None:
        """End the take; on return nothing is appended any more. Without a take it does nothing."""
        with self._boundary:
            self._writer = None

    def reopen(self) -> None:
        """Close the source and open the same one again, as after it was unplugged. Opening may take seconds.

        Another thread than the loop's may do this, as long as no take is begun meanwhile. After an error, as when the
        camera is not there yet or does not deliver what it did before, it is lost and this may be tried again.
        """
        with self._boundary:
            if self._writer is not None:
                raise DeviceError(f"camera {self.name!r}: a take is running")
        self._stop_reading()
        stop = threading.Event()
        source = (self._opener or open_source)(self._spec, stop)
        before, after = map(_describe, (self.format, source.format.turned(self._spec.rotation)))
        if before != after:
            discard(source)
            raise DeviceError(f"camera {self.name!r} delivered {before} before, {after} after it was opened again")
        self._newest = None
        self._attach(source, stop)
        self.start()

    def close(self) -> None:
        """End the take and stop reading; a closed camera may be closed again.

        DeviceTimeoutError: the reader thread hangs, in the driver or in a disk that does not answer.
        """
        self._stop_reading()
        self.end()

    def _stop_reading(self) -> None:
        self._stop.set()
        self._source.close()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            raise DeviceTimeoutError(
                f"camera {self.name!r} did not stop within {_JOIN_S:g} s",
                hint="its driver or the disk hangs; unplug the camera and start again",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _raise_if_lost(self) -> None:
        if self._lost is not None:
            raise DeviceLostError(f"camera {self.name!r} is lost: {self._lost}", hint=self._lost.hint)

    # The reader thread. It has its source as argument: one that hung must never touch what replaced it.

    def _read(self, source: PacketSource, stop: threading.Event) -> None:
        lost = DeviceLostError("the reader has failed")  # stays only if a fault of our own ends the thread
        try:
            for packet in source.packets():
                if stop.is_set():
                    break
                self._take(packet)
            lost = DeviceLostError("closed" if stop.is_set() else "the source has ended")
        except LerotoolError as error:
            lost = DeviceLostError(error.message, hint=error.hint)
        except OSError as error:
            lost = DeviceLostError(str(error))
        finally:
            self._lost = lost
            self._ready.set()

    def _take(self, packet: StreamPacket) -> None:
        with self._boundary:
            verdict = self._inspector.inspect(packet)
            if verdict is not Verdict.GOOD:
                self._count_bad(verdict)
                return
            previous, self._packet = self._packet, packet
            self._arrived_ns = time.monotonic_ns()
            is_repeat = previous is not None and is_same_picture(previous.data, packet.data)
            has_frozen = self._freeze.note(self._arrived_ns, is_repeat=is_repeat)
            if self._writer is not None and self._failure is None:
                self._append(self._writer, packet, is_repeat=is_repeat)
                self._tally.frozen += has_frozen
        self._ready.set()

    def _count_bad(self, verdict: Verdict) -> None:
        self._damaged += verdict is not Verdict.UNREACHABLE
        if self._writer is not None:
            self._tally.empty += verdict is Verdict.EMPTY
            self._tally.cut += verdict is Verdict.CUT
            self._tally.unreachable += verdict is Verdict.UNREACHABLE

    def _append(self, writer: PacketWriterLike, packet: StreamPacket, *, is_repeat: bool) -> None:
        try:
            number = writer.append(packet.data, packet.captured_ns, packet.keyframe)
        except (OSError, LerotoolError, ValueError) as error:
            self._failure = error
            return
        self._tally.count(packet, is_repeat=is_repeat)
        # Last: a row may name the picture from here on.
        self._newest = Picture(number, packet.captured_ns)


def _describe(stream: StreamFormat) -> str:
    layout = f" {stream.pixel_format}" if stream.codec is StreamCodec.RAW else ""
    return f"{stream.codec}{layout} of {stream.width}x{stream.height}"


def open_camera(spec: CameraSpec, opener: Opener | None = None) -> Camera:
    """Open a camera and start reading; the caller closes it. Without ``opener`` the table of source kinds has one."""
    stop = threading.Event()
    pinned = pin_source(spec) if opener is None else spec
    source = (opener or open_source)(pinned, stop)
    if spec.rotation and not can_be_turned(source.format.pixel_format):
        discard(source)
        raise DeviceError(
            f"camera {spec.name!r} sends pictures of {source.format.pixel_format}, which cannot be turned",
            hint="remove its rotation, or ask it for another format",
        )
    camera = Camera(pinned, source, stop, opener)
    camera.start()
    return camera


def take_still(camera: Camera) -> bytes:
    """Return the newest picture of a running camera as a JPEG file that every viewer opens."""
    decoder = PacketDecoder(camera.format)
    frame = None
    for data in camera.latest_group():
        frame = decoder.decode(data)
    if frame is None:
        raise DeviceError(f"camera {camera.name!r} has sent no picture that can be shown yet")
    return encode_still(frame)
