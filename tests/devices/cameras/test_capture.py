"""Cameras of this computer. libav's test pictures and a network camera's demuxer stand in for the drivers."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from lerotool.devices.cameras import capture
from lerotool.devices.cameras.backends import BACKENDS, V4L2, Backend, CameraDevice, CameraMode, Options, choose_backend
from lerotool.devices.cameras.capture import open_capture
from lerotool.devices.cameras.demuxed import DemuxedSource, read_format
from lerotool.devices.cameras.spec import CameraControls, CameraSpec, InputFormat
from lerotool.errors import (
    DeviceBusyError,
    DeviceError,
    DeviceLostError,
    DeviceNotFoundError,
    DevicePermissionError,
)
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.pictures import PacketDecoder, to_rgb
from lerotool.testing.mjpeg_camera import EmulatedCamera
from tests.devices.cameras.parts import jpeg, numbers_of

LAVFI = Backend("lavfi", lambda _: iter([{}]))


def _open(graph: str, text: str = "a=0") -> DemuxedSource:
    return open_capture(CameraSpec.parse(text), LAVFI, graph, threading.Event())


def _take(source: DemuxedSource, count: int) -> list[bytes]:
    with closing(source.packets()) as packets:  # type: ignore[type-var]
        return [packet.data for packet in islice(packets, count)]


@pytest.mark.parametrize("layout", ["yuv420p", "yuyv422", "uyvy422", "nv12", "yuvj422p", "rgb24", "bgr0"])
def test_uncompressed_pictures_of_every_layout_become_the_same_colours(layout: str) -> None:
    source = _open(f"color=c=0xC83C28:size=64x48:rate=30,format={layout}")
    assert source.format == StreamFormat(StreamCodec.RAW, 64, 48, "yuv420p", 30.0)
    decoder = PacketDecoder(source.format)
    for data in _take(source, 3):
        assert len(data) == 64 * 48 * 3 // 2
        np.testing.assert_allclose(to_rgb(decoder.decode(data))[24, 32], [0xC8, 0x3C, 0x28], atol=3)


def test_full_range_is_made_limited() -> None:
    (data,) = _take(_open("color=c=white:size=64x48:rate=30,format=yuvj422p"), 1)
    assert set(data[: 64 * 48]) == {235}


def test_the_pictures_are_those_that_the_device_had() -> None:
    graph = "testsrc2=size=64x48:rate=30,format=yuv420p"
    with av.open(graph, format="lavfi") as container:
        expected = [frame.to_ndarray().tobytes() for frame in islice(container.decode(video=0), 5)]
    assert _take(_open(graph), 5) == expected


def test_another_size_is_an_error_and_another_rate_a_note() -> None:
    with pytest.raises(DeviceError, match=r"camera 'a': color.* delivers 64x48, asked for 640x480"):
        _open("color=size=64x48:rate=30", "a=0,640x480")
    source = _open("color=size=64x48:rate=25", "a=0,64x48,30,raw")
    assert source.format.fps == 25
    assert [note.partition(" delivers ")[2] for note in source.notes] == ["25 pictures a second, asked for 30"]
    assert _open("color=size=64x48:rate=30", "a=0,64x48,30,raw").notes == ()
    assert "uncompressed pictures (yuv420p)" in _open("color=size=64x48:rate=30").notes[0]


def test_a_driver_without_controls_refuses_settings_of_them() -> None:
    spec = CameraSpec("a", "0", controls=CameraControls(exposure="auto"))
    for backend in (BACKENDS["darwin"], BACKENDS["win32"]):
        with pytest.raises(DeviceError, match=f"camera 'a': FaceTime: the {backend.format} driver has no exposure"):
            open_capture(spec, backend, "FaceTime", threading.Event())


def test_odd_sizes_are_refused() -> None:
    with pytest.raises(DeviceError, match="65x48, which 4:2:0 cannot hold"):
        _open("color=size=65x48:rate=30,format=rgb24")


def test_compressed_packets_stay_as_they_are() -> None:
    backend = Backend("mpjpeg", lambda _: iter([{}]))
    with EmulatedCamera(size=(64, 32), fps=100) as server:
        source = open_capture(CameraSpec.parse("a=0,64x32"), backend, server.url, threading.Event())
        assert source.format.codec is StreamCodec.MJPEG
        packets = _take(source, 20)
    assert packets == [jpeg(number) for number in numbers_of(packets)]
    assert numbers_of(packets) == list(range(20))


def test_what_a_device_refuses_is_followed_by_the_next_attempt() -> None:
    tried = []

    def attempts(_: CameraSpec) -> Iterator[Options]:
        for number, value in enumerate(("nonsense", "-7", "1")):
            tried.append(number)
            yield {"strict_mime_boundary": value}

    backend = Backend("mpjpeg", attempts)
    with EmulatedCamera(size=(64, 32), fps=100) as server:
        source = open_capture(CameraSpec.parse("a=0"), backend, server.url, threading.Event())
        assert len(_take(source, 3)) == 3
    assert tried == [0, 1, 2]


def test_when_every_attempt_is_refused_the_first_refusal_is_told() -> None:
    backend = Backend("mpjpeg", lambda _: iter([{"strict_mime_boundary": "nonsense"}] * 2))
    with (
        EmulatedCamera(size=(64, 32), fps=100) as server,
        pytest.raises(DeviceError, match="refuses 64x32 at 30 pictures a second as mjpeg: Invalid argument"),
    ):
        open_capture(CameraSpec.parse("a=0,64x32,30,mjpeg"), backend, server.url, threading.Event())


def test_a_device_that_says_ask_again_is_asked_again() -> None:
    class Impatient:
        """Ends every second request as AVFoundation does while there is no picture."""

        def __init__(self, container: av.container.InputContainer) -> None:
            self.streams, self.close = container.streams, container.close
            self._container, self.asked = container, 0

        def demux(self, video: int) -> Iterator[object]:
            self.asked += 1
            yield next(self._container.demux(video=video))
            raise av.error.BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    spec = CameraSpec.parse("a=0")
    graph = "testsrc2=size=320x240:rate=30,format=yuv420p"
    impatient = Impatient(av.open(graph, format="lavfi"))
    stream = read_format(spec, "a", impatient)  # type: ignore[arg-type]
    source = DemuxedSource(impatient, stream, (), threading.Event(), DeviceError)  # type: ignore[arg-type]
    found = _take(source, 5)
    assert impatient.asked == 5
    assert found == _take(_open(graph), 5)
    assert len({*found}) == 5


def test_closing_ends_the_packets() -> None:
    source = _open("color=size=64x48:rate=30,realtime")
    packets = source.packets()
    next(packets)
    source.close()
    assert list(packets) == []


def test_a_stream_that_ends_by_itself_is_lost() -> None:
    with pytest.raises(DeviceLostError, match="the stream has ended"):
        list(_open("color=size=64x48:rate=30:d=0.2").packets())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=0", [{"input_format": "mjpeg"}, {}]),
        ("a=0,mjpeg", [{"input_format": "mjpeg"}, {}]),
        ("a=0,h264", [{"input_format": "h264"}, {"input_format": "mjpeg"}, {}]),
        ("a=0,raw", [{}]),
    ],
)
def test_video4linux_is_asked_for_motion_jpeg_first_and_for_anything_last(text: str, expected: list[Options]) -> None:
    mode = {"video_size": "640x480", "framerate": "30"}
    assert list(V4L2.attempts(CameraSpec.parse(text))) == [{**wanted, **mode} for wanted in expected]


def test_directshow_is_asked_for_motion_jpeg_first_and_for_its_own_size_last() -> None:
    wanted = list(BACKENDS["win32"].attempts(CameraSpec.parse("a=0,25")))
    assert [(one.get("vcodec"), one.get("video_size"), one["framerate"]) for one in wanted] == [
        ("mjpeg", "640x480", "25"),
        (None, "640x480", "25"),
        ("mjpeg", None, "25"),
        (None, None, "25"),
    ]
    assert {one["rtbufsize"] for one in wanted} == {"64M"}
    assert BACKENDS["win32"].prefix == "video="


def test_avfoundation_gives_raw_pictures_only() -> None:
    attempts = BACKENDS["darwin"].attempts
    assert list(attempts(CameraSpec.parse("a=0,1280x720"))) == [
        {"pixel_format": "nv12", "video_size": "1280x720", "framerate": "30"}
    ]
    assert [one.get("video_size") for one in attempts(CameraSpec.parse("a=0,mjpeg"))] == ["640x480", None]


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=lambda backend: backend.format)
@pytest.mark.parametrize("packed", [None, *InputFormat])
def test_options_are_plain_texts_as_libav_wants_them(backend: Backend, packed: InputFormat | None) -> None:
    for options in backend.attempts(CameraSpec("a", "0", input_format=packed)):
        assert {type(text) for pair in options.items() for text in pair} == {str}


def test_a_system_without_cameras_says_so() -> None:
    with pytest.raises(DeviceError, match="cameras of a sunos5 computer are not supported"):
        choose_backend("sunos5")


def test_a_backend_that_this_pyav_lacks_is_named() -> None:
    absent = Backend("nocamera", lambda _: iter([{}]))
    with pytest.raises(DeviceError, match="this PyAV has no nocamera"):
        open_capture(CameraSpec.parse("a=0"), absent, "0", threading.Event())


@pytest.mark.skipif(sys.platform != "linux", reason="Video4Linux")
def test_what_is_no_camera_is_told_by_the_driver_itself() -> None:
    with pytest.raises(DeviceNotFoundError, match="camera 'a': /dev/null is not a camera"):
        open_capture(CameraSpec.parse("a=0"), V4L2, "/dev/null", threading.Event())


_ERRORS: list[tuple[int, type[DeviceError], str, str]] = [
    (errno.EBUSY, DeviceBusyError, "is in use by", "end the other program"),
    (errno.EACCES, DevicePermissionError, "may not be opened by this user", "video|camera"),
    (errno.ENOENT, DeviceNotFoundError, "is not there", "C920 .*by-id/c920"),
    (errno.ENODEV, DeviceNotFoundError, "is not a camera", "C920 .*by-id/c920"),
    (errno.ENOSPC, DeviceError, "not enough USB bandwidth", "mjpeg.*controller"),
    (errno.EINVAL, DeviceError, "refuses 640x480 at 30 pictures a second", "mjpeg 640x480 at 30, 15"),
]


@pytest.mark.parametrize(("number", "kind", "text", "hint"), _ERRORS)
def test_a_refusal_is_explained(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: type[DeviceError], text: str, hint: str
) -> None:
    device = CameraDevice("C920", "/dev/video0", "/dev/v4l/by-id/c920", (CameraMode("mjpeg", 640, 480, (30.0, 15.0)),))
    monkeypatch.setattr("lerotool.devices.cameras.listing.list_cameras", lambda: (device,))
    error = av.error.classes.get(number, av.error.OSError)(number, os.strerror(number), "/dev/video0")
    found = capture.explain_refusal(CameraSpec.parse("a=0,640x480,30"), "/dev/video0", error)
    assert type(found) is kind
    with pytest.raises(kind, match=f"camera 'a': /dev/video0.*{text}"):
        raise found
    with pytest.raises(DeviceError, match=hint):
        raise DeviceError(str(found.hint))


@pytest.mark.parametrize(
    ("number", "text"),
    [(errno.ENODEV, "was unplugged"), (errno.EIO, "was unplugged"), (errno.EINVAL, "cannot be read")],
)
def test_a_loss_is_explained(tmp_path: Path, number: int, text: str) -> None:
    error = av.error.OSError(number, os.strerror(number))
    with pytest.raises(DeviceLostError, match=text):
        raise capture.explain_loss(str(tmp_path), error)
    with pytest.raises(DeviceLostError, match="was unplugged"):
        raise capture.explain_loss("/dev/video99", error)
