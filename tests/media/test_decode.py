"""Frames by number, whatever the codec, and pictures out of single images."""

from __future__ import annotations

import contextlib
import io
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerotool.errors import MediaError
from lerotool.media import decode
from lerotool.media.decode import iter_chosen, iter_depth, iter_frames, iter_rgb
from lerotool.media.encode import encode_jpeg, encode_png
from lerotool.media.join import join_videos
from lerotool.media.pictures import decode_image, sampled_rgb, to_rgb
from tests.media.pictures import AV1, H264, HEVC, grid, number_of, rgb_frame, scene, write_foreign, write_numbered

X265 = {"x265-params": "log-level=none:open-gop=1:bframes=4"}
FOREIGN = {
    "h264 with B-frames": ("libx264", {"g": "30", "bf": "3"}),
    "h264 with one keyframe": ("libx264", {"g": "1000", "preset": "veryfast", "sc_threshold": "0"}),
    "h264 with open groups": ("libx264", {"g": "12", "bf": "3", "x264-params": "open-gop=1"}),
    "hevc with open groups": ("libx265", {"g": "12", **X265}),
    "av1 with one keyframe": ("libsvtav1", {"g": "1000", "preset": "12"}),
    "vp9": ("libvpx-vp9", {"g": "30", "deadline": "realtime", "cpu-used": "8"}),
    "mpeg4": ("mpeg4", {"g": "12", "bf": "2", "q:v": "3"}),
}
RANGES = [(0, 60), (0, 1), (59, 60), (11, 14), (12, 13), (23, 40), (35, 60), (5, 5)]


def numbers(path, start, stop, fps=30, **options):
    return [number_of(picture) for picture in iter_rgb(path, start, stop, fps, **options)]


@pytest.mark.parametrize("name", FOREIGN)
def test_exactly_the_frames_asked_for_come_from_any_codec(tmp_path, name):
    codec, options = FOREIGN[name]
    path = write_foreign(tmp_path / "v.mp4", grid(60), codec, options)
    for start, stop in RANGES:
        assert numbers(path, start, stop) == list(range(start, stop)), (start, stop)


@pytest.mark.parametrize("name", ["h264 with open groups", "av1 in short groups", "h264 in short groups", "mkv"])
def test_single_frames_come_from_any_codec_and_others_are_not_decoded(tmp_path, name, monkeypatch):
    codec, options = {
        "av1 in short groups": ("libsvtav1", {"g": "2", "preset": "12"}),
        "h264 in short groups": ("libx264", {"g": "4", "bf": "0"}),
        "mkv": ("libx264", {"g": "4", "bf": "0"}),
    }.get(name) or FOREIGN[name]
    container = "matroska" if name == "mkv" else "mp4"
    path = write_foreign(tmp_path / "v.mp4", grid(60, 25), codec, options, container=container)
    for chosen in ([0], [59], [0, 1, 30, 59], [7, 20, 21, 22, 40], list(range(60))):
        assert [number_of(to_rgb(frame)) for frame in iter_chosen(path, chosen, 25)] == chosen
    assert list(iter_chosen(path, [], 25)) == []
    with pytest.raises(MediaError, match=r"no frame 60 at 2\.4000 s"):
        list(iter_chosen(path, [5, 60], 25))
    decoded = []
    number = decode.Grid.number
    monkeypatch.setattr(decode.Grid, "number", lambda grid, pts: decoded.append(pts) or number(grid, pts))
    list(iter_chosen(path, [3, 50], 25))
    assert (len(decoded) <= 8) == (name in ("av1 in short groups", "h264 in short groups"))


def test_a_header_that_is_not_true_costs_time_and_no_frames(tmp_path, monkeypatch):
    path = write_foreign(tmp_path / "v.mp4", grid(60), "libx264", {"g": "4", "bf": "0"})
    monkeypatch.setattr(decode, "_needed_times", lambda *_: frozenset([0, 512]))
    assert [number_of(to_rgb(frame)) for frame in iter_chosen(path, [1, 9, 50], 30)] == [1, 9, 50]


