"""Network cameras, against a real server on loopback."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from lerotool.devices.cameras import http
from lerotool.devices.cameras.camera import CameraSpec, CameraState, open_camera
from lerotool.errors import (
    DeviceError,
    DeviceLostError,
    DeviceNotFoundError,
    DeviceTimeoutError,
    LerotoolError,
    UsageError,
)
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.testing.mjpeg_camera import EmulatedCamera
from tests.devices.cameras.parts import MemoryWriter, OddServer, jpeg, numbers_of, wait_until
from tests.patience import PATIENCE_S


@pytest.fixture
def server() -> Iterator[EmulatedCamera]:
    with EmulatedCamera(size=(64, 32), fps=200) as camera:
        yield camera


def test_every_packet_arrives_as_it_was_sent(server: EmulatedCamera) -> None:
    with open_camera(CameraSpec.parse(f"top={server.url},64x32,200")) as camera:
        assert camera.format == StreamFormat(StreamCodec.MJPEG, 64, 32, "yuvj422p", 200.0)
        camera.wait_ready(PATIENCE_S)
        writer = MemoryWriter()
        camera.begin(writer)
        writer.wait_for(100)
        camera.end()
        numbers = numbers_of(writer.data)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert writer.data == [jpeg(number) for number in numbers]
        stamps = [stamp for _, stamp, _ in writer.packets]
        assert stamps == sorted(stamps)
        assert stamps[-1] <= time.monotonic_ns()


def test_without_a_size_the_cameras_own_is_taken(server: EmulatedCamera) -> None:
    with open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        assert (camera.format.width, camera.format.height, camera.format.fps) == (64, 32, 30.0)


def test_another_size_than_asked_for_is_an_error(server: EmulatedCamera) -> None:
    with pytest.raises(DeviceError, match="sends 64x32, asked for 640x480"):
        open_camera(CameraSpec.parse(f"top={server.url},640x480"))


def test_damaged_and_repeated_pictures_are_counted_exactly(server: EmulatedCamera) -> None:
    with open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        writer = MemoryWriter()
        camera.begin(writer)
        server.faults(cut_every=10, empty_every=15)
        writer.wait_for(80)
        server.faults(cut_every=0, empty_every=0, frozen=True)
        wait_until(lambda: server.counts().frozen >= 20)
        server.faults(frozen=False)
        writer.wait_for(writer.attempts + 5)
        server.faults(stall=True)
        sent = server.counts()
        wait_until(lambda: camera.statistics.repeats == sent.frozen)
        found = camera.statistics
        camera.end()
        assert (found.cut, found.empty, found.repeats) == (sent.cut, sent.empty, sent.frozen)
        assert min(found.cut, found.empty) >= 3
        assert found.packets == len(writer.packets)
        numbers_of(writer.data)


def test_a_stall_is_seen_and_survived(server: EmulatedCamera) -> None:
    with open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        writer = MemoryWriter()
        camera.begin(writer)
        server.faults(stall=True)
        wait_until(lambda: camera.state is CameraState.STALLED)
        assert (camera.age_ns(time.monotonic_ns()) or 0) > 400_000_000
        seen = writer.attempts
        server.faults(stall=False)
        writer.wait_for(seen + 5)
        wait_until(lambda: camera.state is CameraState.RUNNING)
        numbers = numbers_of(writer.data)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_stalled_camera_can_be_closed_at_once(server: EmulatedCamera) -> None:
    camera = open_camera(CameraSpec.parse(f"top={server.url}"))
    camera.wait_ready(PATIENCE_S)
    server.faults(stall=True)
    wait_until(lambda: camera.state is CameraState.STALLED)
    camera.close()
    assert camera.lost_reason == "closed"
    assert not [thread for thread in threading.enumerate() if thread.name == "camera top"]


def test_a_long_silence_loses_the_camera(server: EmulatedCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT_S", 0.3)
    with open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        server.faults(stall=True)
        wait_until(lambda: camera.state is CameraState.LOST)
        assert camera.lost_reason == "the stream has been silent for 0.3 s"


def test_a_closed_connection_loses_the_camera(server: EmulatedCamera) -> None:
    with open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        server.disconnect()
        wait_until(lambda: camera.is_lost)
        assert camera.lost_reason == "the stream has ended"
        for ask in (lambda: camera.wait_ready(1), lambda: camera.begin(MemoryWriter())):
            with pytest.raises(DeviceLostError, match="camera 'top' is lost: the stream has ended"):
                ask()


def test_an_unplugged_camera_is_lost_until_it_is_there_again(server: EmulatedCamera) -> None:
    with open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        first, second = MemoryWriter(), MemoryWriter()
        camera.begin(first)
        server.unplug()
        wait_until(lambda: camera.is_lost)
        with pytest.raises(DeviceError, match="a take is running"):
            camera.reopen()
        camera.end()
        with pytest.raises(DeviceNotFoundError, match="cannot be reached"):
            camera.reopen()
        assert camera.is_lost
        server.replug()
        camera.reopen()
        assert not camera.is_lost
        camera.wait_ready(PATIENCE_S)
        camera.begin(second)
        second.wait_for(20)
        camera.end()
        numbers = numbers_of(second.data)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert camera.statistics.packets == len(second.packets)
        assert server.counts().connections == 2


def test_a_camera_that_runs_can_be_opened_again(server: EmulatedCamera) -> None:
    with open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        camera.reopen()
        camera.wait_ready(PATIENCE_S)
        assert camera.state is CameraState.RUNNING
        with pytest.raises(DeviceError, match="no take has begun"):
            _ = camera.newest
        assert [thread.name for thread in threading.enumerate()].count("camera top") == 1


def test_user_and_password_are_sent_and_not_shown() -> None:
    secret = base64.b64encode(b"me:s%e cret").decode()
    with OddServer(password=secret) as server:
        with open_camera(CameraSpec.parse(f"top=http://me:s%25e%20cret@{server.host}/cam")) as camera:
            camera.wait_ready(PATIENCE_S)
        with pytest.raises(DeviceError, match="answers 401") as caught:
            open_camera(CameraSpec.parse(f"top=http://me:wrong@{server.host}/cam"))
    assert "wrong" not in str(caught.value)


def test_a_camera_that_wants_a_digest_gets_one() -> None:
    with (
        OddServer(scheme='Digest realm="camera", nonce="abc", qop="auth"', password='username="me"') as server,
        open_camera(CameraSpec.parse(f"top=http://me:secret@{server.host}/cam")) as camera,
    ):
        camera.wait_ready(PATIENCE_S)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"status": 404, "body": b"gone"}, "answers 404"),
        ({"kind": "text/html; charset=utf-8", "body": b"<html></html>"}, "sends text/html, expected a Motion JPEG"),
        ({"kind": "image/jpeg", "body": b"\xff\xd8\xff\xd9"}, "sends image/jpeg"),
        ({"body": b""}, "sends no"),
        ({"body": b"these are no pictures"}, "sends no"),
        ({"body": b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 5\r\n\r\nhello\r\n"}, "sends no"),
        ({"body": b"--frame\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello\r\n"}, "sends no"),
    ],
)
def test_what_is_no_stream_is_refused_with_a_hint(options: dict[str, object], problem: str) -> None:
    with OddServer(**options) as server, pytest.raises(DeviceError, match=problem) as caught:
        open_camera(CameraSpec.parse(f"top={server.url}"))
    assert "camera 'top'" in str(caught.value)
    assert caught.value.hint is not None


def test_a_dead_address_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DeviceNotFoundError, match=f"http://127.0.0.1:{port}/cam cannot be reached"):
        open_camera(CameraSpec.parse(f"top=http://127.0.0.1:{port}/cam"))


def test_a_server_that_does_not_answer_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT_S", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        pytest.raises(DeviceTimeoutError, match=r"has not answered for 0.2 s"),
    ):
        open_camera(CameraSpec.parse(f"top=http://127.0.0.1:{mute.getsockname()[1]}/"))


def test_a_server_that_speaks_something_else_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server, b"220 mail ready\r\n"))
        thread.start()
        with pytest.raises(DeviceError, match="does not speak HTTP"):
            open_camera(CameraSpec.parse(f"top=http://127.0.0.1:{server.getsockname()[1]}/"))
        thread.join()


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(answer)


@pytest.mark.parametrize(
    "source", ["http://", "http:///path", "http://host:port/", "http://host:99999/", "http://a b/", "http://[::1/"]
)
def test_an_impossible_address_is_a_clear_error(source: str) -> None:
    with pytest.raises(LerotoolError) as caught:
        open_camera(CameraSpec.parse(f"top={source}"))
    assert isinstance(caught.value, UsageError | DeviceError)
