"""Cameras that mean no good: none makes anybody wait for ever, fills the memory or has a file read."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lerotool.devices.cameras import http, network
from lerotool.devices.cameras.camera import CameraSpec, open_camera
from lerotool.errors import DeviceError
from tests.devices.cameras.hostile import PAUSE, STREAM, Answer, HostileServer, endless, once, slow
from tests.devices.cameras.parts import PATIENCE_S, MemoryWriter, jpeg, part, wait_until

MEBIBYTE = 1 << 20
BUFFERS = 16 * MEBIBYTE
"""What the system's own buffers may take beside the limit."""
STATUS = b"HTTP/1.1 200 OK\r\n"
PART = b"--frame\r\nContent-Type: image/jpeg\r\n"
HUGE = jpeg(1)[:2] + b"\xff\xc0\x00\x11\x08\xff\xdc\xff\xdc\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01" + jpeg(1)[2:]
"""A JPEG whose frame header claims 65500 x 65500."""
HTTP: dict[str, Answer] = {
    "endless status line": endless(b"HTTP/1.1 200 ", b"O"),
    "endless headers": endless(STATUS, b"X-A: b\r\n"),
    "an endless header": endless(STATUS + b"X-A: ", b"b"),
    "slow headers": slow(STATUS, b"X-A: b\r\n"),
    "endless redirections": once("HTTP/1.1 302 Found\r\nLocation: http://HOST/again\r\nContent-Length: 0\r\n\r\n"),
    "asks for a password for ever": once(
        'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="a", nonce="b", qop="auth"\r\nContent-Length: 0\r\n\r\n'
    ),
    "a slow body": slow(STREAM, b"--frame\r\nContent-Type: image/jpeg\r\nX: y\r\n"),
    "text for ever": endless(STREAM, b"--frame\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello\r\n"),
    "pictures that are none for ever": endless(STREAM, PART + b"Content-Length: 5\r\n\r\nhello\r\n"),
    "endless headers of a part": endless(STREAM + PART, b"X-A: b\r\n"),
    "a part without end": endless(STREAM + PART + b"\r\n" + jpeg(1)[:-2], b"\0"),
    "a part of 2 GB": endless(STREAM + PART + b"Content-Length: 2000000000\r\n\r\n" + jpeg(1)[:-2], b"\0"),
    "a part of 10^18 bytes": endless(STREAM + PART + b"Content-Length: 1000000000000000000\r\n\r\n", b"\0"),
    "a part of -5 bytes": endless(STREAM + PART + b"Content-Length: -5\r\n\r\n", jpeg(1)),
    "a chunk of 2^60 bytes": endless(STREAM[:-2] + b"Transfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", b"x"),
    "a picture of 65500 x 65500": endless(STREAM, part(HUGE), repeat=1),
}
THROWN_AWAY: dict[str, Answer] = {
    "continue for ever": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a last chunk without end": endless(STREAM[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n"),
}
"""What Python's client reads and keeps nothing of: how much it is depends on speed alone."""
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
RTSP: dict[str, Answer] = {
    "endless headers": endless(b"RTSP/1.0 200 OK\r\n", b"X-A: b\r\n"),
    "an endless header": endless(b"RTSP/1.0 200 OK\r\nX-A: ", b"b"),
    "slow headers": slow(b"RTSP/1.0 200 OK\r\n", b"X-A: b\r\n"),
    "a description of 2 GB, slowly": slow(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 2000000000\r\n\r\n", b"v"),
    "a negative length": once("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n"),
    "endless redirections": once("RTSP/1.0 302 Found\r\nCSeq: 1\r\nLocation: rtsp://HOST/again\r\n\r\n"),
    "data for ever": endless(b"", b"$\0\xff\xff" + b"x" * 65535, repeat=1),
}
TCP: dict[str, Answer] = {
    "nothing but zeros": endless(b"", b"\0", repeat=65536),
    "slow bytes": slow(b"", b"G"),
    "a picture without end": endless(jpeg(1)[:-2], b"\0"),
    "a picture of 65500 x 65500": endless(b"", HUGE, repeat=1),
    "units without a picture": endless(b"", b"\0\0\0\1\x09\x10"),
}


@pytest.fixture
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "OPENING_S", 2.0)
    monkeypatch.setattr(http, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(http, "MOST_BYTES", 4 * MEBIBYTE)
    monkeypatch.setattr(network, "TIMEOUT_S", 1.0)


def refuse(address: str, seconds: float) -> DeviceError:
    """Expect that opening a camera fails in time, and return the error."""
    began = time.monotonic()
    with pytest.raises(DeviceError) as caught:
        open_camera(CameraSpec.parse(f"top={address}"))
    assert time.monotonic() - began < seconds
    return caught.value


@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize("name", HTTP)
def test_an_http_camera_that_never_sends_a_picture_is_refused_in_time_and_in_little_memory(name: str) -> None:
    with HostileServer(HTTP[name]) as server:
        error = refuse(f"http://me:secret@{server.host}/", PATIENCE_S)
        assert "camera 'top'" in str(error)
        assert error.hint
        assert server.sent < http.MOST_BYTES + BUFFERS
        assert server.connections <= 25


@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize("name", THROWN_AWAY)
def test_what_never_becomes_a_picture_and_is_not_kept_is_refused_in_time(name: str) -> None:
    with HostileServer(THROWN_AWAY[name]) as server:
        error = refuse(f"http://{server.host}/", PATIENCE_S)
        # Newer versions of Python give up by themselves, before the camera's time is over.
        assert re.search(r"camera 'top': .*(has sent no picture|does not speak HTTP|sends no Motion JPEG)", str(error))
        assert server.connections <= 25


@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://HOST/x", "data:text/plain,x", "rtsp://HOST/"])
def test_an_http_camera_leads_to_no_file_and_no_other_service(location: str) -> None:
    answer = once(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    with HostileServer(answer) as server:
        error = refuse(f"http://{server.host}/", PATIENCE_S)
        assert server.connections == 1
    assert "answers 302" in str(error)


@pytest.mark.usefixtures("_little_patience")
def test_a_picture_that_never_ends_loses_a_camera_that_was_good(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(host: str) -> Iterator[bytes]:
        del host
        yield STREAM
        for number in range(20):
            yield part(jpeg(number))
            yield PAUSE
        yield from endless(PART + b"Content-Length: 2000000000\r\n\r\n", b"\0", repeat=65536)("")

    with HostileServer(answer) as server, open_camera(CameraSpec.parse(f"top=http://{server.host}/")) as camera:
        camera.wait_ready(PATIENCE_S)
        camera.begin(MemoryWriter())
        wait_until(lambda: camera.is_lost)
        assert camera.lost_reason == "it has sent 4 MiB without a whole picture"
        assert server.sent < http.MOST_BYTES + BUFFERS


def test_pictures_that_become_gigantic_are_counted_as_damaged_and_never_kept() -> None:
    def answer(host: str) -> Iterator[bytes]:
        del host
        yield STREAM
        for number in itertools.count():
            yield part(HUGE if number % 3 == 2 else jpeg(number))
            yield PAUSE

    with HostileServer(answer) as server, open_camera(CameraSpec.parse(f"top=http://{server.host}/")) as camera:
        camera.wait_ready(PATIENCE_S)
        writer = MemoryWriter()
        camera.begin(writer)
        wait_until(lambda: camera.statistics.cut >= 3)
        assert HUGE not in (*writer.data, camera.latest_packet())


@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize("name", RTSP)
def test_an_rtsp_camera_that_never_sends_a_picture_is_refused_in_time(name: str) -> None:
    with HostileServer(RTSP[name]) as server:
        refuse(f"rtsp://{server.host}/live", PATIENCE_S)


@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://HOST/x", "rtsp://127.0.0.1:1/"])
def test_an_rtsp_camera_leads_to_no_file(location: str) -> None:
    with HostileServer(once(f"RTSP/1.0 302 Found\r\nCSeq: 1\r\nLocation: {location}\r\n\r\n")) as server:
        assert "root:" not in str(refuse(f"rtsp://{server.host}/live", PATIENCE_S))


@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize("name", TCP)
def test_a_tcp_camera_that_never_sends_a_picture_is_refused_in_time(name: str) -> None:
    with HostileServer(TCP[name]) as server:
        refuse(f"tcp://{server.host}", PATIENCE_S)


@pytest.mark.usefixtures("_little_patience")
def test_a_playlist_over_tcp_opens_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg(7))
    for text in f"#EXTM3U\n#EXTINF:1\n{secret.as_uri()}\n", f"ffconcat version 1.0\nfile {secret}\n":
        with HostileServer(once(text)) as server:
            refuse(f"tcp://{server.host}", PATIENCE_S)
