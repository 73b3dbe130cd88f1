"""What a video file is, and that damaged ones are told."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lerotool.errors import MediaError
from lerotool.media.decode import iter_frames
from lerotool.media.format import EncoderSettings
from lerotool.media.probe import count_packets, feature_info, join_key, probe
from tests.media.pictures import AV1, H264, HEVC, grid, write_foreign, write_numbered
from tests.shared import GOLDEN


@pytest.mark.parametrize(("settings", "codec"), [(AV1, "av1"), (H264, "h264"), (HEVC, "hevc")])
def test_a_video_is_described(tmp_path, settings, codec):
    path = write_numbered(tmp_path / "v.mp4", range(7), settings)
    video = probe(path)
    assert (video.codec, video.width, video.height, video.pix_fmt, video.channels) == (codec, 64, 48, "yuv420p", 3)
    assert (video.fps, video.base_rate, video.frames, video.start_pts) == (30, 30, 7, 0)
    assert video.time_base == Fraction(1, 15360)
    assert not video.has_audio
    assert video.extradata
    assert count_packets(path) == 7


def test_one_frame_is_a_video(tmp_path):
    path = write_numbered(tmp_path / "v.mp4", [5], AV1)
    assert probe(path).frames == count_packets(path) == 1


def test_a_matroska_file_is_counted_though_its_header_says_nothing(tmp_path):
    path = write_foreign(tmp_path / "v.mkv", grid(9), container="matroska")
    assert probe(path).frames == 0
    assert count_packets(path) == 9


def test_the_info_block_has_lerobots_keys_in_lerobots_order(tmp_path):
    path = write_numbered(tmp_path / "v.mp4", range(3), AV1, fps=10)
    assert list(feature_info(path, AV1).items()) == [
        ("is_depth_map", False),
        ("video.height", 48),
        ("video.width", 64),
        ("video.codec", "av1"),
        ("video.pix_fmt", "yuv420p"),
        ("video.fps", 10),
        ("video.channels", 3),
        ("has_audio", False),
        ("video.g", 2),
        ("video.crf", 30),
        ("video.preset", 12),
        ("video.fast_decode", 0),
        ("video.video_backend", "pyav"),
        ("video.extra_options", {}),
    ]
    assert "video.g" not in feature_info(path, None)
    assert (
        feature_info(write_numbered(tmp_path / "h.mp4", range(3)), EncoderSettings(vcodec="h264"))["video.preset"]
        is None
    )


def test_our_info_block_and_header_equal_those_of_lerobot(tmp_path):
    root = GOLDEN / "v30_lerobot061_two_cams"
    key = "observation.images.front"
    written = json.loads((root / "meta/info.json").read_text())["features"][key]["info"]
    theirs = root / f"videos/{key}/chunk-000/file-000.mp4"
    ours = write_numbered(tmp_path / "v.mp4", range(3), AV1, fps=10)
    assert feature_info(theirs, AV1) == written
    assert feature_info(ours, AV1) == written
    assert join_key(ours) == join_key(theirs)


@pytest.mark.parametrize("size", [0, 1, 40, 0.3, 0.99])
def test_a_truncated_video_is_refused_by_name(tmp_path, size):
    data = write_numbered(tmp_path / "v.mp4", range(30)).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: size if isinstance(size, int) else int(len(data) * size)])
    for read in (count_packets, lambda p: list(iter_frames(p, 0, 30, 30))):
        with pytest.raises(MediaError, match=r"cut\.mp4"):
            read(cut)


def test_a_file_without_its_header_is_refused_by_probe(tmp_path):
    data = write_numbered(tmp_path / "v.mp4", range(30)).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: data.index(b"mdat") // 2])
    with pytest.raises(MediaError, match=r"cut\.mp4.*cannot be read as a video"):
        probe(cut)


def test_what_is_no_video_is_refused_by_name(tmp_path):
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    sound = tmp_path / "sound.mp4"
    write_sound(sound)
    for path in (noise, sound, tmp_path):
        for read in (probe, count_packets, join_key, lambda p: list(iter_frames(p, 0, 1, 30))):
            with pytest.raises(MediaError, match=path.name):
                read(path)


def test_a_missing_file_is_an_os_error_with_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        probe(tmp_path / "none.mp4")
    assert caught.value.filename == str(tmp_path / "none.mp4")


def test_a_name_is_never_taken_for_a_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_numbered(tmp_path / "pipe:0%d?x.mp4", range(3))

    assert count_packets(Path("pipe:0%d?x.mp4")) == 3


def write_sound(path):

    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", 48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


@pytest.mark.parametrize("settings", [AV1, H264], ids=["av1", "h264"])
@pytest.mark.parametrize("inside", [0, 1], ids=["between two pictures", "inside the last one"])
def test_a_video_without_the_end_of_its_last_picture_is_refused(tmp_path, settings, inside):
    """Decoders make something up for half a picture, and a missing one leaves no trace but the header's count."""
    path = write_numbered(tmp_path / "v.mp4", range(20), settings)
    with av.open(str(path)) as container:
        ends = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    place, size = ends[-1]
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(path.read_bytes()[: place + inside * (size - 3)])
    with pytest.raises(MediaError, match=r"cut\.mp4.*ends too early"):
        count_packets(cut)
    with pytest.raises(MediaError, match=r"cut\.mp4.*ends"):
        list(iter_frames(cut, 0, 20, 30))
