"""Clips: what is encoded before the files of a target are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from lerotool.execution import StoppedError
from lerotool.media.counting import Counting
from lerotool.media.decode import iter_rgb
from lerotool.media.encode import Colours, VideoEncoder
from lerotool.media.format import EncoderSettings
from lerotool.media.probe import probe
from lerotool.rewriting.video_job import ClipJob, run_clip_job
from lerotool.rewriting.video_plan import Clip
from tests.shared import GOLDEN

VIDEO = GOLDEN / "v30_lerobot061_two_cams/videos/observation.images.front/chunk-000/file-000.mp4"
H264 = EncoderSettings(vcodec="h264", preset="ultrafast")
STRETCH = Clip(None, Path("0.mp4"), VIDEO, 7, 25, 10, None, Counting.BY_TIME, 10, None, H264, threads=1)

COLOURS = ((81, 90, 200), (145, 54, 90), (60, 190, 100), (180, 110, 150))
"""Y, U and V."""


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


@pytest.mark.parametrize("size", [(64, 48), (32, 24)])
def test_pictures_in_bt709_look_the_same_beside_those_that_say_nothing_of_their_colours(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    source = tmp_path / "bt709.mp4"
    with VideoEncoder(source, 64, 48, 10, replace(H264, crf=1), colours=Colours(1, 1, 1)) as encoder:
        for colour in COLOURS:
            # Y, U and V are those of BT.709; from RGB the encoder would take those of BT.601.
            encoder.write(plain_frame(colour))
    wanted = [picture.mean((0, 1)) for picture in iter_rgb(source, 0, len(COLOURS), 10)]
    assert np.ptp(wanted) > 100
    clip = replace(STRETCH, episode=0, source=source, start=0, frames=len(COLOURS), size=size)
    run_clip_job(ClipJob(replace(clip, settings=replace(H264, crf=1)), tmp_path))
    found = [picture.mean((0, 1)) for picture in iter_rgb(tmp_path / "0.mp4", 0, len(COLOURS), 10)]
    np.testing.assert_allclose(found, wanted, atol=3)


def plain_frame(colour: tuple[int, int, int]) -> av.VideoFrame:
    frame = av.VideoFrame(64, 48, "yuv420p")
    for plane, value in zip(frame.planes, colour, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def test_a_clip_ends_when_its_folder_has_a_stop_file(tmp_path: Path) -> None:
    job = ClipJob(STRETCH, tmp_path)
    job.stop_file.touch()
    with pytest.raises(StoppedError):
        run_clip_job(job)
    assert [path.name for path in tmp_path.iterdir()] == ["stop"]
