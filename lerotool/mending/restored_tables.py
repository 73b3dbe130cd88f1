"""The rows and the episode table as they will be: data files, numbers, statistics; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from lerotool.checking.data import TOLERANCE_S
from lerotool.dataset.documents import read_object
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import STATS, Layout
from lerotool.dataset.numbering import FileNumber, numbers_after
from lerotool.dataset.writing.measures import Stats, episode_stats, measured
from lerotool.dataset.writing.tables import default_columns
from lerotool.errors import CorruptDatasetError, DatasetError, MetadataError
from lerotool.features import DEFAULT_FEATURES, Kind
from lerotool.mending.old_rows import OldRows
from lerotool.moments import FeatureStats, merge_stats
from lerotool.rewriting.picture_statistics import measure_pictures
from lerotool.rewriting.restoration import FoundEpisode, FoundRows, RestoredEpisode, RestoredFile, RestoredTables
from lerotool.rewriting.restoring import COUNTED


class Measured(Enum):
    """Which statistics of features are measured again."""

    NOTHING = auto()
    LOST_EPISODES = auto()
    """Those of episodes of which none is left."""
    COLUMNS = auto()
    """Those of all columns, and of pictures in videos where they cannot be read."""


def restored_tables(
    info: DatasetInfo,
    layout: Layout,
    sources: Sequence[FoundRows],
    episodes: Sequence[FoundEpisode],
    tasks: Mapping[int, str],
    old: OldRows,
    which: Measured,
    executor: Executor | None = None,
) -> RestoredTables:
    """Return the data files and the episode table; pictures whose statistics are lost are measured.

    `episodes`: that stay, in order. `tasks`: texts by number.
    """
    lost = {}
    if info.codebase_version.has_episode_statistics:
        lost = {found.number: _lost(info, old.stats.get(found.number), which) for found in episodes}
    pictures = _measured_pictures(info, layout, episodes, lost, executor)
    files = []
    for file in _new_files(info, layout, sources, episodes):
        own = []
        for episode in file.episodes:
            before = episode.found.number
            numbers = dict.fromkeys(file.rows.tasks[episode.found.rows].tolist())
            stats: dict[str, Mapping[str, Any]] = dict(old.stats.get(before, {}))
            if info.codebase_version.has_episode_statistics and (lost[before] or stats or before not in old.plain):
                is_same = before == episode.number and not file.is_changed and which is not Measured.COLUMNS
                found = _measured_columns(info, file.rows, episode, lost[before], pictures.get(before, {}))
                names = [n for n in found if n not in DEFAULT_FEATURES or n not in stats or not is_same]
                stats |= {name: found[name].to_json() for name in names}
            texts = tuple(tasks[number] for number in numbers)
            own.append(replace(episode, tasks=texts, columns=old.plain.get(before, {}), stats=stats))
        files.append(replace(file, episodes=tuple(own)))
    return RestoredTables(info, layout, tuple(files), old.types)


def _new_files(
    info: DatasetInfo, layout: Layout, sources: Sequence[FoundRows], episodes: Sequence[FoundEpisode]
) -> list[RestoredFile]:
    """Return the data files; those that stay as they are among them."""
    paths = [source.path for source in sources]
    found_numbers = [layout.data_number(path) for path in paths]
    numbers = [None if number is None else FileNumber(*number) for number in found_numbers]
    is_ordered = info.codebase_version.has_files_of_episodes or (paths == sorted(paths) and None not in numbers)
    if not is_ordered:
        numbers = list(numbers_after(None, len(paths), info.chunks_size))
    wanted = {name for name in COUNTED if name in info.features}
    files: list[RestoredFile] = []
    number = first = 0
    for which, source in enumerate(sources):
        own = []
        for found in (found for found in episodes if found.source == which):
            own.append(RestoredEpisode(number, first, found))
            number, first = number + 1, first + found.length
        place, path = numbers[which], source.path
        if info.codebase_version.has_files_of_episodes and own:
            place = FileNumber(own[0].number // info.chunks_size, own[0].number)
        if place is not None and (not is_ordered or (info.codebase_version.has_files_of_episodes and own)):
            path = layout.data_path(place.chunk, place.file)
        has_other_times = any(_is_off_grid(source, episode.found, info.fps) for episode in own)
        is_changed = has_other_times or not wanted <= source.columns or _is_changed(source, own)
        files.append(RestoredFile(source, tuple(own), place, path, is_changed, has_other_times))
    return files


def _is_off_grid(source: FoundRows, found: FoundEpisode, fps: float) -> bool:
    grid = (np.arange(found.length) / fps).astype(np.float32).astype(np.float64)
    return not (np.abs(source.times[found.rows] - grid) < TOLERANCE_S).all()


def _is_changed(source: FoundRows, own: Sequence[RestoredEpisode]) -> bool:
    if source.recovered is not None or source.order is not None:
        return True
    if sum(episode.found.length for episode in own) != len(source):
        return True
    for episode in own:
        rows, frames = episode.found.rows, np.arange(episode.found.length)
        if (
            (source.episodes[rows] != episode.number).any()
            or (source.frames[rows] != frames).any()
            or (source.index[rows] != episode.first + frames).any()
        ):
            return True
    return False


def _lost(info: DatasetInfo, entries: Mapping[str, Any] | None, which: Measured) -> list[str]:
    """Return the features of an episode that are measured again."""
    if which is Measured.NOTHING or (which is Measured.LOST_EPISODES and entries is not None):
        return []
    known = _parsed(entries or {})
    return [
        name
        for name in measured(info.features)
        if info.features[name].kind is not Kind.VIDEO
        or name not in known
        or known[name].mean.shape != info.codebase_version.statistics_shape(info.features[name])
    ]


def _measured_pictures(
    info: DatasetInfo,
    layout: Layout,
    episodes: Iterable[FoundEpisode],
    lost: Mapping[int, Sequence[str]],
    executor: Executor | None,
) -> dict[int, Stats]:
    """Return lost statistics of pictures in videos, by episode: taken behind the encoder, by LeRobot's rule."""
    calls = {}
    for found in episodes:
        for name in set(lost.get(found.number, ())) & set(found.videos):
            number, start = found.videos[name]
            path = layout.video_path(name, number.chunk, number.file)
            calls[found.number, name] = (path, start, found.length, info.fps, info.features[name])
    if executor is None:
        entries = [measure_pictures(*call) for call in calls.values()]
    else:
        entries = [future.result() for future in [executor.submit(measure_pictures, *c) for c in calls.values()]]
    stats: dict[int, Stats] = {}
    for (episode, name), entry in zip(calls, entries, strict=True):
        stats.setdefault(episode, {})[name] = FeatureStats.from_json(entry)
    return stats


