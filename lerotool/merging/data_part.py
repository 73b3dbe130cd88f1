"""Episodes of one source that go into one data file of the target, and how their columns are brought there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lerotool.features import Feature
from lerotool.merging.rows import FileSlice
from lerotool.merging.videos import Resampling

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """How a column of the target is made of one of the source.

    Attributes:
        original: name of the column in the source.
        places: where each dimension goes, if they do not all stay.
        factors: what each dimension in the source is multiplied with, for other units.
    """

    original: str
    places: tuple[int, ...] | None = None
    factors: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DataPart:
    """Episodes that stand side by side in one source.

    Attributes:
        place: where they come from, for messages.
        slices: of the source's data files.
        features: of the source, by their names there.
        first_episode: number of the first episode in the source.
        lengths: frames of each episode in the source: (episodes,).
        rules: how the target's columns are made, by name.
        tasks: number in the target of each task of the source; int64.
        fps: of the source.
        resampling: where the rate changes.
        retime: timestamps that are not on the grid are replaced.
    """

    place: str
    slices: tuple[FileSlice, ...]
    features: Mapping[str, Feature]
    first_episode: int
    lengths: Ints
    rules: Mapping[str, ColumnRule]
    tasks: Ints
    fps: float
    resampling: Resampling | None
    retime: bool

    @property
    def target_lengths(self) -> Ints:
        """Frames of each episode in the target."""
        if self.resampling is None:
            return self.lengths
        return np.array([self.resampling.length(n) for n in self.lengths.tolist()], np.int64)
