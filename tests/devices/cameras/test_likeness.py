"""Frozen cameras."""

from __future__ import annotations

import pytest

from lerotool.devices.cameras import camera as camera_module
from lerotool.devices.cameras.camera import CameraSpec, CameraState, open_camera
from lerotool.devices.cameras.reader import FreezeWatch, is_same_picture
from lerotool.testing.mjpeg_camera import EmulatedCamera
from tests.devices.cameras.parts import MemoryWriter, jpeg, wait_until
from tests.patience import PATIENCE_S


def test_a_picture_is_the_same_when_only_a_comment_in_its_head_differs() -> None:
    picture = jpeg(7)
    stamped = [picture[:2] + b"\xff\xfe\x00\x0a12:00:0" + digit + picture[2:] for digit in (b"1", b"2")]
    assert stamped[0] != stamped[1]
    assert is_same_picture(*stamped)
    assert is_same_picture(stamped[0], picture)
    assert not is_same_picture(picture, jpeg(8))
    assert not is_same_picture(picture, picture[:-1])


def test_raw_pictures_are_compared_whole() -> None:
    one = b"\x10" * 50 + b"\xff\xda" + b"\x10" * 20
    other = b"\x20" * 50 + b"\xff\xda" + b"\x10" * 20
    assert is_same_picture(one, bytes(one))
    assert not is_same_picture(one, other)
    assert not is_same_picture(b"\x10" * 20, b"\x20" * 20)


def test_a_camera_is_frozen_after_the_limit_and_no_longer_with_the_next_new_picture() -> None:
    watch = FreezeWatch(100)
    steps = [(0, False), (90, True), (101, True), (150, True), (160, False), (250, True), (261, True)]
    found = [(watch.note(at, is_repeat=is_repeat), watch.is_frozen) for at, is_repeat in steps]
    assert found == [
        (False, False),
        (False, False),
        (True, True),
        (False, True),
        (False, False),
        (False, False),
        (True, True),
    ]


def test_a_freeze_is_seen_counted_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "_FREEZE_NS", 300_000_000)
    with EmulatedCamera(size=(64, 32), fps=100) as server, open_camera(CameraSpec.parse(f"top={server.url}")) as camera:
        camera.wait_ready(PATIENCE_S)
        first, second = MemoryWriter(), MemoryWriter()
        camera.begin(first)
        for freezes in (1, 2):
            server.faults(frozen=True)
            wait_until(lambda: camera.state is CameraState.FROZEN)
            assert camera.statistics.frozen == freezes
            if freezes == 1:
                server.faults(frozen=False)
                wait_until(lambda: camera.state is CameraState.RUNNING)
        camera.end()
        camera.begin(second)
        assert camera.statistics.frozen == 1, "it is frozen when the take begins"
