"""What a camera delivers, measured."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lerotool.devices.cameras.simulated import read_number
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceLostError, DeviceNotFoundError
from lerotool.media.pictures import decode_image
from lerotool.setup.camera_looks import probe_camera
from lerotool.testing.mjpeg_camera import EmulatedCamera
from tests.devices.cameras.h264 import RtspCamera
from tests.devices.cameras.parts import wait_until, write_video


def test_a_probe_measures_the_rate_and_brings_a_still_picture() -> None:
    with EmulatedCamera(size=(128, 64), fps=100) as server:
        probe = probe_camera(CameraSpec.parse(f"top={server.url},128x64,30"), 0.5)
    assert probe.rate is not None
    assert probe.rate == probe.statistics.rate > 0
    assert probe.statistics.packets > 1
    assert 100 * probe.rate < probe.bytes_per_s < 10_000 * probe.rate
    still = decode_image(probe.still)
    assert still.shape == (64, 128, 3)
    assert read_number(still) >= probe.statistics.packets - 1


def test_a_still_of_h264_is_decoded_from_its_keyframe() -> None:
    with RtspCamera() as server:
        probe = probe_camera(CameraSpec.parse(f"top={server.url}"), 0.2)
    assert read_number(decode_image(probe.still)) >= probe.statistics.packets - 1


def test_a_still_of_raw_pictures_has_their_colours(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", "libx264", 3)
    probe = probe_camera(CameraSpec.parse(f"top={path},100"), 0.1)
    still = decode_image(probe.still)
    assert read_number(still) in range(3)
    assert still.min() <= 10
    assert still.max() >= 245


def test_a_camera_that_is_not_there_or_goes_is_told() -> None:
    server = EmulatedCamera(size=(64, 32), fps=100)
    server.close()
    with pytest.raises(DeviceNotFoundError, match="cannot be reached"):
        probe_camera(CameraSpec.parse(f"top={server.url}"), 0.1)
    with EmulatedCamera(size=(64, 32), fps=100) as short:
        thread = threading.Thread(target=_disconnect_later, args=(short,))
        thread.start()
        with pytest.raises(DeviceLostError, match="camera 'top' is lost"):
            probe_camera(CameraSpec.parse(f"top={short.url}"), 1.5)
        thread.join()


def _disconnect_later(server: EmulatedCamera) -> None:
    wait_until(lambda: server.counts().sent > 20)
    server.disconnect()
