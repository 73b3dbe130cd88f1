"""What becomes of the episodes of a dataset: which frames of which stay. A value, made of a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lerotool.arguments import as_count, as_text
from lerotool.choices import FileMode
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.joints import STILL, moving_span
from lerotool.dataset.marks import load_marks
from lerotool.dataset.selection import Selection
from lerotool.editing.adding import Column, column_of
from lerotool.editing.changes import (
    AddFeature,
    Change,
    DeleteEpisodes,
    DropFeature,
    Episodes,
    KeepEpisodes,
    RenameFeature,
    RenameTask,
    RepackFiles,
    SetTask,
    TrimEpisodes,
)
from lerotool.errors import UsageError
from lerotool.features import ACTION, DEFAULT_FEATURES, STATE, Kind, recorded_features
from lerotool.wording import listed

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """What becomes of a dataset."""

    episodes: Ints  # numbers of those that stay, in order: int64, (n,)
    starts: Ints  # number of the first frame of each that stays: int64, (n,)
    lengths: Ints  # frames of each that stay: int64, (n,)
    chosen: Ints | None = None  # the episodes that somebody has chosen; None where nobody has
    tasks: Mapping[int, str] = field(default_factory=dict)  # new texts by number of the episode; the others keep theirs
    task_names: Mapping[str, str] = field(default_factory=dict)  # new texts by old ones
    names: Mapping[str, str] = field(default_factory=dict)  # new names of features by old ones
    dropped: frozenset[str] = frozenset()  # features that leave
    added: Mapping[str, Column] = field(default_factory=dict)  # columns that come, with a value for each row
    files: FileMode = FileMode.KEEP  # of the dataset in its place: they stand, or are packed


def draft(dataset: Dataset, change: Change) -> Draft:
    """Return what a change means for a dataset; nothing is read but marks, and rows where it is asked what moves."""
    match change:
        case DeleteEpisodes(episodes):
            chosen = _chosen(dataset, episodes)
            return _of_whole(dataset, np.setdiff1d(np.arange(dataset.num_episodes), chosen))
        case KeepEpisodes(episodes):
            return _of_whole(dataset, np.sort(_chosen(dataset, episodes)))
        case TrimEpisodes():
            return _trimmed(dataset, change)
        case SetTask(text, episodes):
            chosen = _chosen(dataset, episodes)
            tasks = dict.fromkeys(chosen.tolist(), _as_task(text))
            return replace(_everything(dataset), tasks=tasks, chosen=None if episodes is None else chosen)
        case RenameTask(old, new):
            if old not in dataset.tasks:
                raise UsageError(f"{old!r} is not a task of {str(dataset.root)!r}; tasks: {listed(dataset.tasks)}")
            return replace(_everything(dataset), task_names={old: _as_task(new)})
        case RenameFeature(old, new):
            _check_recorded(dataset, old)
            _check_new(dataset, new)
            return replace(_everything(dataset), names={old: new})
        case DropFeature(name):
            _check_recorded(dataset, name)
            if len(recorded_features(dataset.features)) == 1:
                raise UsageError(f"{name!r} is the only feature of {str(dataset.root)!r}")
            return replace(_everything(dataset), dropped=frozenset([name]))
        case RepackFiles():
            return replace(_everything(dataset), files=FileMode.PACK)
        case AddFeature(name, values, names):
            _check_new(dataset, name)
            return replace(_everything(dataset), added={name: column_of(dataset, name, values, names)})


def _chosen(dataset: Dataset, episodes: Episodes | None) -> Ints:
    if episodes is None:
        return np.arange(dataset.num_episodes)
    return Selection.of(episodes).choose(dataset, str(dataset.root))


def _of_whole(dataset: Dataset, episodes: Ints) -> Draft:
    if not len(episodes):
        raise UsageError(
            f"{str(dataset.root)!r}: no episode would be left, and a dataset without any cannot be loaded",
            hint="choose fewer, or remove the folder",
        )
    return Draft(episodes, np.zeros_like(episodes), dataset.episodes.lengths[episodes])


def _everything(dataset: Dataset) -> Draft:
    return _of_whole(dataset, np.arange(dataset.num_episodes))


def _trimmed(dataset: Dataset, change: TrimEpisodes) -> Draft:
    chosen, whole = _chosen(dataset, change.episodes), _everything(dataset)
    starts, stops = trimmed(dataset, change, chosen)
    if (empty := chosen[stops <= starts]).size:
        number = int(empty[0])
        raise UsageError(
            f"nothing would be left of episode {number}, which has {dataset.episodes[number].length} frames"
            + (f", nor of {empty.size - 1} others" if empty.size > 1 else ""),
            hint="cut less, or choose others with --episodes",
        )
    all_starts, all_lengths = whole.starts.copy(), whole.lengths.copy()
    all_starts[chosen], all_lengths[chosen] = starts, stops - starts
    return Draft(whole.episodes, all_starts, all_lengths, None if change.episodes is None else chosen)


def _as_task(text: str) -> str:
    if not as_text("the task", text).strip():
        raise UsageError("the text of a task must not be empty")
    return text


def _check_new(dataset: Dataset, name: str) -> None:
    if name in dataset.features or name in DEFAULT_FEATURES:
        raise UsageError(f"{str(dataset.root)!r} has a feature {name!r} already")
    if not name or "/" in name or not name.isprintable():
        raise UsageError(f"{name!r} cannot be the name of a feature: it must not be empty nor contain '/'")


def _check_recorded(dataset: Dataset, name: str) -> None:
    known = recorded_features(dataset.features)
    if name in known:
        return
    if name in dataset.features:
        raise UsageError(f"LeRobot needs {name!r} as it is; features that can be changed: {', '.join(known)}")
    raise UsageError(f"{str(dataset.root)!r} has no feature {name!r}; it has {', '.join(known)}")


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
    rows = dataset.num_frames
    parts = (
        _flat(dataset.numpy(name, start, min(start + _ROWS_AT_A_TIME, rows)))
        for start in range(0, rows, _ROWS_AT_A_TIME)
    )
    lows, highs = zip(*((values.min(axis=0), values.max(axis=0)) for values in parts), strict=True)
    span: npt.NDArray[np.float64] = np.max(highs, axis=0) - np.min(lows, axis=0)
    return span


def _flat(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    return values.reshape(len(values), -1).astype(np.float64)
