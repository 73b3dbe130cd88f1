"""Videos and pictures that lerotool writes."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from lerotool.errors import MediaError
from lerotool.media.decode import iter_frames, iter_rgb
from lerotool.media.encode import (
    MixedUpError,
    VideoEncoder,
    encode_jpeg,
    encode_png,
    probe_encoder,
    until_in_order,
)
from lerotool.media.format import EncoderSettings
from lerotool.media.pictures import decode_image, to_rgb
from lerotool.media.probe import count_packets, join_key, probe
from tests.media.pictures import AV1, H264, HEVC, number_of, numbered, psnr, rgb_frame, scene, write_numbered

ALL = pytest.mark.parametrize("settings", [AV1, H264, HEVC], ids=["av1", "h264", "hevc"])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def encode(path, frames, settings=AV1, fps=30, threads=1):
    width, height = frames[0].width, frames[0].height
    with VideoEncoder(path, width, height, fps, settings, threads=threads) as encoder:
        for frame in frames:
            encoder.write(frame)
    return encoder


@ALL
def test_pictures_come_back_in_their_order(tmp_path, settings):
    path = write_numbered(tmp_path / "v.mp4", range(40), settings)
    assert [number_of(picture) for picture in iter_rgb(path, 0, 40, 30)] == list(range(40))


@ALL
def test_pictures_look_like_what_went_in(tmp_path, settings):
    scenes = [scene(k) for k in range(10)]
    encoder = encode(tmp_path / "v.mp4", [rgb_frame(s) for s in scenes], settings)
    assert encoder.frames == 10
    for source, picture in zip(scenes, iter_rgb(tmp_path / "v.mp4", 0, 10, 30), strict=True):
        assert psnr(source, picture) > 30


@pytest.mark.parametrize("fps", [30, 10, 29.97, 12.5, Fraction(25, 3)])
@ALL
def test_times_are_exact_on_the_grid(tmp_path, settings, fps):
    path = write_numbered(tmp_path / "v.mp4", range(25), settings, fps)
    rate = {29.97: Fraction(2997, 100)}.get(fps, Fraction(fps))
    with av.open(str(path)) as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert times == [k / rate for k in range(25)]


@ALL
def test_one_frame_is_enough(tmp_path, settings):
    path = write_numbered(tmp_path / "v.mp4", [77], settings)
    assert [number_of(picture) for picture in iter_rgb(path, 0, 1, 30)] == [77]
    assert join_key(path) == join_key(write_numbered(tmp_path / "w.mp4", range(9), settings))


def test_the_header_stands_first_and_the_range_is_limited(tmp_path):
    for settings in (AV1, H264, HEVC):
        path = write_numbered(tmp_path / "v.mp4", range(3), settings)
        data = path.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")
        with av.open(str(path)) as container:
            found = container.streams.video[0].codec_context.color_range
        # x264 does not write down what is its default.
        assert found == (ColorRange.MPEG if settings is AV1 else found)
        assert found != ColorRange.JPEG


@pytest.mark.parametrize("source", ["yuvj422p", "yuvj420p"])
def test_full_range_pictures_become_limited_ones_of_the_same_colours(tmp_path, source):
    """Without the conversion pictures are 5 to 8 levels off."""
    scenes = [scene(k) for k in range(6)]
    full = [rgb_frame(s).reformat(format=source, dst_color_range="JPEG") for s in scenes]
    encode(tmp_path / "full.mp4", full, H264)
    encode(tmp_path / "rgb.mp4", [rgb_frame(s) for s in scenes], H264)
    pairs = zip(iter_rgb(tmp_path / "full.mp4", 0, 6, 30), iter_rgb(tmp_path / "rgb.mp4", 0, 6, 30), strict=True)
    for one, other in pairs:
        assert abs(one.mean(axis=(0, 1)) - other.mean(axis=(0, 1))).max() < 1
        assert psnr(one, other) > 35


def test_a_frame_tagged_full_range_is_converted_though_its_format_fits(tmp_path):
    full = rgb_frame(scene(0)).reformat(format="yuvj420p", dst_color_range="JPEG")
    tagged = av.VideoFrame.from_ndarray(full.to_ndarray(), format="yuv420p")
    tagged.color_range = ColorRange.JPEG
    encode(tmp_path / "v.mp4", [tagged], H264)
    (picture,) = iter_rgb(tmp_path / "v.mp4", 0, 1, 30)
    assert psnr(picture, to_rgb(full)) > 35


def test_rgb_pictures_are_converted_as_lerobot_does(tmp_path):
    """LeRobot hands RGB frames to PyAV's encoder, which converts them: the videos must be equal bit by bit."""
    frames = [rgb_frame(scene(k)) for k in range(4)]
    with av.open(str(tmp_path / "theirs.mp4"), "w") as output:
        stream = output.add_stream("libsvtav1", 30, options={"g": "2", "crf": "30", "preset": "12"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for frame in frames:
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    encode(tmp_path / "ours.mp4", [rgb_frame(scene(k)) for k in range(4)], AV1)
    pairs = zip(iter_rgb(tmp_path / "ours.mp4", 0, 4, 30), iter_rgb(tmp_path / "theirs.mp4", 0, 4, 30), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)


def test_a_frame_may_be_written_again_and_decoded_frames_force_no_keyframes(tmp_path):
    path = write_numbered(tmp_path / "v.mp4", range(20), EncoderSettings(vcodec="h264", g=1))
    settings = EncoderSettings(vcodec="h264", g=20, extra_options={"sc_threshold": "0"})
    with VideoEncoder(tmp_path / "w.mp4", 64, 48, 30, settings) as encoder:
        for frame in iter_frames(path, 0, 20, 30):
            encoder.write(frame)
            encoder.write(frame)
    found = [number_of(picture) for picture in iter_rgb(tmp_path / "w.mp4", 0, 40, 30)]
    assert found == [k // 2 for k in range(40)]
    with av.open(str(tmp_path / "w.mp4")) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size) == 2


def test_svt_av1_takes_odd_sizes_and_x264_says_why_not(tmp_path):
    odd = [rgb_frame(scene(0, 161, 121))]
    encode(tmp_path / "v.mp4", odd, AV1)
    assert next(iter_rgb(tmp_path / "v.mp4", 0, 1, 30)).shape == (121, 161, 3)
    for settings in (H264, HEVC):
        with pytest.raises(MediaError, match=r"161x121.*must be even") as caught:
            encode(tmp_path / "w.mp4", odd, settings)
        assert "libsvtav1" in caught.value.hint
    assert names(tmp_path) == ["v.mp4"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (EncoderSettings(vcodec="nonsense"), "no video encoder 'nonsense'"),
        (EncoderSettings(vcodec="h264_nvenc"), "h264_nvenc"),
        (EncoderSettings(vcodec="aac"), "aac"),
        (EncoderSettings(pix_fmt="nonsense"), "nonsense"),
        (EncoderSettings(pix_fmt="rgb24"), "rgb24"),
    ],
)
def test_an_encoder_that_does_not_work_is_told_and_leaves_nothing(tmp_path, settings, problem):
    with pytest.raises(MediaError, match=problem):
        encode(tmp_path / "v.mp4", [rgb_frame(scene(0))], settings)
    assert names(tmp_path) == []
    with pytest.raises(MediaError, match=problem):
        probe_encoder(settings)


def test_an_encoder_that_works_is_found_to_work():
    probe_encoder(AV1)
    probe_encoder(H264)


def test_an_exception_leaves_nothing_and_an_older_file_in_place(tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(b"older")

    def break_off():
        with VideoEncoder(path, 64, 48, 30, H264) as encoder:
            encoder.write(rgb_frame(numbered(0)))
            assert len(names(tmp_path)) == 2
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        break_off()
    assert names(tmp_path) == ["v.mp4"]
    assert path.read_bytes() == b"older"


def test_a_video_without_frames_is_refused(tmp_path):
    with pytest.raises(MediaError, match="no frames"), VideoEncoder(tmp_path / "v.mp4", 64, 48, 30, H264):
        pass
    assert names(tmp_path) == []


def test_a_frame_of_another_size_is_refused(tmp_path):
    with pytest.raises(MediaError, match="frame 1 has 160x120 pixels, expected 64x48"):
        encode(tmp_path / "v.mp4", [rgb_frame(numbered(0)), rgb_frame(scene(0))])
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_numbered(tmp_path / "none" / "v.mp4", [0])


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX thing")
def test_a_full_disk_is_an_os_error_and_leaves_nothing(tmp_path):
    """The limit on file sizes stands for a full disk; it needs a process of its own."""
    code = """
import resource, signal, sys
from pathlib import Path
import av, numpy as np
from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with VideoEncoder(Path(sys.argv[1]), 320, 240, 30, EncoderSettings(vcodec="h264", crf=5, preset="ultrafast")) as e:
        for k in range(60):
            e.write(av.VideoFrame.from_ndarray(np.roll(noise, k, axis=0), format="rgb24"))
except OSError as error:
    print(type(error).__name__, error.errno)
"""
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "v.mp4")], capture_output=True, text=True)
    assert run.stdout.startswith("OSError 27"), run
    assert names(tmp_path) == []


