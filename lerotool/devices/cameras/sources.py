"""What every source of pictures offers, and the clock of those that have none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np

from lerotool.devices.cameras.spec import LONGEST_SIDE, CameraSpec, InputFormat
from lerotool.errors import DeviceError, UsageError
from lerotool.media.format import StreamCodec, StreamFormat

DEFAULT_SIZE = (640, 480)
DEFAULT_FPS = 30.0
MOST_PIXELS = LONGEST_SIDE * LONGEST_SIDE
"""Of a picture; a camera that claims more is refused before memory is taken for it."""
_GIVE_UP_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StreamPacket:
    """One packet as a camera sent it."""

    data: bytes  # the bytes; empty if the transfer was damaged
    # When the picture was there, monotonic clock: the driver's stamp if it is on that clock, else when the packet
    # arrived.
    captured_ns: int
    keyframe: bool = True  # whether it can be decoded without the packets before it


class PacketSource(Protocol):
    """An opened source. One thread iterates ``packets``; another may call ``close`` at any time, which ends that."""

    @property
    def format(self) -> StreamFormat:
        """What is really delivered, read back from the source."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What differs from what was asked for, in words for people."""

    def packets(self) -> Iterator[StreamPacket]:
        """Yield packets as they arrive, until the source is closed or ends; DeviceError says why it ended by itself."""

    def close(self) -> None:
        """Stop delivering and wake the thread that waits; a closed source may be closed again."""


def compare_format(spec: CameraSpec, stream: StreamFormat) -> tuple[str, ...]:
    """Return a note if pictures are packed in another way than asked for."""
    delivered = InputFormat.RAW if stream.codec is StreamCodec.RAW else InputFormat(stream.codec.value)
    if spec.input_format in (None, delivered):
        return ()
    return (f"camera {spec.name!r}: {spec.source} delivers {delivered}, asked for {spec.input_format}",)


def check_size(where: str, width: int, height: int) -> None:
    """Refuse pictures that are larger than any that can be asked for."""
    if max(width, height) > LONGEST_SIDE:
        raise DeviceError(f"{where} sends pictures of {width}x{height}, expected at most {LONGEST_SIDE}x{LONGEST_SIDE}")


def require_size(spec: CameraSpec, where: str, width: int, height: int) -> None:
    """Refuse pictures of another size than asked for, from a camera whose size is its own business."""
    if spec.size not in (None, (width, height)):
        raise DeviceError(
            f"{where} sends {width}x{height}, asked for {spec.width}x{spec.height}",
            hint="leave the size out, or set it in the camera's own settings",
        )


def without_password(spec: CameraSpec, form: str) -> str:
    """Return the address of a network camera without user and password; ``form`` is what is expected of one."""
    try:
        parts = urlsplit(spec.source)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or (parts.scheme.lower() == "tcp" and parts.port is None):
        raise UsageError(
            f"camera {spec.name!r}: {spec.source.rpartition('@')[2]!r} is not an address", hint=f"expected {form}"
        )
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def discard(source: PacketSource) -> None:
    """Free an opened source that no thread reads."""
    source.close()
    with suppress(DeviceError):  # why it has ended does not matter
        for _ in source.packets():
            pass


class Pace:
    """Waits until the next picture is due. Not for sharing between threads.

    A reader that was held up gets the pictures that were due meanwhile at once, oldest first, as a driver's queue would
    hand them out; beyond one second they are taken as not exposed and the grid starts again.
    """

    def __init__(self, fps: float, stop: Event, *, jitter_s: float = 0.0, seed: int = 0) -> None:
        self._period_ns = 1e9 / fps
        self._stop = stop
        spread = round(min(jitter_s * 1e9, self._period_ns / 4))
        self._jitter_ns: list[int] = np.random.default_rng(seed).integers(-spread, spread, 256, endpoint=True).tolist()
        self._start_ns = 0
        self._count = 0

    def wait(self) -> int | None:
        """Wait for the next picture; return its capture time, monotonic ns, never in the future; None when stopped."""
        now = time.monotonic_ns()
        if self._count == 0:
            self._start_ns = now
        grid = self._start_ns + round(self._count * self._period_ns)
        if now - grid > _GIVE_UP_NS:
            self._start_ns, self._count, grid = now, 0, now
        due = grid + self._jitter_ns[self._count % len(self._jitter_ns)]
        self._count += 1
        while (left := due - time.monotonic_ns()) > 0:
            if self._stop.wait(left / 1e9):
                return None
        return None if self._stop.is_set() else due


class PacedSource:
    """Sends pictures at an exact rate, each when it is due."""

    def __init__(
        self, stream: StreamFormat, pictures: Iterator[bytes], pace: Pace, stop: Event, notes: tuple[str, ...] = ()
    ) -> None:
        self.format = stream
        self.notes = notes
        self._pictures = pictures
        self._pace = pace
        self._stop = stop

    def packets(self) -> Iterator[StreamPacket]:
        """Yield one packet per picture."""
        for data in self._pictures:
            due = self._pace.wait()
            if due is None:
                return
            yield StreamPacket(data, due)

    def close(self) -> None:
        """Stop sending."""
        self._stop.set()
