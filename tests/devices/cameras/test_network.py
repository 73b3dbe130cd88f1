"""RTSP and TCP cameras, and takes of H.264 that can be decoded by themselves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest

from lerotool.devices.cameras import network
from lerotool.devices.cameras.camera import Camera, CameraSpec, CameraState, open_camera
from lerotool.devices.cameras.simulated import read_number
from lerotool.encoding.job import EncodeJob, run_job
from lerotool.encoding.staged import video_path
from lerotool.errors import DeviceError, DeviceLostError, DeviceNotFoundError, DeviceTimeoutError, UsageError
from lerotool.features import camera as camera_feature
from lerotool.features import vector
from lerotool.media.decode import iter_rgb
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.media.pictures import PacketDecoder, to_rgb
from lerotool.spool.documents import Header
from lerotool.spool.writer import PendingWriter
from tests.devices.cameras.h264 import SIZE, RtspCamera, TcpCamera
from tests.devices.cameras.parts import MemoryWriter, wait_until
from tests.patience import PATIENCE_S


def _connect(spec: CameraSpec) -> Camera:
    """Open a camera whose process may not listen yet."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return open_camera(spec)
        except DeviceNotFoundError:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.02)


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], str]]:
    """Give a function that sends some bytes to the first who connects, and returns its address."""
    with ExitStack() as stack:

        def start(body: bytes) -> str:
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            thread = threading.Thread(target=_send_once, args=(server, body))
            thread.start()
            stack.callback(thread.join)
            return f"tcp://127.0.0.1:{server.getsockname()[1]}"

        yield start


def _send_once(server: socket.socket, body: bytes) -> None:
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.sendall(body)


def _numbers(stream: StreamFormat, packets: list[bytes]) -> list[int]:
    decoder = PacketDecoder(stream)
    return [read_number(to_rgb(decoder.decode(data))) for data in packets]


def _check_takes(camera: Camera, takes: int = 3) -> None:
    """Check that takes, begun anywhere, can be decoded by themselves and have every picture."""
    camera.wait_ready(PATIENCE_S)
    for take in range(takes):
        writer = MemoryWriter()
        wait_until(lambda: len(camera.latest_group()) > 3)  # somewhere between keyframes
        camera.begin(writer)
        first = camera.newest.number
        writer.wait_for(first + 20 + 7 * take)
        camera.end()
        assert writer.packets[0][2], "a take begins with a keyframe"
        assert first >= 3
        numbers = _numbers(camera.format, writer.data)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        stamps = [stamp for _, stamp, _ in writer.packets]
        assert stamps == sorted(stamps)


def test_rtsp_takes_begin_at_a_keyframe_and_name_later_pictures() -> None:
    with RtspCamera() as server, open_camera(CameraSpec.parse(f"top={server.url},128x64,100,h264")) as camera:
        assert (camera.format.codec, camera.format.width, camera.format.height) == (StreamCodec.H264, *SIZE)
        _check_takes(camera)


@pytest.mark.parametrize("container", ["mpegts", "h264"])
def test_tcp_streams_are_taken_as_they_are_or_in_a_transport_stream(container: str) -> None:
    with TcpCamera(container, tune="zerolatency") as server, _connect(CameraSpec.parse(f"top={server.url}")) as camera:
        assert camera.format.codec is StreamCodec.H264
        _check_takes(camera, takes=2)


def test_b_frames_are_refused() -> None:
    with (
        TcpCamera(bf="2", b_strategy="0") as server,
        pytest.raises(DeviceError, match=r"H.264 with B-frames, whose pictures come out of order"),
    ):
        _connect(CameraSpec.parse(f"top={server.url}"))