def test_nothing_is_printed_by_the_encoders_and_decoders(tmp_path):
    """Native libraries write past Python's stderr, so only another process shows it."""
    code = """
import sys
from pathlib import Path
from lerotool.errors import MediaError
from lerotool.media.decode import (iter_frames)
from lerotool.media.pictures import (decode_image)
from lerotool.media.join import join_videos
from tests.media.pictures import AV1, H264, HEVC, write_numbered
for number, settings in enumerate((AV1, H264, HEVC)):
    path = write_numbered(Path(sys.argv[1]) / f"{number}.mp4", range(5), settings)
    join_videos([path, path], path.with_suffix(".joined.mp4"), 30)
    data = bytearray(path.read_bytes())
    data[-200:] = bytes(200)
    path.write_bytes(data)
    try:
        list(iter_frames(path, 0, 5, 30))
    except MediaError:
        pass
"""
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@ALL
def test_threads_do_not_change_what_is_there(tmp_path, settings):
    for threads in (0, 2):
        encode(tmp_path / "v.mp4", [rgb_frame(numbered(k)) for k in range(12)], settings, threads=threads)
        assert [number_of(p) for p in iter_rgb(tmp_path / "v.mp4", 0, 12, 30)] == list(range(12))
        assert probe(tmp_path / "v.mp4").frames == count_packets(tmp_path / "v.mp4") == 12


