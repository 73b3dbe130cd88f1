"""What is carried out: which frames of which episodes of which datasets become which target. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.formats import FormatVersion, Sizes
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.numbering import FileNumber
from lerotool.features import Feature
from lerotool.rewriting.data_part import ColumnRule
from lerotool.rewriting.source import Source
from lerotool.rewriting.video_plan import CameraPlans, Method, Resampling

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TargetFormat:
    """The format of the target and how large its files get."""

    version: FormatVersion = FormatVersion.V30  # v3.0 or v2.1
    data_files_size_in_mb: float = 100  # limit of a data file of v3.0, MB of 1024²
    video_files_size_in_mb: float = 200  # limit of a video file of v3.0
    chunks_size: int = 1000  # files of a chunk (v3.0), episodes of a chunk (v2.1)

    @property
    def sizes(self) -> Sizes:
        """How the target is cut into files."""
        return Sizes(self.chunks_size, self.data_files_size_in_mb, self.video_files_size_in_mb)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file of the target."""

    number: FileNumber  # of the file; in v2.1 chunk and number of the first episode
    first: int  # number of the first episode in it
    stop: int  # one past the last; in v2.1 each has a file of its own
    bytes: int  # about how large its sources are
    stays: Path | None = None  # where it is already, in a dataset that is rewritten in its place; None is written


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What one source brings into the target."""

    source: Source  # the dataset and its pieces
    first_episode: int  # number of its first episode in the target
    first_index: int  # number of its first row
    lengths: Ints  # frames of its episodes in the target: (episodes,)
    rules: Mapping[str, ColumnRule]  # how columns are made of its own
    tasks: Ints  # number in the target of each of its tasks; -1 for those that no piece has
    resampling: Resampling | None  # where the rate changes
    retime: bool  # timestamps that are not on the grid are replaced
    bytes: int  # of the files that are read
    fingerprint: str  # of its files, to see whether they have changed meanwhile


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """Some episodes of one contribution, side by side in the target."""

    contribution: Contribution  # they belong to
    place: int  # number of the first among its own
    count: int  # how many there are

    def part(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the share's part of an array with a row for each of the contribution's episodes."""
        return rows[self.place : self.place + self.count]


@dataclass(frozen=True, slots=True, eq=False)
class Rewriting:
    """Everything that is carried out."""

    format: TargetFormat  # of the target
    contributions: tuple[Contribution, ...]  # by source, in the order of their episodes
    fps: float  # of the target
    robot_type: str | None  # of the target
    features: Mapping[str, Feature]  # of the target; cameras that a source lacks get black pictures for its episodes
    tasks: tuple[str, ...]  # texts, by number
    data: tuple[DataFile, ...]  # the data files
    cameras: CameraPlans  # the video files
    # Columns of the episode table that LeRobot does not know, with their types.
    episode_columns: Mapping[str, pa.DataType]
    info_keys: Mapping[str, Any]  # keys of ``info.json`` that LeRobot does not know
    with_stats: bool = True  # whether statistics of the whole are written, which v2.1 does not have of itself
    # Further JSON documents, by their paths in the target.
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()  # what was decided about the sources, for the record of where all came from
    # ``info.json`` with everything but its totals as it will be, where the only dataset that is read is rewritten in
    # its place; None makes a new one.
    in_place: DatasetInfo | None = None

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
    def frames_to_encode(self) -> int:
        """Pictures that are encoded again."""
        return sum(clip.length for camera in self.cameras.values() for clip in camera.clips)

    @property
    def data_bytes(self) -> int:
        """About how many bytes of data files there will be."""
        return sum(file.bytes for file in self.data if file.stays is None)

    @property
    def written_bytes(self) -> int:
        """About how many bytes are written; linked files need none."""
        videos = (output for camera in self.cameras.values() for output in camera.outputs)
        return self.data_bytes + sum(o.bytes for o in videos if o.method not in (Method.LINK, Method.STAY))

    @property
    def bytes(self) -> int:
        """About how large the target will be."""
        return self.data_bytes + sum(o.bytes for camera in self.cameras.values() for o in camera.outputs)

    def shares(self, first: int, stop: int) -> Iterator[Share]:
        """Yield whose the episodes ``first`` to ``stop`` of the target are."""
        firsts = [contribution.first_episode for contribution in self.contributions]
        number = int(np.searchsorted(firsts, first, side="right")) - 1
        while first < stop:
            contribution = self.contributions[number]
            end = min(stop, contribution.first_episode + len(contribution.lengths))
            if end > first:
                yield Share(contribution, first - contribution.first_episode, end - first)
            first, number = max(first, end), number + 1
