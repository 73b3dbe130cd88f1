"""A recording, live: a process of its own at low priority serves what the recorder shows on its board."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lerotool.errors import LerotoolError, UsageError
from lerotool.media.format import StreamCodec
from lerotool.media.pictures import PacketDecoder
from lerotool.recording.controls import Key
from lerotool.web.access import Access
from lerotool.web.app import create_app, json_object, page
from lerotool.web.board import Board, Feed, ShownCamera, Watched, unpack
from lerotool.web.library import Library, Shelf
from lerotool.web.pictures import frame_jpeg
from lerotool.web.server import Listening, make_server

_JOIN_S = 3.0
_NICE = 10
_BOUNDARY = "picture"
_POLL_S = 0.01
MADE_EVERY_S = 0.1
"""A core makes some hundred pictures a second; ten for each camera leave it to the recorder."""
_QUALITY = 5


@contextmanager
def monitored(watched: Watched, listening: Listening) -> Iterator[None]:
    """Serve a recording's page while it goes on; whatever happens to the server, the recording does not notice."""
    cameras = tuple(ShownCamera(camera.name, camera.format) for camera in watched.cameras)
    board = Board.create(cameras)
    feed = Feed(board, watched)
    server = multiprocessing.get_context("spawn").Process(
        target=_serve,
        args=(board.name, cameras, listening.access, listening.socket, watched.root),
        name="lerotool-monitor",
        daemon=True,
    )
    try:
        server.start()
        feed.start()
        yield
    finally:
        feed.stop()
        server.terminate()
        server.join(_JOIN_S)
        if server.is_alive():
            server.kill()
        board.remove()


def _serve(name: str, cameras: Sequence[ShownCamera], access: Access, opened: socket.socket, root: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the recorder, which ends this process
    if hasattr(os, "nice"):
        os.nice(_NICE)
    board = Board.attach(name, cameras)
    server = make_server(create_app(Library([Shelf.of(root)]), access, _Live(board, cameras).routes()), "critical")
    threading.Thread(target=_end_with_recorder, args=(server,), name="recorder's life", daemon=True).start()
    with suppress(KeyboardInterrupt):
        server.run(sockets=[opened])


def _end_with_recorder(server: uvicorn.Server) -> None:
    """End the server when the recorder was killed: nobody else would, and it holds the board, the port and stdout."""
    recorder = multiprocessing.parent_process()
    assert recorder is not None
    recorder.join()
    server.should_exit = True


class _Live:
    """What the live page asks for."""

    def __init__(self, board: Board, cameras: Sequence[ShownCamera]) -> None:
        self._board = board
        self._cameras = cameras
        self._live = [LivePicture(board, number, camera) for number, camera in enumerate(cameras)]

    def routes(self) -> list[Route]:
        return [
            Route("/live", page),
            Route("/live/state", self.state),
            Route("/live/press", self.press, methods=["POST"]),
            Route("/live/cameras/{camera:int}", self.camera),
        ]

    async def state(self, _: Request) -> Response:
        self._board.watch()
        state = self._board.state()
        document: dict[str, Any] = json.loads(state) if state else {}
        shown_as = [
            {"name": camera.name, "width": camera.format.width, "height": camera.format.height}
            for camera in self._cameras
        ]
        return JSONResponse({**document, "shown": shown_as}, headers={"cache-control": "no-store"})

    async def press(self, request: Request) -> Response:
        said = await json_object(request, "a key")
        try:
            key = Key(str(said.get("key")))
        except ValueError:
            raise UsageError(f"expected one of the keys {', '.join(Key)}") from None
        self._board.press(key)
        return JSONResponse({"pressed": key})

    async def camera(self, request: Request) -> Response:
        number = request.path_params["camera"]
        if number >= len(self._cameras):
            raise IndexError(f"no camera {number}")
        kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
        return StreamingResponse(self._live[number].stream(), media_type=kind, headers={"cache-control": "no-store"})


class LivePicture:
    """The newest picture of one camera on a board."""

    def __init__(self, board: Board, number: int, camera: ShownCamera) -> None:
        self._board = board
        self._number = number
        self._format = camera.format
        self._decoder = PacketDecoder(camera.format)
        self._decoded: tuple[bytes, ...] = ()
        self._turn = asyncio.Lock()
        self._made: tuple[int, bytes] | None = None
        self._looked_at = 0
        self._next_s = 0.0

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield one picture after another as a browser takes them for a moving one."""
        seen = 0
        while True:
            seen, jpeg = await self.after(seen)
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + b"\r\n"

    async def after(self, seen: int) -> tuple[int, bytes]:
        """Wait for a picture other than the one with the number ``seen``; return its number and the JPEG file."""
        while True:
            self._board.watch()
            found = self._board.packet(self._number, seen) if self._format.is_upright_jpeg else await self._make()
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
                self._made = self._looked_at, await run_in_threadpool(self._jpeg, data)
            return self._made

    def _jpeg(self, data: bytes) -> bytes:
        """Return the picture of what the slot holds; raises `MediaError` where it cannot be decoded."""
        frame = self._newest_of(unpack(data)) if self._format.codec is StreamCodec.H264 else self._decoder.decode(data)
        return frame_jpeg(frame, self._format, _QUALITY)

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
