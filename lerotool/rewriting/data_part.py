"""Pieces of one source that go into one data file of the target, and how their columns are brought there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.reading.datafiles import cumulated
from lerotool.features import Feature
from lerotool.rewriting.row_stream import FileSlice
from lerotool.rewriting.video_plan import Resampling

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """How a column of the target is made of one of the source."""

    original: str  # name of the column in the source; of one that it does not have, the name in the target
    places: tuple[int, ...] | None = None  # where each dimension goes, if they do not all stay
    factors: tuple[float, ...] | None = None  # what each dimension in the source is multiplied with, for other units
    # Values of a column that the source does not have, a row for each of its own: (rows,) or (rows, *shape).
    added: npt.NDArray[Any] | None = field(default=None, compare=False)

    def of_rows(self, start: int, stop: int) -> ColumnRule:
        """Return the rule for some rows."""
        return self if self.added is None else replace(self, added=self.added[start:stop])


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a source, piece by piece; all int64, (pieces,)."""

    episodes: Ints  # the number of each piece's episode
    starts: Ints  # number of the first frame of each piece in its episode
    lengths: Ints  # frames of each piece

    def chosen(self, start: int, stop: int) -> Rows:
        """Return the rows of some of the pieces."""
        return Rows(self.episodes[start:stop], self.starts[start:stop], self.lengths[start:stop])

    def place(self, row: int) -> str:
        """Return which episode and frame a row is, for messages."""
        begins = cumulated(self.lengths)
        piece = int(np.searchsorted(begins, row, side="right")) - 1
        return f"episode {self.episodes[piece]}, frame {self.starts[piece] + row - begins[piece]}"

    @property
    def episode_index(self) -> Ints:
        """The number of each row's episode."""
        return np.repeat(self.episodes, self.lengths)

    @property
    def frame_index(self) -> Ints:
        """The number of each row's frame in its episode."""
        frames: Ints = np.arange(int(self.lengths.sum())) + np.repeat(
            self.starts - cumulated(self.lengths)[:-1], self.lengths
        )
        return frames


@dataclass(frozen=True, slots=True, eq=False)
class DataPart:
    """Pieces whose rows follow one another in one source."""

    place: str  # where they come from, for messages
    slices: tuple[FileSlice, ...]  # of the source's data files
    features: Mapping[str, Feature]  # of the source, by their names there
    rows: Rows  # whose they are
    rules: Mapping[str, ColumnRule]  # how the target's columns are made, by name
    tasks: Ints  # number in the target of each task of the source; int64
    fps: float  # of the source
    resampling: Resampling | None  # where the rate changes
    retime: bool  # timestamps that are not on the grid are replaced

    @property
    def target_lengths(self) -> Ints:
        """Frames of each episode in the target."""
        lengths = self.rows.lengths
        return lengths if self.resampling is None else self.resampling.lengths(lengths)
