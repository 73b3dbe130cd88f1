"""Parts that the tests of cameras share: a writer in memory, a source fed by hand, a server that answers oddly."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np

from lerotool.devices.cameras.jpeg import JpegEncoder
from lerotool.devices.cameras.simulated import draw_number, numbered_picture, read_number
from lerotool.devices.cameras.sources import StreamPacket
from lerotool.media.format import StreamCodec, StreamFormat
from tests.patience import PATIENCE_S


class MemoryWriter:
    """A packet writer that keeps everything, and fails from packet ``fail_at`` on if told so."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.packets: list[tuple[bytes, int, bool]] = []
        self.fail_at = fail_at
        self.attempts = 0
        self._changed = threading.Condition()

    def append(self, packet: bytes, captured_ns: int, keyframe: bool = True) -> int:
        with self._changed:
            self.attempts += 1
            self._changed.notify_all()
            if self.fail_at is not None and len(self.packets) >= self.fail_at:
                raise OSError(28, "No space left on device")
            self.packets.append((packet, captured_ns, keyframe))
            return len(self.packets) - 1

    def wait_for(self, attempts: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.attempts >= attempts, PATIENCE_S), (
                f"{self.attempts} packets came"
            )

    @property
    def data(self) -> list[bytes]:
        return [data for data, _, _ in self.packets]


class HandSource:
    """A source that delivers what the test puts in."""

    def __init__(self, codec: StreamCodec = StreamCodec.MJPEG, fps: float = 30.0) -> None:
        self.format = StreamFormat(codec, 64, 32, "yuvj422p", fps)
        self.notes: tuple[str, ...] = ()
        self._queue: queue.Queue[StreamPacket | Exception | None] = queue.Queue()

    def put(self, data: bytes, captured_ns: int | None = None, *, keyframe: bool = True) -> None:
        stamp = time.monotonic_ns() if captured_ns is None else captured_ns
        self._queue.put(StreamPacket(data, stamp, keyframe))

    def fail(self, error: Exception) -> None:
        self._queue.put(error)

    def is_drained(self) -> bool:
        """Whether the reader is done with all that was put in."""
        return self._queue.unfinished_tasks == 0

    def packets(self) -> Iterator[StreamPacket]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
            self._queue.task_done()

    def close(self) -> None:
        self._queue.put(None)


def jpeg(number: int, width: int = 64, height: int = 32) -> bytes:
    """Return a JPEG that carries a number."""
    grey = np.full((height, width // 2), 128, np.uint8)
    return JpegEncoder(width, height).encode(draw_number(number, width, height), grey, grey)


def decode_jpeg(data: bytes) -> np.ndarray:
    """Return the RGB picture of a JPEG."""
    codec = av.CodecContext.create("mjpeg", "r")
    (frame,) = codec.decode(av.Packet(data))
    return frame.to_ndarray(format="rgb24")


def numbers_of(packets: Sequence[bytes]) -> list[int]:
    """Return the numbers that JPEGs carry."""
    return [read_number(decode_jpeg(data)) for data in packets]


def write_video(path: Path, codec: str, frames: int, size: tuple[int, int] = (96, 64), fps: int = 30) -> Path:
    """Write a video of numbered pictures, 0 to ``frames`` - 1."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj422p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        stream.thread_count = 1
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, width, height), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class OddServer:
    """An HTTP server on loopback that answers something else than a good stream.

    ``password`` must be in the answer to ``scheme``; then pictures are sent until the server is closed, or ``body``.
    """

    def __init__(
        self,
        *,
        kind: str = "multipart/x-mixed-replace; boundary=frame",
        body: bytes | None = None,
        status: int = 200,
        password: str | None = None,
        scheme: str = 'Basic realm="camera"',
    ) -> None:
        self.kind, self.status = kind, status
        self.body = body
        self._closed = threading.Event()
        self.password, self.scheme = password, scheme
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                camera.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}/cam.mjpg"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.password is not None and self.password not in request.headers.get("Authorization", ""):
            request.send_response(401)
            request.send_header("WWW-Authenticate", self.scheme)
            request.end_headers()
            return
        request.send_response(self.status)
        request.send_header("Content-Type", self.kind)
        request.end_headers()
        with contextlib.suppress(OSError):
            if self.body is not None:
                request.wfile.write(self.body)
                return
            for number in itertools.count():
                request.wfile.write(part(jpeg(number)))
                if self._closed.wait(0.01):
                    return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def part(data: bytes) -> bytes:
    """Return a JPEG as a part of a multipart stream."""
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(data), data)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fail after ``PATIENCE_S`` seconds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)
