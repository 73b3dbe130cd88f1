"""The plan of a merge: what comes from where, what differs and what is done about it. A value; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.info import FormatVersion
from lerotool.dataset.layout import DATA_PATH_V21, VIDEO_PATH_V21
from lerotool.dataset.writing.numbering import FileNumber
from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError, TargetExistsError
from lerotool.features import Feature
from lerotool.merging.data_part import ColumnRule
from lerotool.merging.differences import Difference, Verdict
from lerotool.merging.options import MergeOptions
from lerotool.merging.sources import Source
from lerotool.merging.videos import CameraPlans, Method, Resampling

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file of the target.

    Attributes:
        number: of the file; in v2.1 chunk and number of the first episode.
        first: number of the first episode in it.
        stop: one past the last; in v2.1 each has a file of its own.
        bytes: about how large its sources are.
    """

    number: FileNumber
    first: int
    stop: int
    bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What one source brings into the target.

    Attributes:
        source: the dataset and the chosen episodes.
        first_episode: number of its first episode in the target.
        first_index: number of its first row.
        lengths: frames of its episodes in the target: (episodes,).
        rules: how columns are made of its own.
        tasks: number in the target of each of its tasks; -1 for those that no chosen episode has.
        resampling: where the rate changes.
        bytes: of the files that are read.
        fingerprint: of its files, to see whether they have changed meanwhile.
    """

    source: Source
    first_episode: int
    first_index: int
    lengths: Ints
    rules: Mapping[str, ColumnRule]
    tasks: Ints
    resampling: Resampling | None
    bytes: int
    fingerprint: str


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything that a merge will do.

    Attributes:
        target: the folder to make.
        options: as they were given.
        contributions: by source, in the order of their episodes.
        fps: of the target.
        robot_type: of the target.
        features: of the target.
        filled: cameras with black pictures, and the numbers of the sources that lack them.
        tasks: texts, by number.
        data: the data files.
        cameras: the video files.
        episode_columns: columns of the episode table that LeRobot does not know, with their types.
        info_keys: keys of ``info.json`` that LeRobot does not know.
        differences: between the sources.
        damage: what is wrong with sources.
        obstacle: what is in the way of the target.
        notes: what else the user should know.
    """

    target: Path
    options: MergeOptions
    contributions: tuple[Contribution, ...]
    fps: float
    robot_type: str | None
    features: Mapping[str, Feature]
    filled: Mapping[str, tuple[int, ...]]
    tasks: tuple[str, ...]
    data: tuple[DataFile, ...]
    cameras: CameraPlans
    episode_columns: Mapping[str, pa.DataType]
    info_keys: Mapping[str, Any]
    differences: tuple[Difference, ...]
    damage: tuple[str, ...]
    obstacle: TargetExistsError | None
    notes: tuple[str, ...]

    @property
    def episodes(self) -> int:
        """Episodes of the target."""
        return sum(len(c.lengths) for c in self.contributions)

    @property
    def frames(self) -> int:
        """Rows of the target."""
        return sum(int(c.lengths.sum()) for c in self.contributions)

    @property
    def lengths(self) -> Ints:
        """Frames of each episode of the target."""
        return np.concatenate([np.empty(0, np.int64), *(c.lengths for c in self.contributions)])

    @property
    def data_bytes(self) -> int:
        """About how many bytes of data files there will be."""
        return sum(file.bytes for file in self.data)

    @property
    def written_bytes(self) -> int:
        """About how many bytes are written; linked files need none."""
        videos = (output for camera in self.cameras.values() for output in camera.outputs)
        return self.data_bytes + sum(o.bytes for o in videos if o.method is not Method.LINK)

    @property
    def bytes(self) -> int:
        """About how large the target will be."""
        return self.data_bytes + sum(o.bytes for camera in self.cameras.values() for o in camera.outputs)

    @property
    def open_differences(self) -> tuple[Difference, ...]:
        """What a flag must settle first."""
        return tuple(d for d in self.differences if d.verdict is Verdict.OPEN)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that keeps the merge from being done."""
        obstacle = () if self.obstacle is None else (str(self.obstacle),)
        return (*obstacle, *self.damage, *map(str, self.open_differences))

    def check(self) -> None:
        """Make sure that the merge can be done.

        Raises:
            CorruptDatasetError: a source is damaged; the text lists all problems.
            IncompatibleDatasetError: differences are not settled; the text lists all problems.
            TargetExistsError: something is at the target.
        """
        problems = self.problems
        if not problems:
            return
        if self.obstacle is not None and len(problems) == 1:
            raise self.obstacle
        text = problems[0] if len(problems) == 1 else _listed(problems)
        if self.damage:
            raise CorruptDatasetError(text, hint="lerotool merge … --dry-run shows the whole plan")
        raise IncompatibleDatasetError(text, hint="lerotool merge … --dry-run shows the whole plan")


def _listed(problems: Sequence[str]) -> str:
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return f"{len(problems)} problems, nothing was written:{lines}"


def data_path(plan_version: FormatVersion, template: str, number: FileNumber) -> str:
    """Return the path of a data file, relative to the dataset."""
    if plan_version.has_files_of_episodes:
        return DATA_PATH_V21.format(episode_chunk=number.chunk, episode_index=number.file)
    return template.format(chunk_index=number.chunk, file_index=number.file)


def video_path(plan_version: FormatVersion, template: str, camera: str, number: FileNumber) -> str:
    """Return the path of a video file, relative to the dataset."""
    if plan_version.has_files_of_episodes:
        return VIDEO_PATH_V21.format(episode_chunk=number.chunk, video_key=camera, episode_index=number.file)
    return template.format(video_key=camera, chunk_index=number.chunk, file_index=number.file)
