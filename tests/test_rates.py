"""Rates that are not whole numbers: rows, spans and pictures lie at one rate, in whatever way a dataset was made."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lerotool
from lerotool.checking.videos import VideoJob, look_at_videos
from lerotool.dataset.dataset import Dataset
from lerotool.encoding.reencode import ReencodeOptions, reencode
from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings
from lerotool.media.join import join_videos
from tests.dataset.reading import edit_json, edit_table
from tests.lerobot_judge import judge
from tests.media.pictures import numbered, rgb_frame
from tests.merging.sets import make_with_cameras
from tests.odd_videos import CAMERA, make_v21, write_video

pytestmark = pytest.mark.slow

NTSC = {23.976: Fraction(24000, 1001), 29.97: Fraction(30000, 1001), 59.94: Fraction(60000, 1001)}
RATES = [*NTSC, 12.5, 14.985, 33.33, 10.1, 119.88]
SMALL = EncoderSettings(vcodec="h264", preset="ultrafast", crf=30, g=10)
EPISODES = "meta/episodes/chunk-000/file-000.parquet"


def long_video(path: Path, lengths: list[int], rate: float | Fraction) -> Path:
    """Write a video of still pictures, cheaply: one is encoded, the others are copies of its packets."""
    part = path.with_suffix(".part.mp4")
    with VideoEncoder(part, 64, 48, rate, SMALL) as encoder:
        for _ in range(max(lengths)):
            encoder.write(rgb_frame(numbered(7)))
    path.parent.mkdir(parents=True, exist_ok=True)
    join_videos([part] * len(lengths), path, rate)
    part.unlink()
    return path


def long_dataset(root: Path, fps: float, video_rate: float | Fraction, seconds: float, starts_rate: float) -> Path:
    """Make a v3.0 dataset with one camera out of a short one: the video at one rate, spans at another."""
    length = int(20 * fps)
    lengths = [length] * int(seconds * fps / length)
    make_v21(root.parent / "short", lambda path, episode, frames: write_video(path, episode, frames, fps=fps), fps=fps)
    lerotool.merge([root.parent / "short"], root)
    long_video(root / f"videos/{CAMERA}/chunk-000/file-000.mp4", lengths, video_rate)
    starts = np.cumsum([0, *lengths])
    within = np.tile(np.arange(length), len(lengths))
    row = pq.ParquetFile(root / EPISODES).read().slice(0, 1).to_pylist()[0]
    schema = pq.read_schema(root / EPISODES)
    rows = []
    for number, start in enumerate(starts[:-1].tolist()):
        own = {"episode_index": number, "length": length}
        own |= {"dataset_from_index": start, "dataset_to_index": start + length}
        own |= {f"videos/{CAMERA}/from_timestamp": start / starts_rate}
        own |= {f"videos/{CAMERA}/to_timestamp": (start + length) / starts_rate}
        rows.append({**row, **own})
    pq.write_table(pa.Table.from_pylist(rows, schema), root / EPISODES)
    total = int(starts[-1])
    values = {
        "timestamp": (within / fps).astype(np.float32),
        "frame_index": within,
        "episode_index": np.repeat(np.arange(len(lengths)), length),
        "index": np.arange(total),
        "task_index": np.zeros(total, np.int64),
    }

    def grown(table: pa.Table) -> pa.Table:
        vector = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2 * total, np.float32)), 2)
        columns = [pa.array(values[name]) if name in values else vector for name in table.column_names]
        return pa.table([c.cast(f.type) for c, f in zip(columns, table.schema, strict=True)], schema=table.schema)

    edit_table(root / "data/chunk-000/file-000.parquet", grown)
    sizes = {"total_episodes": len(lengths), "total_frames": total, "splits": {"train": f"0:{len(lengths)}"}}
    edit_json(root / "meta/info.json", lambda info: info.update(sizes))
    return root


def faults(root: Path) -> list[str]:
    """Ask for every row as LeRobot does; return what is wrong."""
    dataset = Dataset.open(root)
    spans = [episode.videos[CAMERA] for episode in dataset.episodes]
    found = []
    for path in dict.fromkeys(span.path for span in spans):
        own = [(number, span) for number, span in enumerate(spans) if span.path == path]
        numbers, starts = np.array([n for n, _ in own]), np.array([span.from_timestamp for _, span in own])
        lengths = np.array([span.frames for _, span in own])
        (facts,) = look_at_videos([VideoJob(path, CAMERA, dataset.fps, numbers, starts, lengths)])
        found += [f"{problem.code}: {problem.text}" for problem in facts.problems if problem.code.startswith("video-")]
    return [text for text in found if "keyframe" not in text]


@pytest.mark.parametrize("fps", NTSC)
def test_joined_videos_at_an_ntsc_rate_are_cured_by_merging_and_by_encoding_again(tmp_path: Path, fps: float) -> None:
    """Pictures at 30000/1001, rows and spans at 29.97: from 98.7 s on LeRobot finds none of them."""
    source = long_dataset(tmp_path / "old", fps, NTSC[fps], 220, fps)
    assert any("video-times" in fault for fault in faults(source))
    lerotool.merge([source], tmp_path / "merged")
    reencode(source, tmp_path / "encoded", ReencodeOptions({"vcodec": "h264", "preset": "ultrafast"}))
    for name in ("merged", "encoded"):
        assert faults(tmp_path / name) == []


@pytest.mark.parametrize("fps", NTSC)
def test_spans_that_fit_their_ntsc_video_stay_right_when_it_is_merged_and_encoded_again(
    tmp_path: Path, fps: float
) -> None:
    """LeRobot finds all pictures here: spans are sums of the videos' own durations, and episodes are short."""
    source = long_dataset(tmp_path / "old", fps, NTSC[fps], 220, float(NTSC[fps]))
    assert faults(source) == []
    lerotool.merge([source], tmp_path / "merged")
    reencode(source, tmp_path / "encoded", ReencodeOptions({"vcodec": "h264", "preset": "ultrafast"}))
    for name in ("merged", "encoded"):
        assert faults(tmp_path / name) == []
        assert len(list(Dataset.open(tmp_path / name).frames(10, CAMERA))) == int(20 * fps)


