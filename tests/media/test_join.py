"""Joined videos hold every picture of their parts, on exact times."""

from __future__ import annotations

import shutil
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from lerotool.errors import MediaError
from lerotool.media.counting import Counting
from lerotool.media.decode import iter_rgb
from lerotool.media.format import EncoderSettings
from lerotool.media.join import Piece, join_videos
from lerotool.media.probe import count_packets, join_key, probe
from tests.media.pictures import AV1, H264, HEVC, grid, number_of, write_foreign, write_numbered
from tests.shared import GOLDEN

CHAIN = [7, 1, 25, 2]
SETTINGS = {
    "av1": AV1,
    "h264": H264,
    "h264 with B-frames": EncoderSettings(vcodec="h264", g=10, preset="medium", extra_options={"bf": "3"}),
    "hevc": HEVC,
    "hevc with B-frames": EncoderSettings(vcodec="hevc", g=10, preset="medium"),
}


def parts_of(folder, lengths, settings, fps=30):
    first = 0
    parts = []
    for length in lengths:
        parts.append(write_numbered(folder / f"part{len(parts)}.mp4", range(first, first + length), settings, fps))
        first += length
    return parts


def times_of(path):
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert all(a.dts < b.dts for a, b in pairwise(packets))
        return sorted(packet.pts * packet.time_base for packet in packets)


@pytest.mark.parametrize("fps", [30, 29.97])
@pytest.mark.parametrize("name", SETTINGS)
def test_all_pictures_are_there_in_order_on_exact_times(tmp_path, name, fps):
    parts = parts_of(tmp_path, CHAIN, SETTINGS[name], fps)
    target = tmp_path / "joined.mp4"
    assert join_videos(parts, target, fps) == CHAIN
    rate = Fraction(30) if fps == 30 else Fraction(2997, 100)
    assert times_of(target) == [k / rate for k in range(sum(CHAIN))]
    assert [number_of(p) for p in iter_rgb(target, 0, sum(CHAIN), fps)] == list(range(sum(CHAIN)))
    assert probe(target).frames == count_packets(target) == sum(CHAIN)
    assert join_key(target) == join_key(parts[0])
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_packets_are_copied_bit_by_bit(tmp_path):
    parts = parts_of(tmp_path, CHAIN, AV1)
    join_videos(parts, tmp_path / "joined.mp4", 30)

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(video=0) if packet.size]

    assert packets(tmp_path / "joined.mp4") == [packet for part in parts for packet in packets(part)]


def test_a_joined_video_can_be_joined_again(tmp_path):
    parts = parts_of(tmp_path, [5, 6, 7], H264)
    join_videos(parts[:2], tmp_path / "a.mp4", 30)
    assert join_videos([tmp_path / "a.mp4", parts[2]], tmp_path / "b.mp4", 30) == [11, 7]
    assert [number_of(p) for p in iter_rgb(tmp_path / "b.mp4", 0, 18, 30)] == list(range(18))


def test_four_hundred_parts_do_not_drift(tmp_path):
    """FFmpeg's own concatenation ends 0.13 ms early here, which LeRobot's loader refuses."""
    part = write_numbered(tmp_path / "part.mp4", range(7), AV1)
    counts = join_videos([part] * 400, tmp_path / "joined.mp4", 30)
    assert counts == [7] * 400
    assert times_of(tmp_path / "joined.mp4") == [Fraction(k, 30) for k in range(2800)]
    assert [number_of(p) for p in iter_rgb(tmp_path / "joined.mp4", 2790, 2800, 30)] == [
        k % 7 for k in range(2790, 2800)
    ]


def test_av1_of_other_quality_and_groups_fits(tmp_path):
    one = write_numbered(tmp_path / "1.mp4", range(8), AV1)
    other = write_numbered(tmp_path / "2.mp4", range(8, 16), EncoderSettings(crf=20, g=8))
    assert join_videos([one, other], tmp_path / "j.mp4", 30) == [8, 8]
    assert [number_of(p) for p in iter_rgb(tmp_path / "j.mp4", 0, 16, 30)] == list(range(16))


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (EncoderSettings(vcodec="h264", preset="slow"), "extradata"),
        (EncoderSettings(vcodec="h264", preset="ultrafast", extra_options={"bf": "2"}), "reorder"),
        (AV1, "codec av1 instead of h264"),
        (HEVC, "codec hevc instead of h264"),
        (EncoderSettings(vcodec="h264", preset="ultrafast", pix_fmt="yuv444p"), "pix_fmt yuv444p instead of yuv420p"),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_the_difference(tmp_path, other, difference):
    parts = [write_numbered(tmp_path / "1.mp4", range(9), H264), write_numbered(tmp_path / "2.mp4", range(9), other)]
    with pytest.raises(MediaError, match=rf"2\.mp4.*cannot be joined to.*{difference}"):
        join_videos(parts, tmp_path / "j.mp4", 30)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.mp4", "2.mp4"]