def test_frames_come_from_mjpeg_and_from_other_containers(tmp_path):
    mjpeg = write_foreign(tmp_path / "v.mp4", grid(20), "mjpeg", {"q:v": "3"}, pix_fmt="yuvj422p")
    fragments = {"movflags": "empty_moov+frag_keyframe"}
    fragmented = write_foreign(tmp_path / "f.mp4", grid(60), "libx264", {"g": "12", "bf": "0"}, muxing=fragments)
    matroska = write_foreign(tmp_path / "m.mp4", grid(60, 25), "libx264", {"g": "12"}, container="matroska")
    yuv444 = write_foreign(tmp_path / "y.mp4", grid(20), "libx264", {}, pix_fmt="yuv444p")
    assert numbers(mjpeg, 3, 20) == list(range(3, 20))
    assert numbers(yuv444, 3, 20) == list(range(3, 20))
    assert numbers(fragmented, 31, 60) == list(range(31, 60))
    assert numbers(matroska, 31, 60, fps=25) == list(range(31, 60))


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_threads_change_nothing(tmp_path, threads):
    path = write_foreign(tmp_path / "v.mp4", grid(60), "libx264", {"g": "12", "bf": "3"})
    assert numbers(path, 7, 55, threads=threads) == list(range(7, 55))


