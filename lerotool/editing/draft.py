"""What becomes of the episodes of a dataset: which frames of which stay. A value, made of a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lerotool.arguments import as_text
from lerotool.choices import FileMode
from lerotool.dataset.dataset import Dataset
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
from lerotool.editing.trimming import trimmed
from lerotool.errors import UsageError
from lerotool.features import DEFAULT_FEATURES, recorded_features
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
