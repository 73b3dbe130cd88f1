"""The benchmark's pictures: like a camera's, and each tells which it is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lerotool.benchmarking.clips import make_clips, make_pictures, mean_psnr, number_of, psnr, stream_format
from lerotool.benchmarking.effort import Rig
from lerotool.devices.cameras.camera import open_camera
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import UsageError
from lerotool.media.pictures import PacketDecoder
from tests.benchmarking.parts import TINY


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 96), (480, 640)])
def test_every_picture_is_another_and_tells_its_number(height: int, width: int) -> None:
    pictures = make_pictures(5, 1, height, width)
    assert pictures.shape == (5, height, width, 3)
    assert [number_of(picture) for picture in pictures] == list(range(5))
    assert all(not np.array_equal(a, b) for a, b in pairwise(pictures))


def test_the_number_survives_jpeg() -> None:
    decoder = PacketDecoder(stream_format(TINY))
    clip = make_clips(TINY)[1]
    decoded = [decoder.decode(jpeg).to_ndarray(format="rgb24") for jpeg in clip.jpegs]
    assert [number_of(picture) for picture in decoded] == list(range(60))
    assert 25 < mean_psnr(decoded, make_pictures(60, 1, TINY.height, TINY.width)) < 60


def test_a_full_size_picture_weighs_what_a_webcams_weighs() -> None:
    (clip,) = make_clips(Rig(cameras=1, fps=1))
    assert all(20_000 < len(jpeg) < 60_000 for jpeg in clip.jpegs)


def test_a_written_clip_serves_as_a_camera(tmp_path: Path) -> None:
    path = make_clips(TINY)[0].write(tmp_path)
    camera = open_camera(CameraSpec("front", str(path), TINY.width, TINY.height, float(TINY.fps)))
    try:
        assert camera.format == stream_format(TINY)
        camera.wait_ready(10.0)
    finally:
        camera.close()


def test_equal_pictures_are_infinitely_alike() -> None:
    picture = make_pictures(1, 0, 64, 64)[0]
    assert psnr(picture, picture) == float("inf")


def test_sizes_that_cannot_be_are_refused() -> None:
    for width, height in ((63, 64), (640, 481), (0, 64), (10_000, 64)):
        with pytest.raises(UsageError, match=f"{width}x{height}"):
            Rig(width=width, height=height)
    with pytest.raises(ValueError, match="holds numbers"):
        make_pictures(5000, 0, 64, 64)
