"""The pictures of the live page: upright JPEG packets as they are, all others made JPEG here, once for all who look."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from starlette.concurrency import run_in_threadpool

from lerotool.errors import LerotoolError
from lerotool.media.decode import PacketDecoder, to_rgb
from lerotool.media.depth import depth_array
from lerotool.media.encode import encode_jpeg
from lerotool.media.format import DEPTH_UNITS, StreamCodec
from lerotool.web.board import Board, ShownCamera, unpack
from lerotool.web.pictures import shown

_POLL_S = 0.01
MADE_EVERY_S = 0.1
"""A core makes some hundred pictures a second; ten for each camera leave it to the recorder."""
_QUALITY = 5


class LivePicture:
    """The newest picture of one camera on a board."""

    def __init__(self, board: Board, number: int, camera: ShownCamera) -> None:
        self._board = board
        self._number = number
        self._is_jpeg = camera.format.is_upright_jpeg
        self._maker = _Maker(camera)
        self._turn = asyncio.Lock()
        self._made: tuple[int, bytes] | None = None
        self._looked_at = 0
        self._next_s = 0.0

    async def after(self, seen: int) -> tuple[int, bytes]:
        """Wait for a picture other than the one with the number ``seen``; return its number and the JPEG file."""
        while True:
            self._board.watch()
            found = self._board.packet(self._number, seen) if self._is_jpeg else await self._make()
            if found is not None and found[0] != seen:
                return found
            await asyncio.sleep(_POLL_S)

    async def _make(self) -> tuple[int, bytes] | None:
        """Return the newest picture that was made, by whomever; a new one at most so often, however many look."""
        async with self._turn:
            if time.monotonic() < self._next_s or (found := self._board.packet(self._number, self._looked_at)) is None:
                return self._made
            self._looked_at, data = found
            self._next_s = time.monotonic() + MADE_EVERY_S
            # A damaged packet gives no picture: the last one stays until the next packet.
            with suppress(LerotoolError):
                self._made = self._looked_at, await run_in_threadpool(self._maker.jpeg, data)
            return self._made


class _Maker:
    """Makes JPEG of what a camera's slot holds; for one thread at a time."""

    def __init__(self, camera: ShownCamera) -> None:
        self._format = camera.format
        self._decoder = PacketDecoder(camera.format)
        self._decoded: tuple[bytes, ...] = ()

    def jpeg(self, data: bytes) -> bytes:
        """Return the picture; raises `MediaError` where it cannot be decoded."""
        frame = self._newest_of(unpack(data)) if self._format.codec is StreamCodec.H264 else self._decoder.decode(data)
        picture = depth_array(frame) if self._format.pixel_format in DEPTH_UNITS else to_rgb(frame)
        return encode_jpeg(shown(picture, None), _QUALITY)

    def _newest_of(self, group: tuple[bytes, ...]) -> Any:
        """Decode the packets since a keyframe; those that were decoded last time are not decoded again."""
        known = len(self._decoded)
        if not 0 < known < len(group) or group[:known] != self._decoded:
            self._decoder, known = PacketDecoder(self._format), 0
        self._decoded = ()
        *before, newest = group[known:]
        for packet in before:
            self._decoder.decode(packet)
        frame = self._decoder.decode(newest)
        self._decoded = group
        return frame
