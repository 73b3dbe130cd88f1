"""H.264 of numbered pictures, and cameras that send it: RTSP in a thread, MPEG-TS over TCP in a process of its own."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
from av.codec.context import Flags

from lerotool.devices.cameras.simulated import numbered_picture

SIZE = (128, 64)
_START = b"\0\0\0\1"


def encoder(*, group: int = 12, in_band: bool = True, fps: int = 50, **options: str) -> av.VideoCodecContext:
    """Return an x264 encoder as cameras have it: no delay, parameter sets in the stream or only beside it."""
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height = SIZE
    codec.pix_fmt, codec.time_base, codec.framerate = "yuv420p", Fraction(1, fps), Fraction(fps)
    codec.thread_count = 1
    codec.options = {"tune": "zerolatency", "qp": "12", "g": str(group), "sc_threshold": "0", **options}
    if not in_band:
        codec.flags |= Flags.global_header
    return codec


def frame(number: int) -> av.VideoFrame:
    """Return the picture of a number for an encoder."""
    picture = av.VideoFrame.from_ndarray(numbered_picture(number, *SIZE), format="rgb24")
    yuv = picture.reformat(format="yuv420p", dst_color_range="MPEG")
    yuv.pts = number
    return yuv


def iter_packets(codec: av.VideoCodecContext, count: int) -> Iterator[bytes]:
    """Yield the packets of the pictures 0 to ``count`` - 1."""
    for number in range(count):
        yield from (bytes(packet) for packet in codec.encode(frame(number)))
    yield from (bytes(packet) for packet in codec.encode(None))


def split_units(packet: bytes) -> list[bytes]:
    """Return the units of an Annex B packet without their start codes."""
    return [unit.rstrip(b"\0") for unit in packet.split(b"\0\0\1")[1:]]


class RtspCamera:
    """One H.264 stream over RTSP, parameter sets in its description only. RFC 2326, RTP in the connection, RFC 6184.

    Each viewer gets numbered pictures from 0 on.
    """

    def __init__(self, *, fps: int = 100, group: int = 12, password: str | None = None) -> None:
        self.fps, self.group, self.password = fps, group, password
        self.hold = threading.Event()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"rtsp://{self.host}/live"
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def hang_up(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        codec = encoder(group=self.group, in_band=False, fps=self.fps)
        codec.open()
        with connection, connection.makefile("rb") as requests, suppress(OSError):
            while line := requests.readline().decode("latin-1").split():
                headers = dict(
                    text.decode("latin-1").strip().split(": ", 1)
                    for text in iter(requests.readline, b"\r\n")  # to the empty line
                )
                answer = self._answer(line[0], headers, codec)
                connection.sendall(answer.replace("\n", "\r\n").encode())
                if line[0] == "PLAY":
                    self._stream(connection, codec)
                    return

    def _answer(self, method: str, headers: dict[str, str], codec: av.VideoCodecContext) -> str:
        head = f"CSeq: {headers['CSeq']}\n"
        if self.password is not None and self.password not in headers.get("Authorization", ""):
            return f'RTSP/1.0 401 Unauthorized\n{head}WWW-Authenticate: Basic realm="camera"\n\n'
        if method == "DESCRIBE":
            sets = ",".join(base64.b64encode(unit).decode() for unit in split_units(bytes(codec.extradata or b""))[:2])
            sdp = (
                "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=camera\nt=0 0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
                f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\na=control:track0\n"
            )
            length = len(sdp.replace("\n", "\r\n"))
            return f"RTSP/1.0 200 OK\n{head}Content-Type: application/sdp\nContent-Length: {length}\n\n{sdp}"
        if method == "SETUP":
            head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\n"
        return f"RTSP/1.0 200 OK\n{head}Session: 1\nPublic: DESCRIBE, SETUP, PLAY, TEARDOWN\n\n"

    def _stream(self, connection: socket.socket, codec: av.VideoCodecContext) -> None:
        sequence = 0
        began = time.monotonic()
        for number, packet in enumerate(iter_packets(codec, 100_000)):
            while self.hold.is_set():
                if self._closed.wait(0.01):
                    return
            if self._closed.wait(max(0.0, began + number / self.fps - time.monotonic())):
                return
            units = split_units(packet)
            for unit in units:
                mark = 0x80 if unit is units[-1] else 0
                rtp = struct.pack(">BBHII", 0x80, 96 | mark, sequence & 0xFFFF, number * 90_000 // self.fps, 7) + unit
                connection.sendall(struct.pack(">cBH", b"$", 0, len(rtp)) + rtp)
                sequence += 1

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join()


class TcpCamera:
    """Numbered pictures to the first viewer over TCP, by libav's own muxer in a child process."""

    def __init__(self, container: str = "mpegts", **options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{port}"
        command = [sys.executable, "-m", __name__, self.url, container, *(f"{k}={v}" for k, v in options.items())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def _serve(url: str, container: str, options: dict[str, str], fps: int = 100) -> None:
    with av.open(f"{url}?listen=1", "w", format=container) as output:
        stream = output.add_stream("libx264", rate=fps, options={"qp": "12", "g": "12", "sc_threshold": "0", **options})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        began = time.monotonic()
        for number in range(100_000):
            picture = frame(number)
            picture.time_base = Fraction(1, fps)
            output.mux(stream.encode(picture))
            time.sleep(max(0.0, began + number / fps - time.monotonic()))


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], dict(text.split("=") for text in sys.argv[3:]))
