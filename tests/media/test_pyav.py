"""What is not the same in all releases of PyAV that lerotool works with comes out the same."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from lerotool.errors import DeviceError
from lerotool.media.encode import Colours
from lerotool.media.libav import convert, list_input_devices
from lerotool.media.pictures import to_rgb
from lerotool.media.probe import probe

YUV = (100, 180, 90)
WEIGHTS = {2: (0.299, 0.114), 5: (0.299, 0.114), 1: (0.2126, 0.0722)}
"""Of red and blue in brightness, by number of matrix (ITU-T H.273, 8.3): none named, BT.601, BT.709."""


def plain_frame(pixel_format: str, matrix: int, color_range: ColorRange) -> av.VideoFrame:
    frame = av.VideoFrame(64, 48, pixel_format)
    for plane, value in zip(frame.planes, YUV, strict=True):
        np.frombuffer(memoryview(plane), np.uint8)[:] = value
    frame.colorspace, frame.color_range = matrix, color_range
    return frame


def rgb_of(matrix: int, *, full: bool) -> np.ndarray:
    red, blue = WEIGHTS[matrix]
    luma, cb, cr = np.array(YUV, float) - (0 if full else 16, 128, 128)
    if not full:
        luma, cb, cr = luma / 219 * 255, cb / 224 * 255, cr / 224 * 255
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    return np.array([r, (luma - red * r - blue * b) / (1 - red - blue), b])


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("color_range", [ColorRange.UNSPECIFIED, ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p"])
def test_matrix_and_range_are_those_of_a_frames_tags(pixel_format, color_range, matrix):
    full = color_range is ColorRange.JPEG or pixel_format.startswith("yuvj")
    found = to_rgb(plain_frame(pixel_format, matrix, color_range))
    assert np.abs(found.reshape(-1, 3) - rgb_of(matrix, full=full)).max() <= 2.5


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("color_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuvj420p"])
def test_colours_stay_the_same_in_another_matrix_and_range(pixel_format, color_range, matrix):
    full = color_range is ColorRange.JPEG or pixel_format.startswith("yuvj")
    source = plain_frame(pixel_format, matrix, color_range)
    common = convert(VideoReformatter(), source, "yuv420p", matrix=Colorspace.ITU601, color_range=ColorRange.MPEG)
    common.colorspace, common.color_range = Colorspace.ITU601, ColorRange.MPEG
    assert np.abs(to_rgb(common).reshape(-1, 3) - rgb_of(matrix, full=full)).max() <= 6


@pytest.mark.parametrize("color_range", [ColorRange.UNSPECIFIED, ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuvj420p", "yuvj422p"])
def test_colours_stay_the_same_in_another_size(pixel_format, color_range):
    full = color_range is ColorRange.JPEG or pixel_format.startswith("yuvj")
    small = convert(VideoReformatter(), plain_frame(pixel_format, 2, color_range), size=(32, 24))
    assert np.abs(to_rgb(small).reshape(-1, 3) - rgb_of(2, full=full)).max() <= 4


@pytest.mark.parametrize(("options", "depth"), [({"bf": "0"}, 0), ({"g": "2"}, 1), ({"bf": "2"}, 2)])
@pytest.mark.parametrize("frames", [1, 9])
def test_colours_and_b_frames_of_a_video_are_known(tmp_path, options, depth, frames):
    path = tagged(tmp_path / "v.mp4", options, frames)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert Colours.of(frame, path) == Colours(space=9, primaries=9, curve=14)
    assert probe(path).reorder == depth


def tagged(path: Path, options: dict[str, str], frames: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 30, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, 14
        for number in range(frames):
            frame = plain_frame("yuv420p", 2, ColorRange.MPEG)
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.skipif(hasattr(av, "enumerate_input_devices"), reason="this PyAV lists them")
def test_where_cameras_cannot_be_listed_the_error_says_what_to_install():
    with pytest.raises(DeviceError, match="expected 17 or newer") as caught:
        list_input_devices("avfoundation")
    assert "av>=17" in str(caught.value.hint)
