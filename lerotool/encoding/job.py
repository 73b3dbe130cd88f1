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
from lerotool.encoding.staged import StagedResult, load_result, result_path, settings_of, video_path
from lerotool.errors import MediaError, SpoolError
from lerotool.execution import ProgressFile
from lerotool.features import Feature
from lerotool.media.depth import DepthScale, depth_array, depth_frame
from lerotool.media.encode import VideoEncoder, until_in_order
from lerotool.media.format import DEPTH_UNITS, EncoderSettings, StreamCodec, StreamFormat
from lerotool.media.pictures import PacketDecoder, sampled_rgb
from lerotool.media.probe import count_packets, feature_info
from lerotool.moments import DepthHistogram, FeatureStats, PictureHistogram, sampled_frames, shrink_step
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


def run_job(job: EncodeJob) -> StagedResult:
    """Encode one camera of one episode and stage the result durably; one that is staged already is left alone.

    SpoolError: a row or packet is damaged or missing, or the episode is part of the dataset by now.
    """
    began, cpu_began = time.perf_counter(), time.process_time()
    episode = PendingEpisode.open(job.folder)
    with named(f"episode {job.folder.name}, camera {job.camera!r}"):
        if episode.state is State.COMMITTED:
            raise SpoolError("is part of the dataset already")
        # A cluster repeats jobs whose worker it has lost, also finished ones; somebody may be reading the result.
        if (staged := load_result(episode, job.camera, job.settings)) is not None:
            return staged
        result = StagedResult.model_validate(
            {
                "schema": 1,
                "recording_id": episode.header.recording_id,
                "camera": job.camera,
                "lerotool_version": version("lerotool"),
                **_encode(job, episode),
                "cpu_s": time.process_time() - cpu_began,
                "wall_s": time.perf_counter() - began,
            }
        )
        write_json(result_path(episode, job.camera), result.model_dump(by_alias=True))
    job.progress.unlink(missing_ok=True)
    return result


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
    treatment = Treatment(episode.features[job.camera], source.format)
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
        "stats": treatment.stats.to_json(),
        "decoded": source.decoded,
    }


class Treatment:
    """What is done with the decoded pictures (``av.VideoFrame``) of a camera: they are encoded and measured."""

    def __init__(self, feature: Feature, stream: StreamFormat) -> None:
        if feature.is_depth != (stream.pixel_format in DEPTH_UNITS):
            expected = " or ".join(DEPTH_UNITS) if feature.is_depth else "colours"
            raise SpoolError(f"the pictures are {stream.pixel_format}, expected {expected}")
        self._scale = DepthScale.of(feature.info) if feature.is_depth else None
        self._unit = DEPTH_UNITS.get(stream.pixel_format)
        self._step = shrink_step(stream.height, stream.width)
        self._histogram = DepthHistogram() if feature.is_depth else PictureHistogram()

    def to_encode(self, picture: Any) -> Any:
        """Return the frame that the encoder takes."""
        return picture if self._scale is None else depth_frame(self._scale.codes(depth_array(picture)))

    def measure(self, picture: Any) -> None:
        """Take the picture into the statistics."""
        step = self._step
        pixels: Any = sampled_rgb(picture, step) if self._scale is None else depth_array(picture)[::step, ::step]
        self._histogram.add(pixels)

    @property
    def stats(self) -> FeatureStats:
        """The statistics of all pictures measured."""
        return self._histogram.stats()

    def info(self, video: Path, settings: EncoderSettings) -> dict[str, Any]:
        """Return the feature's ``info`` block for the finished video."""
        return feature_info(video, settings, self._scale, self._unit)


class RowPictures:
    """The pictures of a camera's packets, each decoded once, unnamed ones only where others depend on them."""

    def __init__(self, episode: PendingEpisode, camera: str) -> None:
        self._packets = episode.camera(camera)
        self.format = episode.header.cameras[camera]
        self._decoder = PacketDecoder(self.format)
        self._depends = self.format.codec is StreamCodec.H264
        self._number = -1
        self.decoded = 0

    def of_rows(self, picked: npt.NDArray[Any]) -> Iterator[Any]:
        """Yield the picture (an ``av.VideoFrame``) of each row."""
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
            with named(f"packet {passed}"):
                frame = self._decoder.decode(self._packets.packet(passed))
            self.decoded += 1
        self._number = number
        return frame


@contextlib.contextmanager
def named(place: str) -> Iterator[None]:
    """Tell the place in the text of our errors."""
    try:
        yield
    except (SpoolError, MediaError) as error:
        raise type(error)(f"{place}: {error}", hint=error.hint) from error
