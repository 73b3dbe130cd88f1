"""Cameras that a robot of LeRobot owns: their pictures come with each observation, through memory that both share."""

from __future__ import annotations

import itertools
import math
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.cameras.sources import DEFAULT_FPS, StreamPacket
from lerotool.media.array_pictures import RawConverter, raw_format
from lerotool.media.format import EncoderSettings, StreamFormat

Size = tuple[int, int, int]
"""Height, width, channels."""
_MEMORY = Path("/dev/shm")
_IDLE_S = 3 / DEFAULT_FPS
_HANDED_OVER_S = 1.0


class OwnSource:
    """Sends one picture for each observation; while nobody observes, it asks for one itself.

    ``observe`` asks the robot for an observation, which ends in `put`.
    """

    def __init__(self, size: Size, observe: Callable[[], object], stop: threading.Event) -> None:
        height, width, _ = size
        self.notes: tuple[str, ...] = ()
        self._observe = observe
        self._stop = stop
        self._converter = RawConverter(raw_format(width, height, DEFAULT_FPS, EncoderSettings()))
        self._packet: StreamPacket | None = None
        self._change = threading.Condition()

    @property
    def format(self) -> StreamFormat:
        """Raw pictures, as they wait for their encoding."""
        return self._converter.format

    def put(self, picture: NDArray[np.uint8], captured_ns: int) -> None:
        """Hand a picture over, (height, width, 3) RGB; one that nobody has taken yet is replaced."""
        packet = StreamPacket(bytes(self._converter.convert(picture)), captured_ns)
        with self._change:
            self._packet = packet
            self._change.notify_all()

    def wait_until_taken(self) -> None:
        """Return when the reader has handed the picture to the take, or nobody reads any more."""
        with self._change:
            self._change.wait_for(lambda: self._packet is None or self._stop.is_set(), _HANDED_OVER_S)

    def packets(self) -> Iterator[StreamPacket]:
        """Yield a packet per observation."""
        while not self._stop.is_set():
            with self._change:
                self._change.wait_for(lambda: self._packet is not None or self._stop.is_set(), _IDLE_S)
                packet = self._packet
            if packet is None:
                if not self._stop.is_set():
                    self._observe()
                continue
            yield packet
            # The reader comes back here when the take has the packet.
            with self._change:
                if self._packet is packet:
                    self._packet = None
                self._change.notify_all()

    def close(self) -> None:
        """Stop sending."""
        self._stop.set()
        with self._change:
            self._change.notify_all()


class SharedPictures:
    """The newest picture of each camera, uint8 RGB, in a file; it lies in memory where the system has such a place.

    LeRobot's side writes them in the order of ``sizes``.
    """

    def __init__(self, sizes: Mapping[str, Size]) -> None:
        self._sizes = sizes
        self._pictures: dict[str, NDArray[np.uint8]] = {}
        self._sources: dict[str, OwnSource] = {}

    def share(self) -> Path:
        """Make the file and return it. Who opens it removes its name, so that nothing is left when a process dies."""
        folder = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        handle, name = tempfile.mkstemp(prefix="lerotool-pictures-", dir=folder)
        os.ftruncate(handle, sum(map(math.prod, self._sizes.values())))
        os.close(handle)
        memory = np.memmap(name, np.uint8, "r")
        ends = itertools.accumulate(map(math.prod, self._sizes.values()))
        self._pictures = {
            key: memory[end - math.prod(size) : end].reshape(size)
            for (key, size), end in zip(self._sizes.items(), ends, strict=True)
        }
        return Path(name)

    def attach(self, key: str, source: OwnSource) -> None:
        """Hand a camera's pictures to a source from now on."""
        self._sources[key] = source

    def publish(self, captured_ns: int) -> None:
        """Hand the pictures of the observation that has just been answered to the sources."""
        for key, source in self._sources.items():
            source.put(self._pictures[key], captured_ns)

    def wait_until_taken(self) -> None:
        """Return when all sources' readers have taken them: the row of an observation has its own pictures."""
        for source in self._sources.values():
            source.wait_until_taken()
