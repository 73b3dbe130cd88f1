"""A dataset that pieces are taken from, opened read-only: which frames of which episodes, under which names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.features import Feature

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One dataset and its pieces: frames of one episode each, which become an episode of the target."""

    place: int  # its number among the sources, from 0
    label: str  # what it is called in messages
    dataset: Dataset  # opened
    episodes: Ints  # the number of each piece's episode, in order: int64, (n,)
    starts: Ints  # number of the first frame of each piece in its episode: int64, (n,)
    lengths: Ints  # frames of each piece: int64, (n,)
    features: Mapping[str, Feature]  # by their names in the target, without the five default ones
    originals: Mapping[str, str]  # the names in the source by those in the target

    @property
    def is_whole(self) -> bool:
        """Whether all episodes are taken, in order and in full."""
        return np.array_equal(self.episodes, np.arange(self.dataset.num_episodes)) and not self.is_trimmed.any()

    @property
    def is_trimmed(self) -> npt.NDArray[np.bool_]:
        """Which pieces are not the whole of their episodes."""
        trimmed: npt.NDArray[np.bool_] = self.lengths != self.dataset.episodes.lengths[self.episodes]
        return trimmed

    def runs(self) -> list[tuple[int, int]]:
        """Return the ranges [start, stop) of episodes that stand side by side in the source, in order."""
        return [(int(self.episodes[a]), int(self.episodes[b - 1]) + 1) for a, b in side_by_side(self.episodes)]

    def first_rows(self, begin: int, end: int) -> Ints:
        """Return the number in the source of the first row of each of the pieces ``begin`` to ``end``."""
        rows: Ints = self.dataset.episodes.starts[self.episodes[begin:end]] + self.starts[begin:end]
        return rows

    def stretches(self, begin: int, end: int) -> list[tuple[int, int]]:
        """Return the ranges of the pieces ``begin`` to ``end`` whose rows follow one another in the source."""
        rows, lengths = self.first_rows(begin, end), self.lengths[begin:end]
        return [(begin + a, begin + b) for a, b in unbroken(rows[1:] != rows[:-1] + lengths[:-1], len(rows))]


def side_by_side(episodes: Ints) -> list[tuple[int, int]]:
    """Return where runs of numbers that follow one another begin and end."""
    return unbroken(np.diff(episodes) != 1, len(episodes))


def unbroken(breaks: npt.NDArray[np.bool_], count: int) -> list[tuple[int, int]]:
    """Return the ranges [start, stop) into which breaks, (count - 1,), divide ``count`` values."""
    return list(pairwise([0, *(np.flatnonzero(breaks) + 1).tolist(), count])) if count else []
