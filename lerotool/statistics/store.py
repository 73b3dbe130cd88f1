"""What has been measured of every episode, kept outside of memory when it is much."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from lerotool.moments import Floats
from lerotool.statistics.segments import COLUMNS, Segments

_IN_MEMORY = 4 * 1024**2
"""Bytes of one feature up to which no file is made."""
_BLOCK = 4096


class EpisodeStore:
    """The statistics of all episodes, by feature; a context manager that removes its files."""

    def __init__(self, dimensions: Mapping[str, int], episodes: int) -> None:
        self._dimensions = dict(dimensions)
        self.episodes = episodes
        self._counts = {name: np.zeros(episodes, np.int64) for name in dimensions}
        self._files: dict[str, IO[bytes]] = {
            name: tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed in close()
            for name in dimensions
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The features."""
        return tuple(self._dimensions)

    def put(self, name: str, first: int, table: Floats, counts: npt.NDArray[np.int64]) -> None:
        """Keep the table (E, 15, d) of the episodes from ``first`` on, and the frames they were taken from."""
        self._files[name].seek(first * self._episode_bytes(name))
        self._files[name].write(np.ascontiguousarray(table, dtype=np.float64).tobytes())
        self._counts[name][first : first + len(counts)] = counts

    def segments(self, name: str, start: int, stop: int) -> Segments:
        """Return what has been kept of the episodes ``start`` to ``stop``; counts of others are 0."""
        counts = self._counts[name][start:stop]
        size = self._episode_bytes(name)
        self._files[name].seek(start * size)
        data = self._files[name].read((stop - start) * size).ljust((stop - start) * size, b"\0")
        table = np.frombuffer(data, np.float64).reshape(stop - start, len(COLUMNS), self._dimensions[name]).copy()
        table[counts == 0] = np.nan
        return Segments(table, counts)

    def counts(self, name: str) -> npt.NDArray[np.int64]:
        """Return the frames that each episode's statistics were taken from, (E,); 0 where there are none."""
        return self._counts[name]

    def statistic(self, name: str, column: str) -> Floats:
        """Return one of `COLUMNS` of all episodes, (E, d), without the others."""
        values = np.empty((self.episodes, self._dimensions[name]))
        for start in range(0, self.episodes, _BLOCK):
            stop = min(start + _BLOCK, self.episodes)
            values[start:stop] = self.segments(name, start, stop).statistic(column)
        return values

    def close(self) -> None:
        """Remove everything."""
        for file in self._files.values():
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _episode_bytes(self, name: str) -> int:
        return 8 * len(COLUMNS) * self._dimensions[name]