def test_parts_of_other_time_bases_are_put_on_one(tmp_path):
    scales = ["15360", "90000", "1000"]
    parts = [
        write_foreign(
            tmp_path / f"{scale}.mp4", grid(6), "libx264", {"bf": "0"}, muxing={"video_track_timescale": scale}
        )
        for scale in scales
    ]
    target = tmp_path / "j.mp4"
    assert {probe(part).time_base for part in parts} == {Fraction(1, int(scale)) for scale in scales}
    assert join_videos(parts, target, 30) == [6, 6, 6]
    assert times_of(target) == [Fraction(k, 30) for k in range(18)]
    assert [number_of(p) for p in iter_rgb(target, 0, 18, 30)] == [*range(6)] * 3


@pytest.mark.slow
def test_a_video_of_an_ntsc_rate_is_put_on_the_rate_that_the_dataset_says(tmp_path):
    """Rows lie at frame / 29.97; at 30000/1001 the last of these pictures is 0.2 ms off."""
    part = write_numbered(tmp_path / "v.mp4", [k % 200 for k in range(6000)], H264, Fraction(30000, 1001))
    assert join_videos([part], tmp_path / "j.mp4", 29.97) == [6000]
    assert times_of(tmp_path / "j.mp4") == [Fraction(100 * k, 2997) for k in range(6000)]


@pytest.mark.parametrize("bframes", ["0", "2"])
def test_uneven_pictures_are_counted_where_that_is_asked_for(tmp_path, bframes):
    times = [Fraction(1, 2) + t + Fraction(k % 2 * 6, 100) for k, t in enumerate(grid(12, 10))]
    part = write_foreign(tmp_path / "v.mp4", times, "libx264", {"bf": bframes, "g": "4", "sc_threshold": "0"})
    with pytest.raises(MediaError, match="rate is not constant"):
        join_videos([part], tmp_path / "j.mp4", 10)
    pieces = [Piece(part, counting=Counting.BY_COUNT), Piece(part, 4, 8, Counting.BY_COUNT)]
    assert join_videos(pieces, tmp_path / "j.mp4", 10) == [12, 4]
    assert times_of(tmp_path / "j.mp4") == [Fraction(k, 10) for k in range(16)]
    assert [number_of(p) for p in iter_rgb(tmp_path / "j.mp4", 0, 16, 10)] == [*range(12), *range(4, 8)]


def test_a_part_with_a_gap_is_refused_and_nothing_is_left(tmp_path):
    times = [Fraction(k, 30) for k in [*range(4), *range(6, 10)]]
    gap = write_foreign(tmp_path / "gap.mp4", times, "libx264", {"bf": "0"})
    with pytest.raises(MediaError, match=r"gap\.mp4.*no picture 4 at its place"):
        join_videos([gap], tmp_path / "j.mp4", 30)
    assert [p.name for p in tmp_path.iterdir()] == ["gap.mp4"]


def test_a_part_of_another_rate_is_refused(tmp_path):
    part = write_foreign(tmp_path / "v.mp4", grid(10, 60), "libx264", {"bf": "0"})
    with pytest.raises(MediaError, match=r"v\.mp4.*rate is not constant"):
        join_videos([part], tmp_path / "j.mp4", 30)


def test_a_cut_part_is_refused_and_an_older_target_stays(tmp_path):
    part = write_numbered(tmp_path / "v.mp4", range(30), H264)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(part.read_bytes()[:-50])
    target = tmp_path / "j.mp4"
    shutil.copy(part, target)
    with pytest.raises(MediaError, match=r"cut\.mp4"):
        join_videos([part, cut], target, 30)
    assert count_packets(target) == 30
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.mp4", "j.mp4", "v.mp4"]


def test_nothing_to_join_and_missing_parts_are_told(tmp_path):
    with pytest.raises(ValueError, match="no videos"):
        join_videos([], tmp_path / "j.mp4", 30)
    with pytest.raises(FileNotFoundError, match=r"none\.mp4"):
        join_videos([tmp_path / "none.mp4"], tmp_path / "j.mp4", 30)
    part = write_numbered(tmp_path / "v.mp4", range(3), H264)
    with pytest.raises(FileNotFoundError):
        join_videos([part], tmp_path / "none" / "j.mp4", 30)


def test_our_video_joins_one_of_lerobots(tmp_path):
    theirs = GOLDEN / "v30_lerobot061_two_cams/videos/observation.images.front/chunk-000/file-000.mp4"
    ours = write_numbered(tmp_path / "v.mp4", range(5), AV1, fps=10)
    count = count_packets(theirs)
    assert join_videos([theirs, ours], tmp_path / "j.mp4", 10) == [count, 5]
    joined = list(iter_rgb(tmp_path / "j.mp4", 0, count + 5, 10))
    assert [number_of(picture) for picture in joined[count:]] == list(range(5))
    for one, other in zip(joined, iter_rgb(theirs, 0, count, 10), strict=False):
        np.testing.assert_array_equal(one, other)