def test_what_check_advises_for_an_ntsc_video_cures_it(tmp_path: Path) -> None:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lerotool", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    source = long_dataset(tmp_path / "old", 29.97, NTSC[29.97], 220, 29.97)
    found, repaired = run("check", source), run("check", source, "--repair")
    assert "video-times" in found.stdout
    (advice,) = set(re.findall(r"lerotool (encode \S+ -o \S+)", found.stdout + repaired.stdout))
    done = run(*shlex.split(advice), "--codec", "h264", "--preset", "ultrafast")
    assert done.returncode == 0, done.stderr
    again = run("check", tmp_path / "old-new", "--json")
    assert "video-times" not in again.stdout
    assert faults(tmp_path / "old-new") == []


@pytest.mark.parametrize("fps", RATES)
def test_sessions_are_packed_on_the_rate_of_the_dataset(tmp_path: Path, fps: float) -> None:
    source = make_with_cameras(tmp_path / "set", (30, 25, 40), fps=fps)
    merged = tmp_path / "merged"
    lerotool.merge([source, source], merged)
    assert json.loads((merged / "meta/info.json").read_text())["fps"] == fps
    for root in (source, merged):
        dataset = Dataset.open(root)
        for camera in dataset.cameras:
            spans = [episode.videos[camera] for episode in dataset.episodes]
            assert len({span.path for span in spans}) == 1
            assert [span.from_timestamp for span in spans] == [span.start_frame / fps for span in spans]
            for episode in dataset.episodes:
                assert sum(1 for _ in dataset.frames(episode.index, camera)) == episode.length


@pytest.mark.lerobot
@pytest.mark.parametrize("fps", RATES)
def test_lerobot_finds_the_rows_of_a_long_video(tmp_path: Path, fps: float, strides: Callable[[int], int]) -> None:
    """Merged out of a set whose video is at the NTSC rate where there is one; each row is looked up by its formula."""
    source = long_dataset(tmp_path / "old", fps, NTSC.get(fps, fps), 150, fps)
    lerotool.merge([source], tmp_path / "merged")
    judge(tmp_path / "merged", stride=strides(7))
