"""Simulated cameras."""

from __future__ import annotations

import threading
import time
from itertools import islice

import numpy as np
import pytest

from lerotool.devices.cameras.camera import CameraSpec, open_camera
from lerotool.devices.cameras.simulated import open_source
from lerotool.devices.cameras.sources import Pace
from lerotool.errors import UsageError
from lerotool.media.format import StreamCodec, StreamFormat
from tests.devices.cameras.parts import MemoryWriter, decode_jpeg
from tests.patience import PATIENCE_S


def _pictures(text: str, count: int) -> list[bytes]:
    source = open_source(CameraSpec.parse(text), threading.Event())
    return [packet.data for packet in islice(source.packets(), count)]


def test_the_format_is_what_was_asked_for() -> None:
    source = open_source(CameraSpec.parse("front=sim,320x240,15"), threading.Event())
    assert source.format == StreamFormat(StreamCodec.MJPEG, 320, 240, "yuvj422p", 15.0)
    default = open_source(CameraSpec.parse("front=sim"), threading.Event()).format
    assert (default.width, default.height, default.fps) == (640, 480, 30.0)


def test_pictures_move_and_have_a_webcams_size_and_noise() -> None:
    packets = _pictures("front=sim,640x480,500", 20)
    assert 30_000 < np.mean([len(data) for data in packets]) < 45_000
    first, second, last = (decode_jpeg(packets[k]).astype(int) for k in (0, 1, 19))
    assert first.shape == (480, 640, 3)
    assert first.std() > 15, "a scene, not a plain wall"
    assert 2 < np.abs(first - second).mean() < 12, "noise and slow motion"
    assert np.abs(first - last).mean() > np.abs(first - second).mean(), "things have moved"


def test_the_pictures_repeat_after_a_loop_and_never_at_once() -> None:
    packets = _pictures("front=sim,64x32,1000", 160)
    assert packets[:75] == packets[75:150]
    assert len(set(packets[:75])) == 75


def test_cameras_of_different_names_see_different_scenes() -> None:
    front, again, wrist = (_pictures(f"{name}=sim,64x32,1000", 1)[0] for name in ("front", "front", "wrist"))
    assert front == again
    assert np.abs(decode_jpeg(front).astype(int) - decode_jpeg(wrist).astype(int)).mean() > 10


def test_another_simulated_camera_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown simulated camera 'sim:countless'"):
        open_camera(CameraSpec.parse("front=sim:countless"))


def test_a_camera_can_be_closed_while_it_renders() -> None:
    camera = open_camera(CameraSpec.parse("front=sim,1280x720"))
    camera.close()
    assert camera.lost_reason == "closed"


def test_capture_times_lie_on_an_exact_grid_with_little_jitter() -> None:
    with open_camera(CameraSpec.parse("front=sim,64x32,100")) as camera:
        camera.wait_ready(PATIENCE_S)
        writer = MemoryWriter()
        camera.begin(writer)
        writer.wait_for(60)
        camera.end()
    stamps = np.array([stamp for _, stamp, _ in writer.packets])
    grid = np.rint((stamps - stamps[0]) / 1e7)
    assert (np.diff(grid) >= 1).all()
    assert np.abs((stamps - stamps[0]) - grid * 1e7).max() < 2.1e6
    assert len(np.unique(stamps)) == len(stamps)
    assert stamps[-1] <= time.monotonic_ns()


def test_a_reader_that_was_held_up_gets_what_was_due_and_a_long_hold_starts_the_grid_anew() -> None:
    pace = Pace(1000, threading.Event())
    first = pace.wait()
    assert first is not None
    deadline = time.monotonic_ns() + 20_000_000
    while time.monotonic_ns() < deadline:
        time.sleep(0.001)
    assert [pace.wait() for _ in range(15)] == [first + k * 1_000_000 for k in range(1, 16)]
    pace._start_ns -= 5_000_000_000
    before = time.monotonic_ns()
    renewed = pace.wait()
    assert renewed is not None
    assert renewed >= before


def test_a_stopped_pace_returns_at_once() -> None:
    stop = threading.Event()
    pace = Pace(0.01, stop)
    assert pace.wait() is not None
    stop.set()
    assert pace.wait() is None
