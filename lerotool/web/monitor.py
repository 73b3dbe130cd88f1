"""A recording, live: a process of its own at low priority serves what the recorder shows on its board."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lerotool.errors import UsageError
from lerotool.recording.controls import Key
from lerotool.web.access import Access
from lerotool.web.app import create_app, page
from lerotool.web.board import Board, ShownCamera
from lerotool.web.body import json_object
from lerotool.web.feeding import Feed, Showing
from lerotool.web.library import Library
from lerotool.web.live_pictures import LivePicture
from lerotool.web.server import Listening
from lerotool.web.watching import Watched

_JOIN_S = 3.0
_NICE = 10
_BOUNDARY = "picture"


@contextmanager
def monitored(watched: Watched, listening: Listening) -> Iterator[None]:
    """Serve a recording's page while it goes on; whatever happens to the server, the recording does not notice."""
    cameras = tuple(ShownCamera(camera.name, camera.format) for camera in watched.cameras)
    board = Board.create(cameras)
    sources: Sequence[Showing] = watched.cameras
    feed = Feed(board, sources, watched.status, watched.press)
    server = multiprocessing.get_context("spawn").Process(
        target=_serve,
        args=(board.name, cameras, listening.access, listening.sockets[0], watched.root),
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
    live = _Live(board, cameras)
    app = create_app(Library.of(root), access, live.routes())
    settings = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,  # live pictures have no end of their own
    )
    server = uvicorn.Server(settings)
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
        return StreamingResponse(
            self._pictures(self._live[number]), media_type=kind, headers={"cache-control": "no-store"}
        )

    async def _pictures(self, picture: LivePicture) -> AsyncIterator[bytes]:
        seen = 0
        while True:
            seen, jpeg = await picture.after(seen)
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + b"\r\n"