def test_the_rows_of_an_h264_take_become_exactly_the_pictures_that_they_name(tmp_path: Path) -> None:
    key, fps = "observation.images.top", 50
    features = {"action": vector(["a.pos"]), key: camera_feature(SIZE[1], SIZE[0])}
    with RtspCamera() as server, open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        header = Header.build(sequence=0, fps=fps, features=features, cameras={key: camera.format})
        writer = PendingWriter.create(tmp_path, header)
        wait_until(lambda: len(camera.latest_group()) > 3)
        camera.begin(writer.camera(key))
        named: list[int] = []
        while len(named) < 30:
            newest = camera.newest.number
            if not named or newest > named[-1] + 1 or len(named) % 7 == 0:
                named.append(newest)
                now = time.monotonic_ns()
                writer.append_row(
                    {"action": np.zeros(1, np.float32)},
                    task="t",
                    tick_ns=now,
                    observed_ns=now,
                    acted_ns=now,
                    pictures={key: newest},
                )
            time.sleep(0.001)
        camera.end()
        episode = writer.save({})
    packets = episode.camera(key)
    first = _numbers(episode.header.cameras[key], [packets.packet(0)])[0]
    packets.close()
    settings = EncoderSettings(vcodec="h264", preset="ultrafast", crf=12, g=1)
    outcome = run_job(EncodeJob(episode.path, key, settings, 1, tmp_path / "progress", tmp_path / "stop"))
    assert outcome.frames == 30
    found = [read_number(picture) for picture in iter_rgb(video_path(episode, key), 0, 30, fps)]
    assert named[0] >= 3
    assert found == [first + number for number in named]


def test_a_silent_rtsp_camera_stalls_is_lost_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "TIMEOUT_S", 1.0)
    with RtspCamera() as server, open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        server.hold.set()
        wait_until(lambda: camera.state is CameraState.STALLED)
        wait_until(lambda: camera.is_lost)
        assert camera.lost_reason == "the stream has been silent for 1 s"
        server.hold.clear()
        camera.reopen()
        _check_takes(camera, takes=1)


def test_a_connection_that_is_cut_loses_the_camera() -> None:
    with RtspCamera() as server, open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        server.hang_up()
        wait_until(lambda: camera.is_lost)
        with pytest.raises(DeviceLostError, match="camera 'top' is lost: the stream has"):
            _ = camera.newest


def test_a_password_is_sent_and_not_shown() -> None:
    with RtspCamera(password="bWU6c2VjcmV0") as server:
        with open_camera(CameraSpec.parse(f"top=rtsp://me:secret@{server.host}/live")) as camera:
            camera.wait_ready(PATIENCE_S)
        with pytest.raises(DeviceError, match="wants a password") as caught:
            open_camera(CameraSpec.parse(f"top=rtsp://me:wrong@{server.host}/live"))
    assert "wrong" not in f"{caught.value} {caught.value.hint}"


def test_another_size_is_an_error_another_format_a_note_and_the_rate_is_believed() -> None:
    with RtspCamera() as server:
        with pytest.raises(DeviceError, match="sends 128x64, asked for 640x480"):
            open_camera(CameraSpec.parse(f"top={server.url},640x480"))
        with open_camera(CameraSpec.parse(f"top={server.url},30,mjpeg")) as camera:
            assert camera.notes == (f"camera 'top': {server.url} delivers h264, asked for mjpeg",)
            assert camera.format.fps == 30


def test_a_dead_address_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for scheme in ("rtsp", "tcp"):
        with pytest.raises(DeviceNotFoundError, match=f"{scheme}://127.0.0.1:{port}.* cannot be reached"):
            open_camera(CameraSpec.parse(f"top={scheme}://me:secret@127.0.0.1:{port}"))


def test_a_server_that_does_not_answer_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        for scheme in ("rtsp", "tcp"):
            with pytest.raises(DeviceTimeoutError, match=r"has not answered for 0.5 s"):
                open_camera(CameraSpec.parse(f"top={scheme}://127.0.0.1:{mute.getsockname()[1]}"))


@pytest.mark.parametrize("body", [b"", b"220 mail ready\r\n" * 2000, b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n"])
def test_what_is_no_stream_is_refused(body: bytes, serve: Callable[[bytes], str]) -> None:
    with pytest.raises(DeviceError, match="sends no stream that can be read"):
        open_camera(CameraSpec.parse(f"top={serve(body)}"))


@pytest.mark.parametrize("source", ["rtsp://", "rtsp:///live", "tcp://host", "tcp://host:port", "rtsp://host:99999/"])
def test_an_impossible_address_is_a_usage_error(source: str) -> None:
    with pytest.raises(UsageError, match="is not an address"):
        open_camera(CameraSpec.parse(f"top={source}"))
