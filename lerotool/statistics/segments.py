"""What `stats` measures of a feature: of the whole dataset, and of each of its episodes."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from lerotool.dataset.formats import FormatVersion
from lerotool.features import Feature, Kind
from lerotool.moments import SEGMENT_COLUMNS, VALUES, FeatureStats, Floats, Moments, segment_table

OVERFLOWN_STD = "overflown std"
"""What LeRobot 0.4.0 to 0.5.1 would give for a camera: they squared pixels in 8 bits. NaN for numbers and depth."""
BARS = 60
_IN_MEMORY = 4 * 1024**2
"""Bytes of one feature up to which no file is made."""
_BLOCK = 4096
Ints = npt.NDArray[np.int64]
COLUMNS = (*SEGMENT_COLUMNS, OVERFLOWN_STD)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What has been measured of a feature in the whole dataset."""

    stats: FeatureStats  # of all values together
    # By quantile, how far the two values lie apart between which it is interpolated; as ``stats``.
    gaps: Mapping[str, Floats]
    # (d, `BARS`), values in equal parts of the range from min to max, for looking at; None for depth.
    bars: Ints | None = None
    # (d,), rows in which each dimension is real; None where that is every row.
    counts: Ints | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The statistics of E episodes."""

    table: Floats  # (E, columns, d), by `COLUMNS`
    counts: Ints  # (E,), frames they were taken from; 0 where there are none, with NaN in the table

    def __len__(self) -> int:
        return len(self.counts)

    def statistic(self, name: str) -> Floats:
        """Return one of `COLUMNS` of all episodes, (E, d)."""
        values: Floats = self.table[:, COLUMNS.index(name)]
        return values

    def stats(self, episode: int, shape: tuple[int, ...]) -> FeatureStats:
        """Return one episode's statistics in a dataset's shape."""
        values = {name: self.table[episode, place].reshape(shape) for place, name in enumerate(VALUES)}
        return FeatureStats.of_values(values, int(self.counts[episode]))


class EpisodeStore:
    """The statistics of all episodes, by feature, in files where they are many; a context manager that removes them."""

    def __init__(self, dimensions: Mapping[str, int], episodes: int) -> None:
        self._dimensions = dict(dimensions)
        self.names = tuple(dimensions)
        self.episodes = episodes
        self._counts = {name: np.zeros(episodes, np.int64) for name in dimensions}
        self._files: dict[str, IO[bytes]] = {
            name: tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed in __exit__
            for name in dimensions
        }

    def put(self, name: str, first: int, table: Floats, counts: Ints) -> None:
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

    def counts(self, name: str) -> Ints:
        """Return the frames that each episode's statistics were taken from, (E,); 0 where there are none."""
        return self._counts[name]

    def statistic(self, name: str, column: str) -> Floats:
        """Return one of `COLUMNS` of all episodes, (E, d), without the others."""
        values = np.empty((self.episodes, self._dimensions[name]))
        for start in range(0, self.episodes, _BLOCK):
            stop = min(start + _BLOCK, self.episodes)
            values[start:stop] = self.segments(name, start, stop).statistic(column)
        return values

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def _episode_bytes(self, name: str) -> int:
        return 8 * len(COLUMNS) * self._dimensions[name]


def runs_of_rows(starts: Ints, stops: Iterable[int], rows: float, first: int = 0) -> Iterator[tuple[int, int]]:
    """Yield runs of episodes (first, after the last) with so many rows or more, but for the last run.

    `starts`: (E + 1,), the first row of each episode. `stops`: after which episodes a run may end.
    """
    last = None
    for stop in stops:
        last = stop
        if starts[stop] - starts[first] >= rows:
            yield first, stop
            first = stop
    if last is not None and last > first:
        yield first, last


def measured_table(lines: npt.NDArray[Any], starts: Ints) -> tuple[Floats, Moments]:
    """Like `segment_table`, with all of `COLUMNS`."""
    table, moments = segment_table(lines, starts)
    nothing = np.full((len(table), len(COLUMNS) - table.shape[1], len(lines)), np.nan)
    return np.concatenate([table, nothing], axis=1), moments


def dimensions(feature: Feature, version: FormatVersion) -> int:
    """Return how many values each statistic of a feature has."""
    return math.prod(version.statistics_shape(feature))


def values_pooled(feature: Feature, version: FormatVersion) -> int:
    """Return how many values of one frame of a column go into each dimension."""
    return math.prod(feature.shape) // dimensions(feature, version)


def dimension_labels(feature: Feature, version: FormatVersion) -> tuple[str, ...]:
    """Return what the dimensions are called: joint names, colours, or numbers, also where a name is empty."""
    count = dimensions(feature, version)
    if feature.kind is not Kind.NUMERIC:
        return ("r", "g", "b") if count == 3 else ("depth",) if count == 1 else tuple(map(str, range(count)))
    names = feature.dimension_names
    if names is not None and len(names) == count:
        return tuple(name or str(place) for place, name in enumerate(names))
    return ("",) if count == 1 else tuple(map(str, range(count)))