@settings(max_examples=15)
@given(st.data())
def test_every_range_of_a_joined_video_is_right(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "joined-for-ranges.mp4"
    if not path.exists():
        first = write_numbered(folder / "r1.mp4", range(7), AV1)
        second = write_numbered(folder / "r2.mp4", range(7, 32), AV1)
        join_videos([first, second], path, 30)
    start = data.draw(st.integers(0, 32))
    stop = data.draw(st.integers(start, 32))
    assert numbers(path, start, stop) == list(range(start, stop))


def test_a_gap_outside_the_range_is_passed_over_and_inside_it_is_told(tmp_path):
    times = [Fraction(k, 30) for k in [*range(10), *range(15, 30)]]
    path = write_foreign(tmp_path / "v.mp4", times, "libx264", {"g": "5", "bf": "2"})
    assert numbers(path, 0, 10) == list(range(10))
    assert numbers(path, 15, 30) == list(range(10, 25))
    with pytest.raises(MediaError, match=r"v\.mp4.*no frame 10 at 0\.3333 s, the next is frame 15"):
        numbers(path, 8, 20)
    with pytest.raises(MediaError, match="no frame 12 at"):
        numbers(path, 12, 20)


def test_frames_beyond_the_end_are_told(tmp_path):
    path = write_numbered(tmp_path / "v.mp4", range(10))
    for start, stop, missing in [(0, 11, 10), (9, 12, 10), (10, 11, 10), (500, 501, 500)]:
        with pytest.raises(MediaError, match=f"no frame {missing} at .* the video ends before"):
            numbers(path, start, stop)


def test_frames_between_grid_points_are_not_taken_for_others(tmp_path):
    """A video of 60 frames a second read on a grid of 30 gives every second frame."""
    path = write_foreign(tmp_path / "v.mp4", grid(40, 60), "libx264", {"bf": "2"})
    assert numbers(path, 0, 20, fps=30) == list(range(0, 40, 2))


def test_a_frame_may_be_as_far_off_its_time_as_lerobot_allows(tmp_path):
    times = [Fraction(k, 30) + Fraction(k % 2, 12_000) for k in range(10)]
    assert numbers(write_foreign(tmp_path / "v.mp4", times), 0, 10) == list(range(10))
    late = [Fraction(k, 30) + Fraction(k // 5, 1000) for k in range(10)]
    path = write_foreign(tmp_path / "late.mp4", late)
    with pytest.raises(MediaError, match="no frame 5"):
        numbers(path, 0, 10)
    relaxed = iter_frames(path, 0, 10, 30, tolerance_s=Fraction(1, 100))
    assert [number_of(to_rgb(frame)) for frame in relaxed] == list(range(10))


def test_a_video_that_starts_late_has_no_first_frame(tmp_path):
    path = write_foreign(tmp_path / "v.mp4", [t + Fraction(3, 30) for t in grid(10)])
    with pytest.raises(MediaError, match="no frame 0"):
        numbers(path, 0, 5)
    assert numbers(path, 3, 13) == list(range(10))


def test_a_wrong_range_is_a_programming_error(tmp_path):
    for start, stop in [(-1, 3), (4, 3)]:
        with pytest.raises(ValueError, match="not a range"):
            list(iter_frames(tmp_path / "none.mp4", start, stop, 30))


@pytest.mark.parametrize("video", [AV1, H264, HEVC], ids=["av1", "h264", "hevc"])
def test_damaged_pictures_never_raise_anything_but_our_error(tmp_path, video):
    path = write_numbered(tmp_path / "v.mp4", range(20), video)
    data = bytearray(path.read_bytes())
    body = data.index(b"mdat") + 8
    random = np.random.default_rng(0)
    for _ in range(20):
        damaged = bytearray(data)
        for place in random.integers(body, len(data), 30):
            damaged[place] ^= 0xFF
        (tmp_path / "d.mp4").write_bytes(damaged)
        with contextlib.suppress(MediaError):
            assert len(numbers(tmp_path / "d.mp4", 0, 20)) == 20


def test_pictures_of_odd_sizes_are_whole():
    picture = scene(0, 33, 21)
    assert decode_image(encode_jpeg(picture)).shape == (21, 33, 3)
    assert decode_image(encode_png(picture)).shape == (21, 33, 3)


@pytest.mark.parametrize("encode", [encode_jpeg, encode_png])
def test_half_a_picture_is_no_picture(encode):
    data = encode(scene(0))
    for size in (len(data) // 2, len(data) - 100, 20):
        with pytest.raises(MediaError, match="damaged"):
            decode_image(data[:size])


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"hello world"])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(MediaError, match="not a PNG, JPEG or TIFF"):
        decode_image(data)


def tiff(values: np.ndarray, sample_format: int, order: str = "<") -> bytes:
    """Build an uncompressed TIFF of one channel in two strips, as Pillow writes modes I;16 and F."""
    height, width = values.shape
    body = values.astype(values.dtype.newbyteorder(order)).tobytes()
    cut = (height + 1) // 2 * width * values.itemsize
    strips = 8 + len(body)
    directory = strips + 16
    tags = [(256, 3, [width]), (257, 4, [height]), (258, 3, [values.itemsize * 8]), (259, 3, [1]), (262, 3, [1])]
    tags += [(273, 4, strips), (277, 3, [1]), (278, 3, [(height + 1) // 2]), (279, 4, strips + 8)]
    tags += [(339, 3, [sample_format])]
    file = io.BytesIO()
    file.write(struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, directory))
    file.write(body)
    file.write(struct.pack(f"{order}4I", 8, 8 + cut, cut, len(body) - cut))
    file.write(struct.pack(f"{order}H", len(tags)))
    for tag, field_type, value in tags:
        if isinstance(value, int):
            file.write(struct.pack(f"{order}HHII", tag, field_type, 2, value))
        else:
            layout = {3: "Hxx", 4: "I"}[field_type]
            file.write(struct.pack(f"{order}HHI{layout}", tag, field_type, 1, value[0]))
    file.write(struct.pack(f"{order}I", 0))
    return file.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
def test_depth_pictures_keep_their_numbers(order):
    random = np.random.default_rng(0)
    depth = random.integers(0, 65_535, (11, 13)).astype(np.uint16)
    metres = random.random((11, 13)).astype(np.float32)
    for values, sample_format in [(depth, 1), (metres, 3)]:
        decoded = decode_image(tiff(values, sample_format, order))
        assert decoded.dtype == values.dtype
        np.testing.assert_array_equal(decoded, values[:, :, None])


@given(
    st.sampled_from(["jpeg", "png", "tiff16", "tiff32"]), st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)))
)
def test_damaged_pictures_raise_our_error_or_decode(kind, changes):
    small = scene(0, 16, 16)
    values = np.arange(256).reshape(16, 16)
    data = bytearray(
        {
            "jpeg": lambda: encode_jpeg(small),
            "png": lambda: encode_png(small),
            "tiff16": lambda: tiff(values.astype(np.uint16), 1),
            "tiff32": lambda: tiff(values.astype(np.float32), 3),
        }[kind]()
    )
    for place, value in changes:
        # The size fields are left alone: a picture may say that it is large, and memory is the machine's.
        data[200 + place % (len(data) - 200)] = value
    with contextlib.suppress(MediaError):
        assert decode_image(bytes(data)).ndim == 3


def test_a_cut_float_picture_is_told():
    data = bytearray(tiff(np.ones((4, 4), np.float32), 3))
    strip_sizes = data.index(struct.pack("<4I", 8, 40, 32, 32)) + 8
    data[strip_sizes : strip_sizes + 4] = struct.pack("<I", 28)
    with pytest.raises(MediaError, match="damaged tiff picture: 60 bytes"):
        decode_image(bytes(data))


def test_a_colour_video_is_no_depth_video(tmp_path):
    path = write_numbered(tmp_path / "v.mp4", range(3))
    with pytest.raises(MediaError, match=r"v\.mp4.*expected as gray12le, found yuv420p"):
        next(iter_depth(path, 0, 3, 30, {}))


def test_depth_survives_its_video_within_a_millimetre(tmp_path):
    """Codes written by LeRobot's formula come back as the depth that they stand for."""
    import av

    metres = np.rint(np.linspace(250, 2400, 48 * 64)).reshape(48, 64) / 1000
    low, high, shift = 0.01, 10.0, 3.5
    codes = np.rint(4095 * np.log((metres + shift) / (low + shift)) / np.log((high + shift) / (low + shift)))
    path = tmp_path / "d.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx265", 10, options={"x265-params": "lossless=1:log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray12le"
        picture = av.VideoFrame.from_ndarray(codes.astype(np.uint16), format="gray12le")
        picture.pts, picture.time_base = 0, Fraction(1, 10)
        output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    (depth,) = iter_depth(path, 0, 1, 10, {})
    assert depth.dtype == np.float32
    assert depth.shape == (48, 64, 1)
    assert np.abs(depth[:, :, 0] - metres * 1000).max() <= 1.001
    (linear,) = iter_depth(path, 0, 1, 10, {"video.use_log": False})
    expected = np.rint(1000 * (low + codes / 4095 * (high - low)))
    np.testing.assert_array_equal(linear[:, :, 0], expected)


@pytest.mark.sampled
@pytest.mark.parametrize("pix_fmt", ["yuvj422p", "yuvj420p", "yuv420p", "yuv422p", "yuvj444p", "rgb24", "gbrp"])
@pytest.mark.parametrize(("width", "height", "step"), [(640, 480, 4), (320, 720, 4), (322, 302, 2), (301, 303, 2)])
def test_sampled_pixels_are_those_of_the_whole_picture(pix_fmt, width, height, step):
    blocks = np.random.default_rng(0).integers(0, 255, (height // 3 + 1, width // 5 + 1, 3))
    picture = np.kron(blocks, np.ones((3, 5, 1)))[:height, :width].astype(np.uint8)
    for color_range in ("JPEG", "MPEG"):
        frame = rgb_frame(picture).reformat(format=pix_fmt, dst_color_range=color_range)
        np.testing.assert_array_equal(sampled_rgb(frame, step), to_rgb(frame)[::step, ::step])
