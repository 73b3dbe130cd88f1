"""One job: one camera of one pending episode becomes one mp4 with exactly one frame per row, and its statistics.

A job needs only the folder of the pending episode, writes only below its ``encoded/``, and can be repeated at any time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy.typing as npt

from lerotool.arrow_types import integers
from lerotool.encoding.staged import StagedResult, result_path, video_path
from lerotool.errors import MediaError, SpoolError
from lerotool.execution import ProgressFile
from lerotool.media.decode import PacketDecoder, to_rgb
from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings, StreamCodec
from lerotool.media.probe import count_packets, feature_info
from lerotool.moments import PictureHistogram, sampled_frames, shrink_step
from lerotool.spool.pending import PendingEpisode
from lerotool.storage import make_directory, write_json


@dataclass(frozen=True, slots=True)
class EncodeJob:
    """What a worker needs to know.

    Attributes:
        folder: of the pending episode.
        camera: key of one of its video features.
        settings: of the encoder.
        threads: that the encoder may use.
        progress: file in which progress is told.
        stop: file that tells the job to stop.
    """

    folder: Path
    camera: str
    settings: EncoderSettings
    threads: int
    progress: Path
    stop: Path


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What a finished job has cost.

    Attributes:
        frames: one per row.
        decoded: packets that had to be decoded for them.
        cpu_s: CPU seconds of the worker process, all threads.
        wall_s: seconds.
    """

    frames: int
    decoded: int
    cpu_s: float
    wall_s: float


def run_job(job: EncodeJob) -> JobOutcome:
    """Encode one camera of one episode and stage the result durably.

    Raises:
        SpoolError: a row or packet is damaged or missing; the text names episode, camera and packet.
        MediaError: a packet cannot be decoded, or the encoder fails.
        OSError: with ``ENOSPC`` when the disk is full.
        StoppedError: the stop file is there.
    """
    began = time.perf_counter(), time.process_time()
    episode = PendingEpisode.open(job.folder)
    with _named(f"episode {job.folder.name}, camera {job.camera!r}"):
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
                "settings": job.settings,
                "lerotool_version": version("lerotool"),
                "cpu_s": cost.cpu_s,
                "wall_s": cost.wall_s,
                **result,
            }
        )
        write_json(result_path(episode, job.camera), document.model_dump(by_alias=True))
    job.progress.unlink(missing_ok=True)
    return cost


def _encode(job: EncodeJob, episode: PendingEpisode) -> dict[str, Any]:
    if episode.length == 0:
        raise SpoolError("there are no rows")
    make_directory(episode.encoded_dir)
    for stale in (result_path(episode, job.camera), video_path(episode, job.camera)):
        stale.unlink(missing_ok=True)
    rows = episode.length
    progress = ProgressFile(job.progress, rows, job.stop)
    source = _Pictures(episode, job.camera)
    picked = integers(episode.rows().column(f"picture/{job.camera}"))
    target = video_path(episode, job.camera)
    width, height = source.format.width, source.format.height
    histogram = PictureHistogram()
    step = shrink_step(height, width)
    sampled = frozenset(sampled_frames(rows).tolist())
    with VideoEncoder(target, width, height, episode.header.fps, job.settings, threads=job.threads) as encoder:
        for row, frame in enumerate(source.of_rows(picked)):
            encoder.write(frame)
            if row in sampled:
                histogram.add(to_rgb(frame)[::step, ::step])
            progress.report(row + 1)
    frames = count_packets(target)
    if frames != rows:
        raise MediaError(f"{target}: expected one frame for each of {rows} rows, found {frames}")
    return {
        "frames": frames,
        "file_bytes": target.stat().st_size,
        "info": feature_info(target, job.settings),
        "stats": histogram.stats().to_json(),
        "decoded": source.decoded,
    }


class _Pictures:
    """The pictures of a camera's packets, each decoded once, unnamed ones only where others depend on them."""

    def __init__(self, episode: PendingEpisode, camera: str) -> None:
        self._packets = episode.camera(camera)
        self.format = episode.header.cameras[camera]
        self._decoder = PacketDecoder(self.format)
        self._depends = self.format.codec is StreamCodec.H264
        self._number = -1
        self.decoded = 0

    def of_rows(self, picked: npt.NDArray[Any]) -> Iterator[Any]:
        """Yield the picture (an ``av.VideoFrame``) of each row.

        Raises:
            SpoolError: a row names a packet that is not there, or one that cannot be reached any more.
        """
        frame = None
        for row, number in enumerate(picked.tolist()):
            if not 0 <= number < len(self._packets):
                raise SpoolError(f"row {row} names packet {number}, but there are {len(self._packets)}")
            if number != self._number:
                frame = self._go_to(number, row)
            yield frame

    def _go_to(self, number: int, row: int) -> Any:
        if self._depends and number < self._number:
            raise SpoolError(f"row {row} names packet {number} after packet {self._number}: H.264 cannot go back")
        frame = None
        for passed in range(self._number + 1 if self._depends else number, number + 1):
            with _named(f"packet {passed}"):
                frame = self._decoder.decode(self._packets.packet(passed))
            self.decoded += 1
        self._number = number
        return frame


@contextlib.contextmanager
def _named(place: str) -> Iterator[None]:
    """Tell the place in the text of our errors."""
    try:
        yield
    except (SpoolError, MediaError) as error:
        raise type(error)(f"{place}: {error}", hint=error.hint) from error