def test_a_png_comes_back_exactly():
    picture = np.random.default_rng(0).integers(0, 256, (31, 47, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decode_image(encode_png(picture)), picture)
    np.testing.assert_array_equal(decode_image(encode_png(picture[::2, ::3])), picture[::2, ::3])


def test_a_png_predicts_its_pixels_from_their_neighbours():
    y, x = np.mgrid[0:240, 0:320]
    waves = [np.sin(x / 37 + y / 29), np.cos(x / 41 - y / 33), np.sin(x / 31) * np.cos(y / 27)]
    smooth = 128 + 100 * np.stack(waves, axis=2)
    noisy = np.clip(smooth + np.random.default_rng(0).normal(0, 2, smooth.shape), 0, 255).astype(np.uint8)
    data = encode_png(noisy)
    np.testing.assert_array_equal(decode_image(data), noisy)
    assert len(data) < noisy.nbytes * 2 / 3


def test_a_jpeg_looks_the_same_and_shrinks_with_its_quality():
    picture = scene(3)
    sizes = []
    for quality in (2, 10, 31):
        data = encode_jpeg(picture, quality)
        assert data.startswith(b"\xff\xd8")
        assert data.endswith(b"\xff\xd9")
        assert psnr(decode_image(data), picture) > (35 if quality == 2 else 25)
        sizes.append(len(data))
    assert sizes == sorted(sizes, reverse=True)


def test_pictures_that_svt_av1_mixes_up_are_noticed_and_encoded_again(tmp_path: Path) -> None:
    tries = []

    def encode() -> str:
        with VideoEncoder(tmp_path / "out.mp4", 64, 64, 30, EncoderSettings()) as encoder:
            tries.append(encoder)
            if len(tries) == 1:
                encoder._packets = 1  # the first packet is then not the one that it should be
            for shade in range(40):
                encoder.write(av.VideoFrame.from_ndarray(np.full((64, 64, 3), shade, np.uint8), format="rgb24"))
        return "done"

    assert until_in_order(encode)() == "done"
    assert len(tries) == 2
    assert count_packets(tmp_path / "out.mp4") == 40
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_an_encoder_that_always_mixes_pictures_up_fails(tmp_path: Path) -> None:
    def encode() -> None:
        with VideoEncoder(tmp_path / "out.mp4", 64, 64, 30, EncoderSettings()) as encoder:
            encoder._packets = 1
            encoder.write(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24"))

    with pytest.raises(MixedUpError, match="SVT-AV1 has taken frame 0 for 1"):
        until_in_order(encode)()
    assert list(tmp_path.iterdir()) == []
