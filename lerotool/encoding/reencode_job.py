"""One job: some frames of a video, decoded and encoded again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from lerotool.encoding.job import JobOutcome
from lerotool.execution import ProgressFile
from lerotool.media.counting import Counting
from lerotool.media.decode import iter_numbered
from lerotool.media.encode import Colours, VideoEncoder, until_in_order
from lerotool.media.format import EncoderSettings


@dataclass(frozen=True, slots=True)
class ReencodeJob:
    """What a worker needs to know."""

    source: Path  # a video
    start: int  # number of the first frame
    stop: int  # one past the last
    fps: float  # of the dataset
    counting: Counting  # how frames are numbered in the video
    target: Path  # the mp4 to write
    settings: EncoderSettings  # of the encoder
    progress: Path  # file to which progress is written
    stop_file: Path  # file that tells the job to stop


def run_reencode_job(job: ReencodeJob) -> JobOutcome:
    """Encode the frames again.

    Raises:
        MediaError: a frame is missing or cannot be decoded, or the encoder fails.
        OSError: the disk is full.
        StoppedError: the stop file is there.
    """
    began = time.perf_counter(), time.process_time()
    frames = _encode(job)
    cost = time.perf_counter() - began[0], time.process_time() - began[1]
    return JobOutcome(frames=frames, decoded=frames, cpu_s=cost[1], wall_s=cost[0])


@until_in_order
def _encode(job: ReencodeJob) -> int:
    progress = ProgressFile(job.progress, job.stop - job.start, job.stop_file)
    frames = iter_numbered(job.source, job.start, job.stop, job.fps, job.counting)
    first = next(frames)
    # One thread for every job: with others x265 describes itself in another way, and the parts could not be joined.
    with VideoEncoder(
        job.target, first.width, first.height, job.fps, job.settings, threads=1, colours=Colours.of(first, job.source)
    ) as encoder:
        for frame in chain([first], frames):
            encoder.write(frame)
            progress.report(encoder.frames)
    return encoder.frames
