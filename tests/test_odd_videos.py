"""Videos as other programs make them: whatever is done, each row keeps its picture, or the plan says no."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import lerotool
from lerotool.encoding.reencode import ReencodeOptions, plan_reencoding, reencode
from lerotool.errors import CorruptDatasetError
from lerotool.merging.options import SourceArgument
from lerotool.merging.plan import Plan
from lerotool.merging.planning import make_plan
from tests.odd_videos import CAMERA, LENGTHS, WriteVideo, expected_pictures, make_v21, pictures_of_rows, write_video

pytestmark = pytest.mark.slow


def _profiles(path: Path, episode: int, frames: int) -> None:
    options = [
        {"profile": "baseline", "bf": "0"},
        {"profile": "high", "crf": "15", "bf": "2"},
        {"level": "4.2", "bf": "0"},
    ]
    write_video(path, episode, frames, options=options[episode])


def _time_bases(path: Path, episode: int, frames: int) -> None:
    write_video(path, episode, frames, muxing={"video_track_timescale": str([10240, 90000, 12800][episode])})


def _extra(path: Path, episode: int, frames: int) -> None:
    write_video(path, episode, frames + (5 if episode == 1 else 0))


REGULAR: dict[str, WriteVideo] = {
    "B-frames": partial(write_video, options={"bf": "3", "g": "12"}),
    "sound": partial(write_video, has_audio=True),
    "motion JPEG of full range": partial(write_video, codec="mjpeg", pix_fmt="yuvj420p", options={"q:v": "2"}),
    "H.264 of full range": partial(write_video, options={"x264-params": "fullrange=on", "bf": "0"}),
    "4:4:4": partial(write_video, pix_fmt="yuv444p"),
    "pictures behind the episode": _extra,
    "mixed time bases": _time_bases,
    "mixed groups and profiles": _profiles,
    "fragments": partial(write_video, muxing={"movflags": "frag_keyframe+empty_moov"}),
}
UNEVEN: dict[str, WriteVideo] = {
    "a late start": partial(write_video, times_ms=lambda k: 500 + 100 * k, muxing={"avoid_negative_ts": "disabled"}),
    "uneven times": partial(write_video, times_ms=lambda k: 100 * k + 13 * (k % 2)),
    "very uneven times": partial(write_video, times_ms=lambda k: 100 * k + 60 * (k % 2)),
    "uneven times with B-frames": partial(
        write_video, times_ms=lambda k: 100 * k + 60 * (k % 2), options={"bf": "2", "g": "6"}
    ),
}
ALL = {**REGULAR, **UNEVEN}


def plan_of(root: Path, target: Path) -> Plan:
    return make_plan((SourceArgument.parse(str(root)),), target)


@pytest.mark.parametrize("kind", ALL)
def test_each_row_keeps_its_picture_when_merged_and_encoded_again(tmp_path: Path, kind: str) -> None:
    source = make_v21(tmp_path / "source", ALL[kind])
    lerotool.merge([source], tmp_path / "v30")
    lerotool.merge([source, source], tmp_path / "twice")
    lerotool.merge([source], tmp_path / "v21", to="v2.1")
    settings = {"vcodec": "h264", "crf": 20, "preset": "ultrafast"}
    reencode(source, tmp_path / "encoded", ReencodeOptions(settings))
    for name in ("v30", "v21", "encoded"):
        assert pictures_of_rows(tmp_path / name) == expected_pictures(), name
    assert pictures_of_rows(tmp_path / "twice") == expected_pictures() * 2


@pytest.mark.parametrize("kind", ALL)
def test_the_plan_says_by_which_rule_pictures_off_their_times_are_taken(tmp_path: Path, kind: str) -> None:
    source = make_v21(tmp_path / "source", ALL[kind])
    rule = {
        "a late start": "0.5 s off the times of their rows.*taken in order",
        "uneven times": "0.013 s off the times of their rows.*nearest to it",
        "very uneven times": "0.06 s off the times of their rows.*taken in order",
        "uneven times with B-frames": "0.06 s off the times of their rows.*taken in order",
    }.get(kind)
    for notes in (plan_of(source, tmp_path / "new").notes, plan_reencoding(source, ReencodeOptions()).notes):
        found = [note for note in notes if "off the times" in note]
        assert len(found) == (rule is not None)
        if rule is not None:
            assert re.search(rule, found[0])


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lerotool", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("kind", UNEVEN)
def test_what_check_advises_for_pictures_off_their_times_cures_them(tmp_path: Path, kind: str) -> None:
    source = make_v21(tmp_path / "source", UNEVEN[kind])
    found = run("check", source)
    assert "video-times" in found.stdout
    repaired = run("check", source, "--repair")
    (advice,) = set(re.findall(r"lerotool (encode \S+ -o \S+)", found.stdout + repaired.stdout))
    done = run(*shlex.split(advice))
    assert done.returncode == 0, done.stderr
    assert "off the times of their rows" in done.stdout
    assert run("check", tmp_path / "source-new").returncode == 0
    assert pictures_of_rows(tmp_path / "source-new") == expected_pictures()


def _gaps(path: Path, episode: int, frames: int) -> None:
    """The middle episode lacks two pictures in its middle."""
    missing = 2 if episode == 1 else 0
    write_video(path, episode, frames - missing, times_ms=lambda k: 100 * (k + (missing if k >= 5 else 0)))


def _late_and_longer(path: Path, episode: int, frames: int) -> None:
    write_video(
        path,
        episode,
        frames + (3 if episode == 1 else 0),
        times_ms=lambda k: 100 * k + (500 if episode == 1 else 0),
        muxing={"avoid_negative_ts": "disabled"},
    )


@pytest.mark.parametrize("write", [_gaps, _late_and_longer], ids=["gaps", "late and longer"])
def test_where_neither_times_nor_numbers_fit_the_way_out_works_as_typed(tmp_path: Path, write: WriteVideo) -> None:
    source = make_v21(tmp_path / "source", write)
    merged = run("merge", source, "-o", tmp_path / "target", "--dry-run")
    assert merged.returncode == 3
    assert "neither times nor numbers fit" in merged.stdout
    assert f"--drop {CAMERA}, or {source}:0,2" in merged.stdout
    encoded = run("encode", source, "-o", tmp_path / "target")
    assert encoded.returncode == 3
    assert "neither times nor numbers fit" in encoded.stderr
    (advice,) = re.findall(r"lerotool (merge \S+ -o TARGET --to v2.1)", encoded.stderr)
    assert run(*shlex.split(advice.replace("TARGET", str(tmp_path / "target")))).returncode == 0
    assert pictures_of_rows(tmp_path / "target") == expected_pictures((LENGTHS[0], 0, LENGTHS[2]))


def _short(path: Path, episode: int, frames: int) -> None:
    write_video(path, episode, frames - (2 if episode == 1 else 0))


@pytest.mark.parametrize("version", ["v3.0", "v2.1"])
def test_a_video_that_is_short_is_one_problem(tmp_path: Path, version: str) -> None:
    source = make_v21(tmp_path / "source", _short)
    with pytest.raises(CorruptDatasetError) as caught:
        lerotool.merge([source], tmp_path / "target", to=version)
    assert str(caught.value).startswith(f"source, camera {CAMERA!r}: video has 10 frames, table needs 12")
    assert "keyframe" not in str(caught.value)


def test_a_video_of_twice_the_rate_is_encoded_again_where_that_is_asked_for(tmp_path: Path) -> None:
    def twice(path: Path, episode: int, frames: int) -> None:
        write_video(path, episode, 2 * frames, fps=20)

    source = make_v21(tmp_path / "source", twice)
    lerotool.merge([source], tmp_path / "copied")
    reencode(source, tmp_path / "encoded", ReencodeOptions({"vcodec": "h264", "crf": 20}))
    expected = [30 * episode + 2 * k for episode, count in enumerate(LENGTHS) for k in range(count)]
    for name in ("copied", "encoded"):
        assert pictures_of_rows(tmp_path / name) == expected, name
