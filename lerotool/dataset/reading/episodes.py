"""Episodes: how long they are, what was done, and where their rows and pictures lie. The same view for all formats.

Nothing is made before it is asked for: `Episodes` holds columns, an `Episode` is made on access and looks its tasks,
statistics and files up on access.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

if TYPE_CHECKING:
    from lerotool.dataset.reading.datafiles import DataFiles
    from lerotool.moments import FeatureStats


@dataclass(frozen=True, slots=True)
class DataSpan:
    """The rows of one episode in one data file."""

    path: Path  # the parquet file
    row_start: int  # first row in that file
    row_stop: int  # the row after the last
    chunk_index: int | None  # chunk number of the file; None if the episode table does not tell
    # Number of the file in its chunk, in v2.x the episode's; None if the episode table does not tell.
    file_index: int | None


@dataclass(frozen=True, slots=True)
class VideoSpan:
    """The frames of one episode in one video file."""

    path: Path  # the video file; whether it exists is not checked
    start_frame: int  # number of the first frame in that file
    frames: int  # how many there are
    from_timestamp: float  # where the first frame is shown, seconds from the start of the file
    to_timestamp: float  # where the last frame ends, seconds
    chunk_index: int  # chunk number of the file
    file_index: int  # number of the file in its chunk, in v2.x the episode's


class EpisodeSource(Protocol):
    """What a format's episode table answers, by episode number."""

    @property
    def starts(self) -> np.ndarray:
        """First row of each episode in the dataset, and at the end the number of all rows: int64, (episodes + 1,)."""

    @property
    def data_files(self) -> DataFiles:
        """The data files in the order of their rows."""

    def tasks(self, episode: int) -> tuple[str, ...]:
        """Return the episode's task texts."""

    def stats(self, episode: int) -> Mapping[str, FeatureStats]:
        """Return the episode's statistics by feature."""

    def data(self, episode: int) -> DataSpan:
        """Return where the episode's rows lie."""

    def videos(self, episode: int) -> Mapping[str, VideoSpan]:
        """Return where the episode's frames lie, by camera."""

    def extra(self, episode: int) -> Mapping[str, Any]:
        """Return everything else that the episode table says."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode. What is a property is read from the files on access, and may raise what reading them raises.

    Attributes:
        index: its number.
        length: frames.
        dataset_from: its first row in the dataset.
        dataset_to: the row after its last.
    """

    index: int
    length: int
    dataset_from: int
    dataset_to: int
    _source: EpisodeSource = field(repr=False, compare=False)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The task texts, each once."""
        return self._source.tasks(self.index)

    @property
    def stats(self) -> Mapping[str, FeatureStats]:
        """The episode's own statistics by feature; empty where the dataset has none (v2.0)."""
        return self._source.stats(self.index)

    @property
    def data(self) -> DataSpan:
        """Where the rows lie."""
        return self._source.data(self.index)

    @property
    def videos(self) -> Mapping[str, VideoSpan]:
        """Where the frames lie, by camera; without cameras for which the episode table names no file."""
        return self._source.videos(self.index)

    @property
    def extra(self) -> Mapping[str, Any]:
        """Everything that the episode table says and LeRobot does not know."""
        return self._source.extra(self.index)


class Episodes(Sequence[Episode]):
    """All episodes of a dataset, in order."""

    def __init__(self, source: EpisodeSource) -> None:
        self._source = source

    @property
    def starts(self) -> np.ndarray:
        """First row of each episode, and at the end the number of all rows: int64, (episodes + 1,)."""
        return self._source.starts

    @property
    def lengths(self) -> np.ndarray:
        """Frames of each episode: int64, (episodes,)."""
        lengths: np.ndarray = np.diff(self._source.starts)
        return lengths

    def __len__(self) -> int:
        return len(self._source.starts) - 1

    @overload
    def __getitem__(self, index: int) -> Episode: ...
    @overload
    def __getitem__(self, index: slice) -> list[Episode]: ...
    def __getitem__(self, index: int | slice) -> Episode | list[Episode]:
        if isinstance(index, slice):
            return [self._episode(number) for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"no episode {index}: the dataset has {len(self)}")
        return self._episode(number)

    def _episode(self, number: int) -> Episode:
        start, stop = self._source.starts[number : number + 2].tolist()
        return Episode(number, stop - start, start, stop, self._source)
