"""One job: one camera of one pending episode becomes one mp4 with exactly one frame per row, and its statistics.

A job needs only the folder of the pending episode, writes only below its ``encoded/``, and can be repeated at any time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lerotool.arrow_types import integers
from lerotool.encoding.row_pictures import RowPictures, named, settings_of, treatment_of
from lerotool.encoding.staged import StagedResult, load_result, result_path, video_path
from lerotool.errors import MediaError, SpoolError
from lerotool.execution import ProgressFile
from lerotool.media.encode import VideoEncoder, until_in_order
from lerotool.media.format import EncoderSettings
from lerotool.media.probe import count_packets
from lerotool.moments import sampled_frames
from lerotool.spool.pending import PendingEpisode, State
from lerotool.storage import sync_directory, write_json


@dataclass(frozen=True, slots=True)
class EncodeJob:
    """What a worker needs to know."""

    folder: Path
    camera: str
    settings: EncoderSettings
    threads: int
    progress: Path
    stop: Path


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What a finished job has cost."""

    frames: int  # one per row
    decoded: int
    cpu_s: float  # CPU seconds of the worker process, all threads
    wall_s: float  # seconds


def run_job(job: EncodeJob) -> JobOutcome:
    """Encode one camera of one episode and stage the result durably; one that is staged already is left alone.

    SpoolError: a row or packet is damaged or missing, or the episode is part of the dataset by now.
    """
    began = time.perf_counter(), time.process_time()
    episode = PendingEpisode.open(job.folder)
    with named(f"episode {job.folder.name}, camera {job.camera!r}"):
        if episode.state is State.COMMITTED:
            raise SpoolError("is part of the dataset already")
        # A cluster repeats jobs whose worker it has lost, also finished ones; somebody may be reading the result.
        if (staged := load_result(episode, job.camera, job.settings)) is not None:
            return JobOutcome(staged.frames, staged.decoded, staged.cpu_s, staged.wall_s)
        result = _encode(job, episode)
        cost = JobOutcome(
            frames=result["frames"],
            decoded=result["decoded"],
            cpu_s=time.process_time() - began[1],
            wall_s=time.perf_counter() - began[0],
        )
        document = StagedResult.model_validate(
            {
                "schema": 1,
                "recording_id": episode.header.recording_id,
                "camera": job.camera,
                "lerotool_version": version("lerotool"),
                "cpu_s": cost.cpu_s,
                "wall_s": cost.wall_s,
                **result,
            }
        )
        write_json(result_path(episode, job.camera), document.model_dump(by_alias=True))
    job.progress.unlink(missing_ok=True)
    return cost


@until_in_order
def _encode(job: EncodeJob, episode: PendingEpisode) -> dict[str, Any]:
    if episode.length == 0:
        raise SpoolError("it has no rows")
    # Without the folders above: a job must not bring back an episode that has gone into the dataset.
    episode.encoded_dir.mkdir(exist_ok=True)
    sync_directory(episode.path)
    for stale in (result_path(episode, job.camera), video_path(episode, job.camera)):
        stale.unlink(missing_ok=True)
    rows = episode.length
    progress = ProgressFile(job.progress, rows, job.stop)
    source = RowPictures(episode, job.camera)
    treatment = treatment_of(episode.features[job.camera], source.format)
    picked = integers(episode.rows().column(f"picture/{job.camera}"))
    target = video_path(episode, job.camera)
    settings = settings_of(episode.features[job.camera], job.settings)
    size = source.format.width, source.format.height
    sampled = frozenset(sampled_frames(rows).tolist())
    with VideoEncoder(target, *size, episode.header.fps, settings, threads=job.threads) as encoder:
        for row, picture in enumerate(source.of_rows(picked)):
            encoder.write(treatment.to_encode(picture))
            if row in sampled:
                treatment.measure(picture)
            progress.report(row + 1)
    frames = count_packets(target)
    if frames != rows:
        raise MediaError(f"{target}: expected one frame for each of {rows} rows, found {frames}")
    return {
        "frames": frames,
        "file_bytes": target.stat().st_size,
        "settings": settings,
        "info": treatment.info(target, settings),
        "stats": treatment.stats().to_json(),
        "decoded": source.decoded,
    }
