"""Numbers in pictures survive what happens to pictures."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.cameras.simulated import MAX_NUMBER, numbered_picture, read_number
from lerotool.errors import MediaError
from tests.devices.cameras.parts import decode_jpeg, jpeg


@given(st.integers(0, MAX_NUMBER), st.integers(32, 200), st.integers(16, 200))
def test_a_number_is_read_back_from_its_picture(number: int, width: int, height: int) -> None:
    assert read_number(numbered_picture(number, width, height)) == number


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (64, 32)])
def test_a_number_survives_jpeg(size: tuple[int, int]) -> None:
    for number in (0, 1, 5592405, MAX_NUMBER):
        assert read_number(decode_jpeg(jpeg(number, *size))) == number


@pytest.mark.slow
@pytest.mark.parametrize("size", [(640, 480), (320, 240)])
def test_numbers_survive_jpeg_and_then_av1_with_the_default_settings(size: tuple[int, int]) -> None:
    numbers = [*range(24), 255, 256, 65535, 65535, 9999999, 5592405, 11184810, MAX_NUMBER]
    encoder = av.CodecContext.create("libsvtav1", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, 30), Fraction(30), 2
    encoder.options = {"crf": "30", "preset": "12"}
    packets = []
    for pts, number in enumerate(numbers):
        frame = av.VideoFrame.from_ndarray(decode_jpeg(jpeg(number, *size)), format="rgb24").reformat(format="yuv420p")
        frame.pts = pts
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("libdav1d", "r")
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    assert [read_number(frame.to_ndarray(format="rgb24")) for frame in frames] == numbers


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_picture_carries_no_number(level: int) -> None:
    with pytest.raises(MediaError, match="carries no number"):
        read_number(np.full((48, 64, 3), level, np.uint8))
