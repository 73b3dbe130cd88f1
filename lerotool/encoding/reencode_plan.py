"""What there is to re-encode in a dataset: found by looking only.

A video file is cut where its episodes begin, so that each of them begins with a keyframe again, and long stretches are
cut further, so that all cores have work. The pieces stay in their order and keep their lengths: picture k of the new
file is picture k of the old one, and whatever the dataset says about places in the file stays true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.info import INFO
from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError, LerotoolError, UsageError
from lerotool.execution import Place, ThisMachine
from lerotool.features import cameras
from lerotool.media.codecs import choose_encoder
from lerotool.media.format import EncoderSettings
from lerotool.media.probe import count_packets

LONGEST_PART = 3000
"""Frames; enough for the start of a job not to matter, few enough to share a long video among many cores."""
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class ReencodeOptions:
    """How to re-encode.

    Attributes:
        overrides: fields of EncoderSettings that are not to be LeRobot's defaults.
        place: where the jobs run.
    """

    overrides: Mapping[str, Any] = field(default_factory=dict)
    place: Place = field(default_factory=ThisMachine)


@dataclass(frozen=True, slots=True)
class VideoFile:
    """One video file of a camera.

    Attributes:
        camera: its key.
        path: of the file.
        cuts: numbers of the frames at which its parts begin, and at the end the number of all frames.
    """

    camera: str
    path: Path
    cuts: tuple[int, ...]

    @property
    def frames(self) -> int:
        """Frames in the file."""
        return self.cuts[-1]


@dataclass(frozen=True, slots=True)
class ReencodePlan:
    """What will be done.

    Attributes:
        dataset: the source.
        info: its ``info.json`` as it was read, byte for byte.
        settings: of the encoder.
        files: to re-encode.
        kept: cameras whose videos are copied: depth has an encoding of its own.
    """

    dataset: Dataset
    info: bytes
    settings: EncoderSettings
    files: tuple[VideoFile, ...]
    kept: tuple[str, ...]

    @property
    def frames(self) -> int:
        """Pictures to encode."""
        return sum(file.frames for file in self.files)

    @property
    def parts(self) -> int:
        """Jobs."""
        return sum(len(file.cuts) - 1 for file in self.files)

    @property
    def video_bytes(self) -> int:
        """Size of the files to re-encode."""
        return sum(file.path.stat().st_size for file in self.files)


def plan_reencoding(source: Path, options: ReencodeOptions) -> ReencodePlan:
    """Look at a dataset.

    Raises:
        DatasetError: it cannot be read, or video files are missing, damaged or too short; all of them are named.
        IncompatibleDatasetError: there are no colour videos.
        UsageError: the encoder settings make no sense.
    """
    dataset = Dataset.open(source)
    info = (dataset.root / INFO).read_bytes()
    videos = cameras(dataset.features)
    kept = tuple(camera for camera in videos if dataset.features[camera].is_depth)
    chosen = [camera for camera in videos if camera not in kept]
    if not chosen:
        raise IncompatibleDatasetError(f"{str(source)!r} has no colour videos to encode again")
    try:
        settings = EncoderSettings(**options.overrides)
    except TypeError as error:
        raise UsageError(f"encoder settings: {error}") from None
    return ReencodePlan(dataset, info, choose_encoder(settings).settings, tuple(_files(dataset, chosen)), kept)


def _files(dataset: Dataset, chosen: list[str]) -> list[VideoFile]:
    spans: dict[tuple[str, Path], list[tuple[int, int]]] = {}
    for episode in dataset.episodes:
        videos = episode.videos
        for camera in chosen:
            if camera not in videos:
                raise CorruptDatasetError(f"episode {episode.index}: the table names no video of camera {camera!r}")
            span = videos[camera]
            spans.setdefault((camera, span.path), []).append((span.start_frame, span.start_frame + span.frames))
    files, problems = [], []
    for (camera, path), episodes in spans.items():
        try:
            files.append(VideoFile(camera, path, _cuts(path, episodes)))
        except (LerotoolError, FileNotFoundError) as error:
            problems.append(str(error))
    if problems:
        more = f" (and {len(problems) - _MOST_PROBLEMS} more)" if len(problems) > _MOST_PROBLEMS else ""
        raise CorruptDatasetError("; ".join(problems[:_MOST_PROBLEMS]) + more, hint="restore the files from a copy")
    return files


def _cuts(path: Path, episodes: list[tuple[int, int]]) -> tuple[int, ...]:
    frames = count_packets(path)
    needed = max(stop for _, stop in episodes)
    if frames < needed:
        raise CorruptDatasetError(f"{str(path)!r}: expected at least {needed} frames, found {frames}")
    begins = sorted({0, frames, *(start for start, _ in episodes)})
    return (*(cut for start, stop in pairwise(begins) for cut in range(start, stop, LONGEST_PART)), frames)
