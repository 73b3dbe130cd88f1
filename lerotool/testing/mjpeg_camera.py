"""An emulated network camera: Motion JPEG over HTTP on loopback, in a process of its own, with faults on request.

``python -m lerotool.testing.mjpeg_camera --fps 30 --size 640x480`` serves until it is interrupted and prints its
address. ``EmulatedCamera`` runs the same in a child process and talks to it in lines of JSON: a request
``{"do": "faults" | "counts" | "disconnect" | "unplug" | "replug", …}`` on its input, the answer on its output.

Every connection gets a stream of its own that begins with picture 0, so its numbers have no holes but for the faults.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import IO, Any, Self

from lerotool.devices.cameras.simulated import open_source
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceLostError, UsageError
from lerotool.setup.emulating import Child

_POLL_S = 0.01
_PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n"


@dataclass(frozen=True, slots=True)
class Faults:
    """What the camera does wrong. Every nth picture is meant by its number: those that ``n`` divides, but not 0."""

    # Nothing is sent, the connection stays; what was due meanwhile follows afterwards, at most one second.
    stall: bool = False
    frozen: bool = False  # the last picture is sent instead of each new one
    cut_every: int = 0  # every nth picture is sent half; 0 for none
    empty_every: int = 0  # every nth picture is sent without any bytes
    late_every: int = 0  # every nth picture is sent ``late_s`` seconds late
    late_s: float = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Counts:
    """What the camera has sent, over all connections."""

    connections: int = 0
    sent: int = 0
    cut: int = 0
    empty: int = 0  # of these, without any bytes
    frozen: int = 0
    late: int = 0


class MjpegServer:
    """The camera itself, in this process; its streams run in threads. ``faults`` may be replaced at any time."""

    def __init__(self, spec: CameraSpec, port: int = 0) -> None:
        self.faults = Faults()
        self._spec = spec
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._hang_up = threading.Event()
        self._server = self._bound(port)
        self._port = self._server.server_port
        self.url = f"http://127.0.0.1:{self._port}/stream.mjpg"
        self.replug()

    @property
    def counts(self) -> Counts:
        """What was sent up to now."""
        with self._lock:
            return Counts(**self._counts)

    def disconnect(self) -> None:
        """Close all connections; new ones are taken."""
        with self._lock:
            hang_up, self._hang_up = self._hang_up, threading.Event()
        hang_up.set()

    def unplug(self) -> None:
        """Close all connections and take no new ones."""
        if self._serving.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self._server = self._bound(self._port)  # which no other program is to get meanwhile
        self.disconnect()

    def replug(self) -> None:
        """Take connections again, at the same address."""
        self._server.server_activate()
        self._serving = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True)
        self._serving.start()

    def _bound(self, port: int) -> ThreadingHTTPServer:
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
                pass

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with contextlib.suppress(OSError):  # the viewer has gone
                    camera.stream(self.wfile)

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler, bind_and_activate=False)
        server.daemon_threads = True
        server.server_bind()
        return server

    def stream(self, viewer: BufferedIOBase) -> None:
        """Send pictures to a viewer until it goes or is disconnected."""
        with self._lock:
            hang_up = self._hang_up
            self._counts["connections"] += 1
        whole = b""
        for number, packet in enumerate(open_source(self._spec, hang_up).packets()):
            while self.faults.stall:
                if hang_up.wait(_POLL_S):
                    return
            faults = self.faults
            is_late = _hits(number, faults.late_every)
            if is_late and hang_up.wait(faults.late_s):
                return
            body, kind = _spoil(faults, number, packet.data, whole)
            whole = body if kind in ("", "frozen") else whole
            viewer.write(_PART % (len(body), body))
            with self._lock:
                self._counts.update(sent=1, late=is_late, **({kind: 1} if kind else {}))


def _hits(number: int, every: int) -> bool:
    return every > 0 and number > 0 and number % every == 0


def _spoil(faults: Faults, number: int, data: bytes, whole: bytes) -> tuple[bytes, str]:
    """Return what is sent for a picture, and as what it counts; ``whole`` is the last whole one."""
    if _hits(number, faults.empty_every):
        return b"", "empty"
    if _hits(number, faults.cut_every):
        return data[: len(data) // 2], "cut"
    if faults.frozen and whole:
        return whole, "frozen"
    return data, ""


class EmulatedCamera:
    """The camera in a child process. A context manager that ends it."""

    def __init__(self, *, size: tuple[int, int] = (640, 480), fps: float = 30.0, numbered: bool = True) -> None:
        width, height = size
        arguments = ["--size", f"{width}x{height}", "--fps", f"{fps:g}", *(["--numbered"] if numbered else [])]
        self._child = Child("mjpeg_camera", *arguments)
        self.url: str = self._checked(self._child.read())["url"]

    def faults(self, **settings: Any) -> None:
        """Change some settings of ``Faults``; the others stay."""
        if unknown := settings.keys() - {field.name for field in fields(Faults)}:
            raise UsageError(f"an emulated camera has no fault {', '.join(map(repr, sorted(unknown)))}")
        self._ask("faults", **settings)

    def counts(self) -> Counts:
        """Return what the camera has sent."""
        return Counts(**self._ask("counts"))

    def disconnect(self) -> None:
        """Close all connections; new ones are taken."""
        self._ask("disconnect")

    def unplug(self) -> None:
        """Close all connections and take no new ones."""
        self._ask("unplug")

    def replug(self) -> None:
        """Take connections again, at the same address."""
        self._ask("replug")

    def close(self) -> None:
        """End the process; a closed camera may be closed again."""
        self._child.end()

    def _ask(self, request: str, **settings: Any) -> dict[str, Any]:
        return self._checked(self._child.ask(request, **settings))

    def _checked(self, answer: dict[str, Any] | None) -> dict[str, Any]:
        if answer is None:
            raise DeviceLostError(f"the emulated camera has ended with exit code {self._child.process.wait()}")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _control(camera: MjpegServer, requests: IO[str], answers: IO[str]) -> None:
    """Do what is asked until there are no more requests."""
    _tell(answers, {"url": camera.url})
    for line in requests:
        _tell(answers, _do(camera, json.loads(line)))


def _do(camera: MjpegServer, request: Mapping[str, Any]) -> dict[str, Any]:
    settings = {key: value for key, value in request.items() if key != "do"}
    match request["do"]:
        case "faults":
            camera.faults = replace(camera.faults, **settings)
        case "counts":
            return asdict(camera.counts)
        case "disconnect":
            camera.disconnect()
        case "unplug":
            camera.unplug()
        case "replug":
            camera.replug()
    return {}


def _tell(answers: IO[str], answer: Mapping[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted, or with ``--control`` until there are no more requests."""
    parser = argparse.ArgumentParser("lerotool.testing.mjpeg_camera", description="An emulated network camera.")
    parser.add_argument("--size", default="640x480", help="WxH in pixels (default: %(default)s)")
    parser.add_argument("--fps", default="30", help="pictures a second (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback (default: a free one)")
    parser.add_argument("--numbered", action="store_true", help="pictures that carry their number")
    parser.add_argument("--control", action="store_true", help="take requests as lines of JSON")
    options = parser.parse_args(arguments)
    source = "sim:numbered" if options.numbered else "sim"
    try:
        camera = MjpegServer(CameraSpec.parse(f"emulated={source},{options.size},{options.fps}"), options.port)
    except UsageError as error:
        parser.error(str(error))
    with contextlib.suppress(KeyboardInterrupt):
        if options.control:
            _control(camera, sys.stdin, sys.stdout)
        else:
            _tell(sys.stdout, {"url": camera.url})
            threading.Event().wait()


if __name__ == "__main__":
    main()
