"""Where episodes are cut: by a number of frames, at the points that a person has marked, where things begin to move."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from lerotool.arguments import as_count
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.marks import load_marks
from lerotool.dataset.motion import STILL, moving_span
from lerotool.editing.changes import TrimEpisodes
from lerotool.errors import UsageError
from lerotool.features import ACTION, STATE, Kind

Ints = npt.NDArray[np.int64]
_ROWS_AT_A_TIME = 1 << 17


def trimmed(dataset: Dataset, change: TrimEpisodes, episodes: Ints) -> tuple[Ints, Ints]:
    """Return the first frame that stays of each of some episodes, and the one after the last: int64, (n,) each."""
    first, last = as_count("first", change.first, 0), as_count("last", change.last, 0)
    if not (first or last or change.still or change.marked):
        raise UsageError("nothing is to be cut", hint="--first N, --last N, --still or --marked")
    lengths = dataset.episodes.lengths[episodes]
    starts = np.full(len(episodes), first, np.int64)
    stops = lengths - last
    if change.marked:
        marks = load_marks(dataset).by_episode
        for place, number in enumerate(episodes.tolist()):
            if number in marks and (points := marks[number].trim) is not None:
                starts[place], stops[place] = max(starts[place], points[0]), min(stops[place], points[1])
    if change.still:
        for place, (begin, end) in enumerate(_moving(dataset, episodes)):
            starts[place], stops[place] = max(starts[place], begin), min(stops[place], end)
    return starts, stops


def _moving(dataset: Dataset, episodes: Ints) -> Iterator[tuple[int, int]]:
    """Yield of each episode the frames from the last one before something moves to the first one after that."""
    names = [
        name for name in (STATE, ACTION) if name in dataset.features and dataset.features[name].kind is Kind.NUMERIC
    ]
    if not names:
        raise UsageError(f"{str(dataset.root)!r} has neither {STATE!r} nor {ACTION!r}, so what moves is not known")
    limits = {name: STILL * _range(dataset, name) for name in names}
    for number in episodes.tolist():
        episode = dataset.episodes[number]
        values = {name: _flat(dataset.numpy(name, episode.dataset_from, episode.dataset_to)) for name in names}
        yield moving_span(values, limits)


def _range(dataset: Dataset, name: str) -> npt.NDArray[np.float64]:
    low: npt.NDArray[np.float64] | None = None
    high: npt.NDArray[np.float64] | None = None
    for start in range(0, dataset.num_frames, _ROWS_AT_A_TIME):
        values = _flat(dataset.numpy(name, start, min(start + _ROWS_AT_A_TIME, dataset.num_frames)))
        low = values.min(axis=0) if low is None else np.minimum(low, values.min(axis=0))
        high = values.max(axis=0) if high is None else np.maximum(high, values.max(axis=0))
    assert low is not None
    assert high is not None
    return high - low


def _flat(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    return values.reshape(len(values), -1).astype(np.float64)
