"""Headers of mp4 files read without FFmpeg say what FFmpeg says; pieces of videos are cut at keyframes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lerotool.errors import MediaError
from lerotool.media.counting import is_exact
from lerotool.media.decode import iter_rgb
from lerotool.media.format import EncoderSettings
from lerotool.media.join import Piece, join_videos
from lerotool.media.mp4 import read_header
from lerotool.media.probe import probe, video_index
from tests.media.pictures import AV1, H264, HEVC, number_of, write_numbered
from tests.shared import GOLDEN, REALDATA, needs_realdata

B_FRAMES = EncoderSettings(
    vcodec="h264", preset="veryfast", crf=20, g=6, extra_options={"bf": "2", "sc_threshold": "0"}
)


def written(path: Path, shown: Sequence[int], settings: EncoderSettings) -> Path:
    return write_numbered(path, shown, settings, 10)


def packets(path: Path) -> list[tuple[int, bool, int]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = [(p.pts, p.is_keyframe, p.size) for p in container.demux(stream) if p.size]
        return [(pts - (stream.start_time or 0), key, size) for pts, key, size in found]


def numbers(path: Path) -> list[int]:
    return [number_of(picture) for picture in iter_rgb(path, 0, video_index(path).frames, 10)]


@pytest.mark.parametrize("settings", [AV1, H264, HEVC, B_FRAMES], ids=["av1", "h264", "hevc", "b-frames"])
def test_a_header_says_what_ffmpeg_says(tmp_path: Path, settings: EncoderSettings) -> None:
    path = written(tmp_path / "a.mp4", range(23), settings)
    header, expected = read_header(path), packets(path)
    assert header is not None
    assert header.times.tolist() == [pts for pts, _, _ in expected]
    assert header.is_keyframe.tolist() == [key for _, key, _ in expected]
    assert header.sizes.tolist() == [size for _, _, size in expected]
    assert header.time_base == probe(path).time_base
    assert header.stop <= path.stat().st_size
    assert is_exact(header, Fraction(10))
    assert not is_exact(header, Fraction(9))


@pytest.mark.parametrize("home", [GOLDEN, pytest.param(REALDATA, marks=needs_realdata)], ids=lambda path: path.name)
def test_headers_of_other_peoples_files_say_what_ffmpeg_says(home: Path) -> None:
    files = sorted(home.glob("*/videos/**/*.mp4"))
    assert files
    for path in files:
        header, expected = read_header(path), packets(path)
        assert header is not None
        assert header.times.tolist() == [pts for pts, _, _ in expected], path
        assert header.is_keyframe.tolist() == [key for _, key, _ in expected], path


def test_a_file_that_has_been_cut_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", range(9), AV1)
    data = path.read_bytes()
    path.write_bytes(data[:-30])
    with pytest.raises(MediaError, match=f"ends after {len(data) - 30} of"):
        video_index(path)


@pytest.mark.parametrize("format_", ["fragmented", "matroska"])
def test_other_containers_are_listed_by_their_packets(tmp_path: Path, format_: str) -> None:
    source, path = written(tmp_path / "a.mp4", range(9), AV1), tmp_path / "b.mp4"
    options = {"movflags": "empty_moov+frag_keyframe"} if format_ == "fragmented" else {}
    name = "mp4" if format_ == "fragmented" else "matroska"
    with av.open(str(source)) as old, av.open(str(path), "w", format=name, options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(old.streams.video[0]):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    assert read_header(path) is None
    index = video_index(path)
    assert index.frames == 9
    assert index.shown().tolist() == [round(k / 10 / index.time_base) for k in range(9)]
    assert index.is_keyframe[0]


def test_noise_and_cut_headers_are_no_headers(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", range(5), AV1)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    start = data.index(b"moov") + 4
    for _ in range(300):
        broken = bytearray(data)
        for at in rng.integers(start, start + 700, 3).tolist():
            broken[at] = int(rng.integers(0, 256))
        path.write_bytes(bytes(broken))
        read_header(path)


@pytest.mark.parametrize("settings", [AV1, H264, B_FRAMES], ids=["av1", "h264", "b-frames"])
def test_pieces_are_joined_picture_by_picture(tmp_path: Path, settings: EncoderSettings) -> None:
    # The GOP begins anew at every multiple of g.
    first = written(tmp_path / "a.mp4", range(24), settings)
    second = written(tmp_path / "b.mp4", range(100, 124), settings)
    g = settings.g or 2
    pieces = [Piece(second, 2 * g, 4 * g), Piece(first), Piece(first, g, 2 * g)]
    counts = join_videos(pieces, tmp_path / "joined.mp4", 10)
    assert counts == [2 * g, 24, g]
    assert numbers(tmp_path / "joined.mp4") == [*range(100 + 2 * g, 100 + 4 * g), *range(24), *range(g, 2 * g)]
    header = read_header(tmp_path / "joined.mp4")
    assert header is not None
    assert is_exact(header, Fraction(10))


def test_a_piece_that_does_not_begin_with_a_keyframe_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", range(12), AV1)
    with pytest.raises(MediaError, match="pictures 3 to 7 cannot be cut out"):
        join_videos([Piece(path, 3, 7)], tmp_path / "b.mp4", 10)
    assert not (tmp_path / "b.mp4").exists()
