"""The episode tables of v2.0 and v2.1: ``meta/episodes.jsonl`` and, in v2.1, ``meta/episodes_stats.jsonl``.

Lines may stand in any order. Every episode has files of its own, whose times start at 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.dataset.documents import RESTORE, parse_object, read_bytes, read_lines, whole_number
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES, Layout
from lerotool.dataset.reading.datafiles import DataFiles, check_totals, cumulated
from lerotool.dataset.reading.episodes import DataSpan, VideoSpan
from lerotool.dataset.reading.statistics import parse_stats
from lerotool.errors import CorruptDatasetError, MetadataError
from lerotool.features import cameras
from lerotool.moments import FeatureStats

_KNOWN = ("episode_index", "tasks", "length")
_LEADING_NUMBER = re.compile(rb'\s*\{\s*"episode_index"\s*:\s*(\d{1,12})\s*[,}]')


class LineEpisodes:
    """The episodes of a v2.x dataset (`lerotool.dataset.reading.episodes.EpisodeSource`)."""

    def __init__(self, layout: Layout, info: DatasetInfo) -> None:
        self._layout = layout
        self._info = info
        self._cameras = cameras(info.features)
        self._path = layout.files.path(EPISODE_LINES)
        self._tasks: list[tuple[str, ...]] = []
        self._extra: dict[int, Mapping[str, Any]] = {}
        is_empty = not self._path.exists() and info.states("total_episodes") and info.total_episodes == 0
        self.starts = cumulated([] if is_empty else self._read())
        check_totals(self._path, info, self.starts)

    def _read(self) -> list[int]:
        # Most episodes have one of a few task lists: each is kept once.
        shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        lengths: dict[int, int] = {}
        tasks_of: dict[int, tuple[str, ...]] = {}
        for place, entry in read_lines(self._path):
            episode = whole_number(entry, "episode_index", place)
            if episode in lengths:
                raise CorruptDatasetError(f"{place}: episode {episode} is there twice", hint=RESTORE)
            lengths[episode] = whole_number(entry, "length", place)
            tasks = _tasks(entry, place)
            tasks_of[episode] = shared.setdefault(tasks, tasks)
            if any(key not in _KNOWN for key in entry):
                self._extra[episode] = {key: value for key, value in entry.items() if key not in _KNOWN}
        missing = next((number for number in range(len(lengths)) if number not in lengths), None)
        if missing is not None:
            raise CorruptDatasetError(
                f"{self._path}: expected episodes 0 to {len(lengths) - 1}, but episode {missing} is missing",
                hint=RESTORE,
            )
        self._tasks = [tasks_of[number] for number in range(len(lengths))]
        return [lengths[number] for number in range(len(lengths))]

    @cached_property
    def data_files(self) -> DataFiles:
        """The data files, one per episode."""
        episodes = np.arange(len(self.starts) - 1)
        return DataFiles(self._layout, self.starts, np.stack([episodes // self._info.chunks_size, episodes], axis=1))

    def data(self, episode: int) -> DataSpan:
        """Return where the episode's rows lie."""
        chunk = episode // self._info.chunks_size
        return DataSpan(self._layout.data_path(chunk, episode), 0, self._length(episode), chunk, episode)

    def tasks(self, episode: int) -> tuple[str, ...]:
        """Return the episode's task texts."""
        return self._tasks[episode]

    def videos(self, episode: int) -> Mapping[str, VideoSpan]:
        """Return where the episode's frames lie, by camera, whether the files exist or not."""
        chunk, length = episode // self._info.chunks_size, self._length(episode)
        return {
            name: VideoSpan(
                self._layout.video_path(name, chunk, episode), 0, length, 0.0, length / self._info.fps, chunk, episode
            )
            for name in self._cameras
        }

    def extra(self, episode: int) -> Mapping[str, Any]:
        """Return the keys of the episode's line that LeRobot does not know."""
        return self._extra.get(episode, {})

    def stats(self, episode: int) -> Mapping[str, FeatureStats]:
        """Return the episode's statistics, by feature; empty in v2.0 and where the file or the line is missing."""
        span = self._stats_lines.get(episode)
        if span is None:
            return {}
        path = self._layout.files.path(EPISODE_STATS_LINES)
        with path.open("rb") as file:
            file.seek(span[0])
            line = file.read(span[1])
        place = f"{path}, episode {episode}"
        return parse_stats(parse_object(line, place).get("stats"), place)

    @cached_property
    def _stats_lines(self) -> Mapping[int, tuple[int, int]]:
        """Offset and size of each episode's line of statistics."""
        path = self._layout.files.path(EPISODE_STATS_LINES)
        if not self._info.codebase_version.has_episode_statistics or not path.exists():
            return {}
        return _index_lines(path, len(self.starts) - 1)

    def _length(self, episode: int) -> int:
        return int(self.starts[episode + 1] - self.starts[episode])


def _tasks(entry: Mapping[str, Any], place: str) -> tuple[str, ...]:
    tasks = entry.get("tasks", [])
    tasks = [tasks] if isinstance(tasks, str) else tasks
    if not isinstance(tasks, list) or not all(isinstance(task, str) for task in tasks):
        raise MetadataError(f"{place}: 'tasks' is {tasks!r}, expected a list of texts", hint=RESTORE)
    return tuple(tasks)


def _index_lines(path: Path, episodes: int) -> dict[int, tuple[int, int]]:
    spans: dict[int, tuple[int, int]] = {}
    offset = 0
    for number, line in enumerate(read_bytes(path).splitlines(keepends=True), start=1):
        if line.strip():
            place = f"{path}, line {number}"
            # LeRobot writes the number first; the statistics behind it are long and not needed here.
            leading = _LEADING_NUMBER.match(line)
            episode = int(leading[1]) if leading else whole_number(parse_object(line, place), "episode_index", place)
            if episode in spans or episode >= episodes:
                found = "is there twice" if episode in spans else "is not in the episode table"
                raise CorruptDatasetError(f"{place}: episode {episode} {found}", hint=RESTORE)
            spans[episode] = (offset, len(line))
        offset += len(line)
    return spans