def _measured_columns(
    info: DatasetInfo, rows: FoundRows, episode: RestoredEpisode, lost: Sequence[str], pictures: Stats
) -> Stats:
    """Return the statistics of LeRobot's own columns and those that are lost, as far as there are values."""
    found = episode.found
    tasks = rows.tasks[found.rows].tolist()
    defaults = default_columns(found.length, info.fps, episode.number, episode.first, tasks)
    features = {
        name: feature
        for name, feature in info.features.items()
        if name in defaults or name in pictures or (name in lost and feature.kind is not Kind.VIDEO)
    }
    try:
        table = rows.table().slice(found.start, found.length) if lost else pa.table({})
        return episode_stats(features, table, defaults, pictures)
    except (KeyError, ValueError) as error:
        raise CorruptDatasetError(
            f"{rows.path}, episode {found.number}: a column cannot be measured: {error}"
        ) from error


def _parsed(entries: Mapping[str, Any]) -> Stats:
    """Return statistics out of a row or line as far as they can be understood."""
    found: Stats = {}
    for name, entry in entries.items():
        try:
            found[name] = FeatureStats.from_json(entry)
        except (MetadataError, OverflowError, AttributeError):
            continue
    return found


def merged_statistics(
    root: Path,
    episodes: Sequence[RestoredEpisode],
    *,
    whole: bool,
    known: Mapping[str, FeatureStats] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the document of ``stats.json`` with the merged statistics of the episodes.

    `whole`: all features are merged; else LeRobot's own columns, or all where nothing is known of any. `known`:
    statistics that are known to be true of the whole.
    """
    path = root / STATS
    try:
        document = read_object(path) if path.is_file() and episodes else {}
    except DatasetError:
        document = {}
    parts = [_parsed(episode.stats) for episode in episodes]
    for name in dict.fromkeys(name for part in parts for name in part):
        if not (whole or name in DEFAULT_FEATURES or not document) or any(name not in part for part in parts):
            continue
        try:
            document[name] = merge_stats([part[name] for part in parts]).to_json()
        except MetadataError:
            continue  # shapes differ; `lerotool stats --write` measures them
    return document | {name: stats.to_json() for name, stats in known.items()}
