"""Depths, their codes, and what LeRobot makes of both."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.errors import MediaError, MetadataError
from lerotool.media.array_pictures import RawConverter
from lerotool.media.decode import iter_depth, iter_frames
from lerotool.media.depth import DepthScale, depth_array, depth_frame, depth_unit, raw_depth_format
from lerotool.media.encode import VideoEncoder, encode_depth_image
from lerotool.media.format import DEPTH_SETTINGS
from lerotool.media.pictures import PacketDecoder, decode_image
from lerotool.media.probe import feature_info
from tests.lerobot_judge import run_in_lerobot
from tests.shared import GOLDEN

LENGTHS = (6, 8)


def golden_depth(episode: int, number: int) -> np.ndarray:
    """Return what was recorded into the golden depth set, in millimetres."""
    y, x = np.mgrid[0:48, 0:64].astype(np.float32)
    depth = 400 + 2000 * (0.7 * y / 48 + 0.3 * x / 64) + 10 * episode
    side = 9
    left = 3 * number % (64 - side)
    depth[4 : 4 + side, left : left + side] = 250 + 5 * number
    return depth.astype(np.uint16)


def test_codes_and_millimetres_invert_each_other():
    scale = DepthScale()
    codes = np.arange(4096)
    # Near codes lie closer than a millimetre, so several share one.
    assert abs(scale.codes(scale.millimetres.astype(np.uint16)).astype(int) - codes).max() <= 1
    assert (scale.millimetres[0], scale.millimetres[-1]) == (10, 10_000)


@given(st.integers(10, 10_000), st.booleans())
def test_a_depth_comes_back_within_half_a_step(depth, use_log):
    scale = DepthScale(use_log=use_log)
    code = int(scale.codes(np.array([depth], np.uint16))[0])
    around = scale.millimetres[max(0, code - 1) : code + 2]
    assert abs(scale.millimetres[code] - depth) <= max(np.diff(around)) / 2 + 0.5


@given(st.floats(0, 20, width=32))
def test_metres_get_the_codes_of_their_millimetres(metres):
    millimetres = np.array([round(metres * 1000)], np.uint16)
    of_metres = DepthScale().codes(np.array([metres], np.float32)).astype(int)
    assert abs(of_metres - DepthScale().codes(millimetres).astype(int)).max() <= 1


def test_what_lies_outside_the_range_becomes_its_end():
    scale = DepthScale(low_m=0.5, high_m=2.0)
    assert scale.codes(np.array([0, 499, 2001, 65535], np.uint16)).tolist() == [0, 0, 4095, 4095]
    assert DepthScale.of(scale.to_info()) == scale


@pytest.mark.parametrize("info", [{"video.depth_min": 3.0, "video.depth_max": 2.0}, {"video.shift": -1.0}])
def test_a_range_that_cannot_be_is_refused(info):
    with pytest.raises(MetadataError, match="cannot be coded"):
        DepthScale.of(info)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_raw_depths_come_back_exactly(dtype):
    picture = np.random.default_rng(0).uniform(0, 60, (31, 47, 1)).astype(dtype)
    stream = raw_depth_format(47, 31, 30, depth_unit(dtype) or "")
    packet = bytes(RawConverter(stream).convert(picture))
    found = depth_array(PacketDecoder(stream).decode(packet))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, picture[:, :, 0])
    with pytest.raises(MediaError, match="bytes, expected"):
        PacketDecoder(stream).decode(packet[:-1])


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_depth_images_come_back_exactly(dtype):
    picture = np.random.default_rng(0).uniform(0, 60_000, (31, 47, 1)).astype(dtype)
    found = decode_image(encode_depth_image(picture))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, picture)


def test_the_video_holds_every_code_without_loss(tmp_path: Path):
    codes = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    with VideoEncoder(tmp_path / "v.mp4", 64, 64, 30, DEPTH_SETTINGS) as encoder:
        for k in range(5):
            encoder.write(depth_frame(np.roll(codes, k, axis=1)))
    for k, frame in enumerate(iter_frames(tmp_path / "v.mp4", 0, 5, 30)):
        np.testing.assert_array_equal(frame.to_ndarray(), np.roll(codes, k, axis=1))


def test_codes_and_info_are_those_of_lerobots_own_video(tmp_path: Path):
    import json

    root = GOLDEN / "v30_lerobot061_depth"
    info = json.loads((root / "meta/info.json").read_text())["features"]["observation.images.front_depth"]["info"]
    (video,) = (root / "videos/observation.images.front_depth").rglob("*.mp4")
    sources = [golden_depth(episode, t) for episode, length in enumerate(LENGTHS) for t in range(length)]
    scale = DepthScale.of(info)
    for frame, source in zip(iter_frames(video, 0, sum(LENGTHS), 10), sources, strict=True):
        np.testing.assert_array_equal(frame.to_ndarray(), scale.codes(source))
    with VideoEncoder(tmp_path / "v.mp4", 64, 48, 10, DEPTH_SETTINGS) as encoder:
        for source in sources:
            encoder.write(depth_frame(scale.codes(source)))
    assert feature_info(tmp_path / "v.mp4", DEPTH_SETTINGS, scale, "mm") == info
    pairs = zip(iter_depth(tmp_path / "v.mp4", 0, 14, 10, info), iter_depth(video, 0, 14, 10, info), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)


_QUANTISE = """
import sys, numpy as np
from lerobot.datasets.depth_utils import quantize_depth
from PIL import Image
depth = np.load(sys.argv[1])
np.save(sys.argv[2], np.stack([quantize_depth(depth, use_log=log, video_backend=None) for log in (True, False)]))
image = np.array(Image.open(sys.argv[3]))
assert image.dtype == depth.dtype and (image == depth).all()
"""


@pytest.mark.lerobot
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_codes_are_those_that_lerobot_computes(tmp_path: Path, dtype):
    depth = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    if dtype is np.float32:
        depth = (np.random.default_rng(0).uniform(0, 12, (256, 256))).astype(np.float32)
    np.save(tmp_path / "depth.npy", depth)
    (tmp_path / "depth.tiff").write_bytes(encode_depth_image(depth[:, :, np.newaxis]))
    arguments = [tmp_path / "depth.npy", tmp_path / "codes.npy", tmp_path / "depth.tiff"]
    run_in_lerobot("-c", _QUANTISE, *arguments).check_returncode()
    theirs = np.load(io.BytesIO((tmp_path / "codes.npy").read_bytes()))
    for found, use_log in zip(theirs, (True, False), strict=True):
        np.testing.assert_array_equal(DepthScale(use_log=use_log).codes(depth), found)
