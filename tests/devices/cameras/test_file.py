"""Video files as cameras."""

from __future__ import annotations

import threading
import wave
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from lerotool.devices.cameras.camera import CameraSpec, open_camera
from lerotool.devices.cameras.file import open_source
from lerotool.devices.cameras.simulated import numbered_picture, read_number
from lerotool.errors import DeviceError, DeviceNotFoundError
from lerotool.media.format import StreamCodec, StreamFormat
from tests.devices.cameras.parts import MemoryWriter, numbers_of, write_video
from tests.patience import PATIENCE_S
from tests.shared import REALDATA, needs_realdata


def _play(spec: str, count: int) -> tuple[StreamFormat, list[bytes]]:
    source = open_source(CameraSpec.parse(spec), threading.Event())
    return source.format, [packet.data for packet in islice(source.packets(), count)]


def _unpack(data: bytes, stream: StreamFormat) -> np.ndarray:
    planes = np.frombuffer(data, np.uint8).reshape(stream.height * 3 // 2, stream.width)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p").to_ndarray(format="rgb24")


def test_motion_jpeg_is_delivered_packet_by_packet_and_looped(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", "mjpeg", 7)
    with av.open(str(path)) as container:
        stored = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    stream, packets = _play(f"a={path},400", 17)
    assert stream == StreamFormat(StreamCodec.MJPEG, 96, 64, "yuvj422p", 400.0)
    assert packets == (stored * 3)[:17]
    assert numbers_of(packets[:7]) == list(range(7))


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "libx264"), ("clip.webm", "libsvtav1")])
def test_other_codecs_are_delivered_raw_and_looped_without_a_hole(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, codec, 7)
    stream, packets = _play(f"a={path},400", 17)
    assert stream == StreamFormat(StreamCodec.RAW, 96, 64, "yuv420p", 400.0)
    assert {len(data) for data in packets} == {96 * 64 * 3 // 2}
    assert [read_number(_unpack(data, stream)) for data in packets] == [k % 7 for k in range(17)]


@pytest.mark.parametrize(("name", "codec"), [("clip.mkv", "mjpeg"), ("clip.mp4", "libx264")])
def test_pictures_are_scaled_to_the_size_asked_for(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, codec, 3, size=(192, 128))
    stream, packets = _play(f"a={path},96x64,400", 3)
    assert stream == StreamFormat(StreamCodec.RAW, 96, 64, "yuv420p", 400.0)
    for number, data in enumerate(packets):
        expected = numbered_picture(number, 96, 64).astype(int)
        assert np.abs(_unpack(data, stream).astype(int) - expected).mean() < 25


def test_the_rate_is_the_files_own_and_another_one_is_noted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", "mjpeg", 3, fps=12)
    own = open_source(CameraSpec.parse(f"a={path}"), threading.Event())
    assert (own.format.fps, own.notes) == (12.0, ())
    faster = open_source(CameraSpec.parse(f"a={path},24"), threading.Event())
    assert faster.notes == (f"{path} has 12 pictures a second, played at 24",)


def test_colours_of_bt709_and_full_range_files_come_out_as_bt601_limited(tmp_path: Path) -> None:
    path = tmp_path / "colour.mp4"
    colour = np.tile(np.array([200, 60, 40], np.uint8), (64, 96, 1))
    for matrix, wide in (("bt709", False), ("bt709", True), ("smpte170m", True)):
        _write_tagged(path, colour, matrix, wide=wide)
        stream, (data,) = _play(f"a={path},400", 1)
        np.testing.assert_allclose(_unpack(data, stream)[32, 48], [200, 60, 40], atol=7)


def _write_tagged(path: Path, colour: np.ndarray, matrix: str, *, wide: bool) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"qp": "4"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.color_range = 2 if wide else 1
        stream.codec_context.colorspace = {"bt709": 1, "smpte170m": 6}[matrix]
        frame = av.VideoFrame.from_ndarray(colour, format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace={"bt709": "itu709", "smpte170m": "itu601"}[matrix],
            dst_color_range="JPEG" if wide else "MPEG",
        )
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_file_plays_as_a_camera(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a,b=c.mp4", "libx264", 5)
    with open_camera(CameraSpec.parse(f"front={path},96x64,300")) as camera:
        camera.wait_ready(PATIENCE_S)
        writer = MemoryWriter()
        camera.begin(writer)
        writer.wait_for(30)
        camera.end()
    numbers = [read_number(_unpack(data, camera.format)) for data in writer.data]
    assert numbers == [(numbers[0] + k) % 5 for k in range(len(numbers))]


@needs_realdata
def test_a_real_recording_plays() -> None:
    path = REALDATA / "ioai_lerobotv2/videos/chunk-000/observation.images.cam/episode_000000.mp4"
    stream, packets = _play(f"a={path},320x240,400", 5)
    assert stream.codec is StreamCodec.RAW
    assert _unpack(packets[4], stream).std() > 5


def _absent(path: Path) -> None:
    path.unlink(missing_ok=True)


def _folder(path: Path) -> None:
    path.mkdir()


def _audio(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))


@pytest.mark.parametrize(
    ("make", "kind", "problem"),
    [
        (_absent, DeviceNotFoundError, "camera 'a': no file"),
        (_folder, DeviceNotFoundError, "camera 'a': no file"),
        (lambda path: path.write_bytes(b""), DeviceError, "cannot be played"),
        (lambda path: path.write_text("not a video"), DeviceError, "cannot be played"),
        (_audio, DeviceError, "has no video stream"),
    ],
)
def test_what_is_no_video_is_refused(
    tmp_path: Path, make: Callable[[Path], None], kind: type[DeviceError], problem: str
) -> None:
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(kind, match=problem):
        open_camera(CameraSpec.parse(f"a={path}"))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", "libx264", 20)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DeviceError, match="cannot be played"):
        open_camera(CameraSpec.parse(f"a={path}"))


def test_a_file_without_pictures_ends_the_camera(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", "mjpeg", 2)
    source = open_source(CameraSpec.parse(f"a={path},400"), threading.Event())
    with av.open(str(path)) as whole:
        end = next(packet.pos for packet in whole.demux(video=0))
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(DeviceError, match=r"clip.mkv: (has no pictures|cannot be played)"):
        list(source.packets())


def test_odd_sizes_need_an_even_one_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 97, 64, "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 97, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(DeviceError, match="97x64, which 4:2:0 cannot hold") as caught:
        open_camera(CameraSpec.parse(f"a={path}"))
    assert caught.value.hint == f"add an even size: a={path},96x64"
    assert _play(f"a={path},96x64,400", 1)[0].width == 96
