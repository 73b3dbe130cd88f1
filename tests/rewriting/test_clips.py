"""Clips: what is encoded before the files of a target are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lerotool.execution import StoppedError
from lerotool.media.counting import Counting
from lerotool.media.format import EncoderSettings
from lerotool.media.probe import probe
from lerotool.rewriting.video_job import ClipJob, run_clip_job
from lerotool.rewriting.video_plan import Clip
from tests.shared import GOLDEN

VIDEO = GOLDEN / "v30_lerobot061_two_cams/videos/observation.images.front/chunk-000/file-000.mp4"
H264 = EncoderSettings(vcodec="h264", preset="ultrafast")
STRETCH = Clip(None, Path("0.mp4"), VIDEO, 7, 25, 10, None, Counting.BY_TIME, 10, None, H264, threads=1)


def test_a_stretch_keeps_its_size_and_is_not_measured(tmp_path: Path) -> None:
    done = run_clip_job(ClipJob(STRETCH, tmp_path))
    made, source = probe(tmp_path / "0.mp4"), probe(VIDEO)
    assert (made.width, made.height) == (source.width, source.height)
    assert done.stats is None


def test_an_episode_gets_the_size_of_the_target_and_is_measured(tmp_path: Path) -> None:
    done = run_clip_job(ClipJob(replace(STRETCH, episode=1, size=(32, 24)), tmp_path))
    made = probe(tmp_path / "0.mp4")
    assert (made.width, made.height) == (32, 24)
    assert done.stats is not None
    assert done.stats.count == 25


def test_a_clip_ends_when_its_folder_has_a_stop_file(tmp_path: Path) -> None:
    job = ClipJob(STRETCH, tmp_path)
    job.stop_file.touch()
    with pytest.raises(StoppedError):
        run_clip_job(job)
    assert [path.name for path in tmp_path.iterdir()] == ["stop"]
