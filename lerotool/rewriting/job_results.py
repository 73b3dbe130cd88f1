"""What is known of a job's episodes when its rows are written: statistics, tasks and lengths, kept in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.reading.datafiles import cumulated
from lerotool.moments import VALUES
from lerotool.storage import replacing

Ints = npt.NDArray[np.int64]
_STATS = "stats/"


@dataclass(slots=True)
class StatsBlock:
    """Collects what is known of episodes, batch by batch."""

    _stats: dict[str, list[npt.NDArray[np.float64]]] = field(default_factory=dict)
    _tasks: list[Ints] = field(default_factory=list)
    _task_counts: list[int] = field(default_factory=list)
    _lengths: list[Ints] = field(default_factory=list)
    _task_rows: dict[int, int] = field(default_factory=dict)

    def add(self, stats: Mapping[str, Mapping[str, npt.NDArray[Any]]], task_numbers: Ints, lengths: Ints) -> None:
        """Add episodes: statistics by feature and name, (episodes, d), the task of every row, rows of each episode."""
        for name, values in stats.items():
            self._stats.setdefault(name, []).append(np.stack([values[statistic] for statistic in VALUES]))
        for start, length in zip(cumulated(lengths)[:-1].tolist(), lengths.tolist(), strict=True):
            rows = task_numbers[start : start + length]
            if rows[0] == rows[-1] and (rows == rows[0]).all():
                tasks = rows[:1]
            else:
                numbers, first = np.unique(rows, return_index=True)
                tasks = numbers[np.argsort(first)]
            self._tasks.append(tasks)
            self._task_counts.append(len(tasks))
        self._lengths.append(lengths)
        for number, rows in zip(*(a.tolist() for a in np.unique(task_numbers, return_counts=True)), strict=True):
            self._task_rows[number] = self._task_rows.get(number, 0) + rows

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything as arrays, for a file."""
        empty = np.empty(0, np.int64)
        return {
            "lengths": np.concatenate([empty, *self._lengths]),
            "tasks": np.concatenate([empty, *self._tasks]),
            "task_counts": np.array(self._task_counts, np.int64),
            "task_rows": np.array(sorted(self._task_rows.items()), np.int64).reshape(-1, 2),
            **{f"{_STATS}{name}": np.concatenate(parts, axis=1) for name, parts in self._stats.items()},
        }


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A finished block."""

    lengths: Ints  # frames of each episode: (episodes,)
    tasks: Ints  # numbers of the tasks of all episodes, in order of first appearance
    task_starts: Ints  # where each episode's begin, and the end: (episodes + 1,)
    stats: Mapping[str, npt.NDArray[np.float64]]  # by feature: (statistics, episodes, d), in the order of `VALUES`
    task_rows: Ints  # numbers of tasks and how many rows have them: (tasks, 2)


def save_block(path: Path, block: StatsBlock) -> None:
    """Write a block."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **block.arrays())  # type: ignore[arg-type]


def load_block(path: Path) -> Block:
    """Read a block back."""
    with np.load(path) as arrays:
        stats = {name.removeprefix(_STATS): arrays[name] for name in arrays.files if name.startswith(_STATS)}
        return Block(arrays["lengths"], arrays["tasks"], cumulated(arrays["task_counts"]), stats, arrays["task_rows"])
