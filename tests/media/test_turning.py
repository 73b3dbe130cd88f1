"""Pictures turned after they are decoded: every sample is kept, only its place changes."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.errors import MediaError
from lerotool.media.depth import depth_array
from lerotool.media.encode import encode_jpeg
from lerotool.media.format import Rotation, StreamCodec, StreamFormat
from lerotool.media.libav import convert
from lerotool.media.pictures import PacketDecoder, can_be_turned, sampled_rgb, to_rgb, turn
from tests.media.pictures import rgb_frame, scene
from tests.media.test_packets import h264_packets

LAYOUTS = ["yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuvj440p", "gray", "rgb24"]
ROTATIONS = [0, 90, 180, 270]


def turned_rgb(picture: np.ndarray, rotation: int) -> np.ndarray:
    return np.rot90(picture, -rotation // 90)


def frame_of(layout: str, width: int = 160, height: int = 120) -> av.VideoFrame:
    return rgb_frame(scene(3, width, height)).reformat(format=layout)


def planes(frame: av.VideoFrame) -> list[bytes]:
    found = []
    for plane in frame.planes:
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        used = plane.width * (3 if frame.format.name == "rgb24" else 1)
        found.append(lines[: plane.height, :used].tobytes())
    return found


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_picture_is_turned_clockwise(layout: str, rotation: Rotation) -> None:
    before = frame_of(layout)
    after = turn(before, rotation)
    assert [sorted(plane) for plane in planes(after)] == [sorted(plane) for plane in planes(before)]
    assert (after.color_range, after.colorspace) == (before.color_range, before.colorspace)
    # Colours are spread over the pixels in another order, so the RGB of halved ones differs a little at edges.
    expected = turned_rgb(to_rgb(before), rotation).astype(int)
    assert np.abs(to_rgb(after).astype(int) - expected).max() <= 12


@given(st.sampled_from(LAYOUTS), st.sampled_from(ROTATIONS), st.integers(2, 40), st.integers(2, 40))
def test_a_picture_turned_and_turned_back_is_the_same(layout: str, rotation: Rotation, width: int, height: int) -> None:
    before = frame_of(layout, width, height)
    back: Rotation = {0: 0, 90: 270, 180: 180, 270: 90}[rotation]  # type: ignore[assignment]
    after = turn(turn(before, rotation), back)
    assert after.format.name == before.format.name
    assert planes(after) == planes(before)


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_every_kind_of_packet_is_turned_by_its_decoder(rotation: Rotation) -> None:
    picture = scene(1)
    jpeg, planes = encode_jpeg(picture), frame_of("yuv420p").to_ndarray().tobytes()
    packets = {
        StreamFormat(StreamCodec.MJPEG, 160, 120, "yuvj422p", 30): jpeg,
        StreamFormat(StreamCodec.RAW, 160, 120, "yuv420p", 30): planes,
        StreamFormat(StreamCodec.RAW, 160, 120, "rgb24", 30): picture.tobytes(),
        StreamFormat(StreamCodec.PICTURE, 160, 120, "rgb24", 30): jpeg,
        StreamFormat(StreamCodec.H264, 64, 48, "yuv420p", 30): h264_packets(1, tune="zerolatency")[0],
    }
    for stream, packet in packets.items():
        form = stream.turned(rotation)
        assert form.sent_size == (stream.width, stream.height)
        upright = to_rgb(PacketDecoder(stream).decode(packet))
        found = to_rgb(PacketDecoder(form).decode(packet))
        assert found.shape[:2] == (form.height, form.width)
        assert np.abs(found.astype(int) - turned_rgb(upright, rotation)).max() <= 12


@pytest.mark.parametrize(("layout", "dtype"), [("gray16le", np.uint16), ("grayf32le", np.float32)])
def test_depths_are_turned(layout: str, dtype: type) -> None:
    depths = np.arange(12 * 8, dtype=dtype).reshape(8, 12)
    form = StreamFormat(StreamCodec.RAW, 12, 8, layout, 30).turned(90)
    found = depth_array(PacketDecoder(form).decode(depths.tobytes()))
    np.testing.assert_array_equal(found, turned_rgb(depths, 90))


@pytest.mark.parametrize("layout", ["yuvj422p", "yuvj440p", "yuv422p", "yuv440p", "yuvj420p"])
def test_pixels_for_statistics_are_those_of_the_turned_picture(layout: str) -> None:
    frame = turn(frame_of(layout), 90)
    for step in (2, 3, 4):
        np.testing.assert_array_equal(sampled_rgb(frame, step), to_rgb(frame)[::step, ::step])


def test_what_an_encoder_gets_has_the_brightness_of_the_camera() -> None:
    before = frame_of("yuvj422p")
    turned = convert(av.video.reformatter.VideoReformatter(), turn(before, 90), "yuvj420p")
    luma = [np.frombuffer(planes(frame)[0], np.uint8).reshape(frame.height, -1) for frame in (before, turned)]
    np.testing.assert_array_equal(luma[1], turned_rgb(luma[0], 90))


def test_layouts_that_cannot_be_turned_are_named() -> None:
    assert not can_be_turned("yuvj411p")
    with pytest.raises(MediaError, match="pictures of yuv411p cannot be turned"):
        turn(frame_of("yuv411p"), 90)


def test_a_format_turned_twice_has_the_last_turn() -> None:
    stream = StreamFormat(StreamCodec.MJPEG, 160, 120, "yuvj422p", 30)
    assert (stream.turned(90).width, stream.turned(90).height) == (120, 160)
    assert stream.turned(90).turned(180) == stream.turned(180)
    assert stream.turned(270).turned(0) == stream
    assert stream.is_upright_jpeg
    assert not stream.turned(180).is_upright_jpeg
