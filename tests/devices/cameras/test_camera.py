"""The packet path: from a source through the reader thread into the writer of a take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerotool.devices.cameras.camera import Camera, CameraSpec, CameraState, Picture, open_camera, take_still
from lerotool.devices.cameras.jpeg import read_jpeg_size
from lerotool.devices.cameras.reader import Inspector, Tally
from lerotool.devices.cameras.simulated import read_number
from lerotool.devices.cameras.sources import StreamPacket
from lerotool.devices.cameras.spec import CameraControls
from lerotool.errors import DeviceError, DeviceTimeoutError, UsageError
from lerotool.media.format import Rotation, StreamCodec
from lerotool.media.pictures import PacketDecoder, decode_image, to_rgb
from tests.devices.cameras.parts import HandSource, MemoryWriter, jpeg, numbers_of, wait_until
from tests.patience import PATIENCE_S

_PICTURES = [jpeg(number) for number in range(8)]


@contextmanager
def _hand_fed(source: HandSource) -> Iterator[Camera]:
    with Camera(CameraSpec.parse("front=sim"), source, threading.Event()) as camera:
        camera.start()
        yield camera


def test_the_newest_packet_becomes_number_0_and_each_later_one_is_appended_once() -> None:
    source, writer = HandSource(), MemoryWriter()
    with _hand_fed(source) as camera:
        for stamp, data in enumerate(_PICTURES[:3]):
            source.put(data, 1000 + stamp)
        wait_until(lambda: camera.latest_packet() == _PICTURES[2])
        camera.begin(writer)
        assert camera.newest == Picture(0, 1002)
        for stamp, data in enumerate(_PICTURES[3:6]):
            source.put(data, 2000 + stamp, keyframe=stamp == 0)
        writer.wait_for(4)
        camera.end()
        source.put(_PICTURES[6], 3000)
        wait_until(lambda: camera.latest_packet() == _PICTURES[6])
        assert camera.newest == Picture(3, 2002)
    stamps = [(1002, True), (2000, True), (2001, False), (2002, False)]
    assert writer.packets == [(data, *stamp) for data, stamp in zip(_PICTURES[2:6], stamps, strict=True)]


def test_takes_of_a_fast_camera_have_no_hole_and_nothing_twice() -> None:
    with open_camera(CameraSpec.parse("front=sim:numbered,64x32,800")) as camera:
        camera.wait_ready(PATIENCE_S)
        last = -1
        for take in range(6):
            writer = MemoryWriter()
            camera.begin(writer)
            writer.wait_for(20 + take)
            camera.end()
            numbers = numbers_of(writer.data)
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            assert numbers[0] >= last
            assert camera.newest == Picture(len(numbers) - 1, writer.packets[-1][1])
            assert camera.statistics.packets == len(numbers)
            stamps = [stamp for _, stamp, _ in writer.packets]
            assert stamps == sorted(stamps)
            last = numbers[-1]


def test_a_picture_is_published_only_after_it_is_in_the_writer() -> None:
    class GatedWriter(MemoryWriter):
        entered, go_on = threading.Event(), threading.Event()

        def append(self, packet: bytes, captured_ns: int, keyframe: bool = True) -> int:
            if self.packets:
                self.entered.set()
                assert self.go_on.wait(PATIENCE_S)
            return super().append(packet, captured_ns, keyframe)

    source, writer = HandSource(), GatedWriter()
    with _hand_fed(source) as camera:
        source.put(_PICTURES[0])
        camera.wait_ready(PATIENCE_S)
        camera.begin(writer)
        source.put(_PICTURES[1])
        assert writer.entered.wait(PATIENCE_S)
        assert camera.newest.number == 0
        assert camera.statistics.packets == 1
        writer.go_on.set()
        wait_until(lambda: camera.newest.number == 1)


def test_a_full_disk_reaches_the_loop_and_the_next_take_works() -> None:
    source, full, good = HandSource(), MemoryWriter(fail_at=2), MemoryWriter()
    with _hand_fed(source) as camera:
        source.put(_PICTURES[0])
        camera.wait_ready(PATIENCE_S)
        camera.begin(full)
        for data in _PICTURES[1:4]:
            source.put(data)
        wait_until(lambda: camera.latest_packet() == _PICTURES[3])
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                camera.check()
        assert camera.newest.number == 1
        assert full.attempts == 3, "after a failure nothing more is tried in this take"
        camera.end()
        camera.begin(good)
        camera.check()
        source.put(_PICTURES[4])
        good.wait_for(2)
        assert good.data == _PICTURES[3:5]


def test_a_take_whose_first_packet_cannot_be_written_has_not_begun() -> None:
    source, full = HandSource(), MemoryWriter(fail_at=0)
    with _hand_fed(source) as camera:
        source.put(_PICTURES[0])
        camera.wait_ready(PATIENCE_S)
        with pytest.raises(OSError, match="No space left"):
            camera.begin(full)
        good = MemoryWriter()
        camera.begin(good)
        assert (full.data, good.data) == ([], _PICTURES[:1])


def test_damaged_packets_are_counted_and_not_used_and_repeats_are_counted_and_used() -> None:
    source, writer = HandSource(), MemoryWriter()
    with _hand_fed(source) as camera:
        source.put(b"")
        source.put(_PICTURES[0][:-2])
        source.put(_PICTURES[0], 10)
        camera.wait_ready(PATIENCE_S)
        camera.begin(writer)
        for stamp, data in [
            (20, b""),
            (30, _PICTURES[1][:100]),
            (40, _PICTURES[0]),
            (50, b"hello"),
            (60, _PICTURES[2]),
        ]:
            source.put(data, stamp)
        writer.wait_for(3)
        camera.end()
        counts = camera.statistics
        assert writer.data == [_PICTURES[0], _PICTURES[0], _PICTURES[2]]
        assert (counts.packets, counts.empty, counts.cut, counts.repeats) == (3, 1, 2, 1)


def test_zeros_after_the_end_of_a_jpeg_are_no_damage() -> None:
    source = HandSource()
    with _hand_fed(source) as camera:
        source.put(_PICTURES[0] + bytes(7))
        camera.wait_ready(PATIENCE_S)


def test_raw_pictures_are_not_looked_into() -> None:
    source = HandSource(StreamCodec.RAW)
    with _hand_fed(source) as camera:
        source.put(bytes(64 * 32 * 3 // 2))
        camera.wait_ready(PATIENCE_S)


def test_a_camera_goes_from_starting_to_running_to_stalled_and_back() -> None:
    source = HandSource(fps=4)
    with _hand_fed(source) as camera:
        assert camera.state is CameraState.STARTING
        assert camera.age_ns(0) is None
        assert camera.latest_packet() is None
        source.put(_PICTURES[0], 400)
        wait_until(lambda: camera.state is CameraState.RUNNING)
        assert camera.age_ns(1000) == 600
        wait_until(lambda: camera.state is CameraState.STALLED)
        source.put(_PICTURES[1])
        wait_until(lambda: camera.state is CameraState.RUNNING)


@pytest.mark.parametrize("error", [DeviceError("the plug was pulled"), OSError("the plug was pulled")])
def test_a_lost_camera_says_why(error: Exception) -> None:
    source = HandSource()
    with _hand_fed(source) as camera:
        source.put(_PICTURES[0])
        camera.wait_ready(PATIENCE_S)
        camera.begin(MemoryWriter())
        source.fail(error)
        wait_until(lambda: camera.state is CameraState.LOST)
        assert camera.lost_reason == "the plug was pulled"
        for ask in (lambda: camera.newest, lambda: camera.wait_ready(0)):
            with pytest.raises(DeviceError, match="camera 'front' is lost: the plug was pulled"):
                ask()


def test_a_silent_camera_is_named() -> None:
    source = HandSource()
    with _hand_fed(source) as camera:
        with pytest.raises(DeviceTimeoutError, match=r"camera 'front' sent no picture within 0.01 s$"):
            camera.wait_ready(0.01)
        source.put(b"")
        source.put(_PICTURES[0][:-2])
        wait_until(source.is_drained)
        with pytest.raises(DeviceTimeoutError, match=r"camera 'front' sent no picture within 0.01 s, only 2 damaged"):
            camera.wait_ready(0.01)


def test_a_take_needs_a_picture_and_an_end_before_the_next() -> None:
    source = HandSource()
    with _hand_fed(source) as camera:
        with pytest.raises(DeviceError, match="no take has begun"):
            _ = camera.newest
        with pytest.raises(DeviceError, match="has sent no picture yet"):
            camera.begin(MemoryWriter())
        source.put(_PICTURES[0])
        camera.wait_ready(PATIENCE_S)
        camera.begin(MemoryWriter())
        with pytest.raises(DeviceError, match="a take is running"):
            camera.begin(MemoryWriter())


def test_closing_ends_the_take_and_the_thread() -> None:
    source, writer = HandSource(), MemoryWriter()
    with _hand_fed(source) as camera:
        assert "camera front" in [thread.name for thread in threading.enumerate()]
        source.put(_PICTURES[0])
        camera.wait_ready(PATIENCE_S)
        camera.begin(writer)
        camera.close()
        camera.close()
        assert "camera front" not in [thread.name for thread in threading.enumerate()]
        assert camera.statistics.packets == 1
        assert camera.lost_reason == "closed"


def test_an_h264_take_begins_with_all_that_its_newest_picture_needs() -> None:
    source, writer = HandSource(StreamCodec.H264), MemoryWriter()
    with _hand_fed(source) as camera:
        for stamp, data in enumerate([b"p0", b"K1", b"p2", b"K3", b"p4", b"p5"]):
            source.put(data, stamp, keyframe=data.startswith(b"K"))
        wait_until(lambda: camera.latest_packet() == b"p5")
        assert camera.latest_group() == (b"K3", b"p4", b"p5")
        camera.begin(writer)
        assert camera.newest == Picture(2, 5)
        assert camera.statistics.packets == 1
        source.put(b"p6", 6, keyframe=False)
        writer.wait_for(4)
        camera.end()
    assert writer.packets == [(b"K3", 3, True), (b"p4", 4, False), (b"p5", 5, False), (b"p6", 6, False)]


def test_after_a_damaged_h264_packet_nothing_is_used_until_the_next_keyframe() -> None:
    source, writer = HandSource(StreamCodec.H264), MemoryWriter()
    with _hand_fed(source) as camera:
        source.put(b"K0", 0)
        camera.wait_ready(PATIENCE_S)
        camera.begin(writer)
        for stamp, data in enumerate([b"p1", b"", b"p3", b"p4", b"K5", b"p6"], 1):
            source.put(data, stamp, keyframe=data.startswith(b"K"))
        writer.wait_for(4)
        camera.end()
        counts = camera.statistics
        assert writer.data == [b"K0", b"p1", b"K5", b"p6"]
        assert (counts.packets, counts.empty, counts.unreachable) == (4, 1, 2)


def test_an_h264_camera_that_hardly_sends_keyframes_cannot_begin_a_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lerotool.devices.cameras.camera.Inspector", lambda codec: Inspector(codec, group_bytes=4))
    source = HandSource(StreamCodec.H264)
    with _hand_fed(source) as camera:
        for data in (b"K0", b"p1", b"p2"):
            source.put(data, keyframe=data == b"K0")
        wait_until(lambda: camera.latest_packet() == b"p2")
        with pytest.raises(DeviceError, match="sends keyframes too rarely"):
            camera.begin(MemoryWriter())
        assert camera.latest_group() == ()


def test_a_reader_that_hangs_in_the_driver_does_not_hang_the_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lerotool.devices.cameras.camera._JOIN_S", 0.05)

    class HangingSource(HandSource):
        def close(self) -> None:
            pass

    source, writer = HangingSource(), MemoryWriter()
    camera = Camera(CameraSpec.parse("front=sim:numbered,64x32"), source, threading.Event())
    camera.start()
    source.put(_PICTURES[0])
    camera.wait_ready(PATIENCE_S)
    camera.begin(writer)
    for close in (camera.close, camera.close):
        with pytest.raises(DeviceTimeoutError, match=r"camera 'front' did not stop within 0.05 s"):
            close()
    camera.end()
    with pytest.raises(DeviceTimeoutError, match="did not stop"):
        camera.reopen()
    source.put(_PICTURES[1])  # the driver wakes up
    wait_until(lambda: camera.is_lost)
    assert writer.data == _PICTURES[:1], "what comes after the closing is not used"
    camera.reopen()
    camera.wait_ready(PATIENCE_S)
    camera.close()


@pytest.mark.parametrize(
    ("source", "problem"),
    [("sim,64x32", "raw.* of 64x32 before, mjpeg of 64x32"), ("sim:numbered,96x32", "64x32 before, mjpeg of 96x32")],
)
def test_another_stream_than_before_is_not_taken_after_reopening(source: str, problem: str) -> None:
    first = HandSource(StreamCodec.RAW if "sim," in source else StreamCodec.MJPEG)
    with Camera(CameraSpec.parse(f"front={source}"), first, threading.Event()) as camera:
        camera.start()
        with pytest.raises(DeviceError, match=f"camera 'front' delivered .*{problem}"):
            camera.reopen()
        assert camera.is_lost
        assert [thread.name for thread in threading.enumerate()].count("camera front") == 0


@settings(max_examples=50)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20))
def test_the_rate_follows_from_the_capture_times(steps: list[int]) -> None:
    tally = Tally()
    now = 0
    for number, step in enumerate(steps):
        now += step
        tally.count(StreamPacket(b"%d" % number, now), is_repeat=False)
    span = sum(steps[1:])
    assert tally.snapshot().rate == (pytest.approx((len(steps) - 1) * 1e9 / span) if span else None)


@pytest.mark.parametrize("source", ["udp://10.0.0.1:5000", "ftp://host/file.mp4"])
def test_an_unknown_kind_of_source_lists_the_known_ones(source: str) -> None:
    with pytest.raises(UsageError, match="unknown kind of source") as caught:
        open_camera(CameraSpec.parse(f"front={source}"))
    assert "sim:numbered" in str(caught.value.hint)


@pytest.mark.parametrize(("rotation", "size"), [(0, (64, 32)), (90, (32, 64)), (180, (64, 32)), (270, (32, 64))])
def test_a_turned_camera_keeps_its_packets_and_says_how_their_pictures_are_turned(
    rotation: Rotation, size: tuple[int, int]
) -> None:
    spec = CameraSpec("front", "sim:numbered", 64, 32, 100, rotation=rotation)
    with open_camera(spec) as camera:
        camera.wait_ready(PATIENCE_S)
        writer = MemoryWriter()
        camera.begin(writer)
        writer.wait_for(3)
        camera.end()
        camera.reopen()
        assert (camera.format.width, camera.format.height, camera.format.rotation) == (*size, rotation)
        assert read_jpeg_size(writer.data[0]) == (64, 32)
        picture = to_rgb(PacketDecoder(camera.format).decode(writer.data[0]))
        assert picture.shape[:2] == (size[1], size[0])
        upright = np.rot90(picture, rotation // 90)
        assert read_number(upright) == numbers_of(writer.data)[0]
        camera.wait_ready(PATIENCE_S)
        assert decode_image(take_still(camera)).shape[:2] == (size[1], size[0])


def test_a_camera_whose_layout_cannot_be_turned_is_refused() -> None:
    class Quartered(HandSource):
        """Sends JPEGs whose colours are a quarter as wide."""

        def __init__(self) -> None:
            super().__init__()
            self.format = replace(self.format, pixel_format="yuvj411p")

        def close(self) -> None:
            super().close()
            closed.append(self)

    closed: list[HandSource] = []

    with pytest.raises(DeviceError, match="camera 'front' sends pictures of yuvj411p, which cannot be turned"):
        open_camera(CameraSpec("front", "sim", rotation=90), lambda *_: Quartered())
    assert len(closed) == 1


@pytest.mark.parametrize("source", ["sim", "http://127.0.0.1:9/", "clip.mp4"])
def test_a_source_without_controls_refuses_settings_of_them(source: str) -> None:
    spec = CameraSpec("front", source, controls=CameraControls(exposure=10, gain=3))
    with pytest.raises(UsageError, match=r"camera 'front': .* has no exposure and no gain that lerotool can set"):
        open_camera(spec)


def test_a_rotation_by_no_quarter_turn_is_refused() -> None:
    with pytest.raises(UsageError, match="camera 'front': rotation 45, expected 0, 90, 180 or 270 degrees"):
        CameraSpec("front", "sim", rotation=45)  # type: ignore[arg-type]
