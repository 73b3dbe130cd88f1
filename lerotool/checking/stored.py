"""Stored statistics without measuring anything again: are they there, can they be, do smallest and largest values fit.

`lerotool.statistics` measures all of them and compares; that takes decoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.checking.data import DataView
from lerotool.checking.gathering import Gathering
from lerotool.checking.table import EpisodeTable
from lerotool.dataset.documents import read_lines, read_object
from lerotool.dataset.episode_table import STATS_PREFIX, stats_of_row
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import EPISODE_STATS_LINES, EPISODES, STATS
from lerotool.dataset.parquet import column_names, open_parquet, read_groups
from lerotool.dataset.writing.measures import measured
from lerotool.errors import DatasetError
from lerotool.features import DEFAULT_FEATURES, Feature
from lerotool.findings import Code, Loading
from lerotool.moments import QUANTILES, REQUIRED_QUANTILES, VALUES
from lerotool.wording import of_episodes

Floats = npt.NDArray[np.float64]
Entry = Mapping[str, Any]
_ROUNDING = 1e-5


def check_statistics(
    info: DatasetInfo, table: EpisodeTable | None, view: DataView | None, gathering: Gathering
) -> None:
    """Note what is wrong with the statistics of the dataset and of its episodes."""
    checker = _Checker(info, view, gathering)
    path = gathering.root / STATS
    if any(
        finding.code is Code.LINK_OUTSIDE and finding.place.file.startswith("meta") for finding in gathering.findings
    ):
        return
    if info.codebase_version.has_dataset_statistics:
        if path.is_file():
            checker.check_dataset(path)
        elif info.total_episodes:
            gathering.add(Code.STATS_MISSING, path, "the file is missing")
    try:
        if not info.codebase_version.has_files_of_episodes and table is not None:
            numbers = table.numbers.tolist()
            rows = ((numbers[place] if place < len(numbers) else place, e) for place, e in _table_rows(gathering.root))
            checker.check_rows(rows, EPISODES.as_posix())
        elif info.codebase_version.has_episode_statistics and info.codebase_version.has_files_of_episodes:
            _check_lines(checker, info, table, gathering)
    except DatasetError as error:
        gathering.add_error(Code.STATS_UNREADABLE, gathering.root / EPISODES, error)
    checker.tell()


def _check_lines(checker: _Checker, info: DatasetInfo, table: EpisodeTable | None, gathering: Gathering) -> None:
    path = gathering.root / EPISODE_STATS_LINES
    if not path.is_file():
        if info.total_episodes:
            gathering.add(Code.STATS_UNREADABLE, path, "the file is missing; LeRobot 0.3 does not load without it")
        return
    seen = checker.check_rows(_line_rows(path), EPISODE_STATS_LINES.as_posix())
    missing = sorted(set(table.numbers.tolist() if table is not None else ()) - seen)
    if missing:
        gathering.add(Code.STATS_MISSING, path, f"none for {of_episodes(missing)}", episodes=missing)


def _line_rows(path: Path) -> Iterator[tuple[int, Entry]]:
    for _, entry in read_lines(path):
        number, stats = entry.get("episode_index"), entry.get("stats")
        if isinstance(number, int) and isinstance(stats, dict):
            yield number, stats


def _table_rows(root: Path) -> Iterator[tuple[int, Entry]]:
    first = 0
    for path in sorted((root / EPISODES).glob("*/*.parquet")):
        if path.name.startswith("."):
            continue
        with open_parquet(path) as file:
            names = [name for name in column_names(file, path) if name.startswith(STATS_PREFIX)]
            for group in range(file.num_row_groups if names else 0):
                for row in read_groups(file, path, [group], names).to_pylist():
                    yield first, stats_of_row(row.items())
                    first += 1


class _Checker:
    """Gathers what is wrong by feature, so that a thousand episodes with the same fault make one finding."""

    def __init__(self, info: DatasetInfo, view: DataView | None, gathering: Gathering) -> None:
        self._info = info
        self._gathering = gathering
        self._features = {name: info.features[name] for name in measured(info.features)}
        self._ranges = _ranges(view) if view is not None and not gathering.has(Code.ROW_COUNT) else {}
        self._found: dict[tuple[Code, str, str], tuple[str, list[int]]] = {}

    def check_dataset(self, path: Path) -> None:
        """Check ``stats.json``."""
        try:
            document = read_object(path)
        except DatasetError as error:
            self._gathering.add_error(Code.STATS_UNREADABLE, path, error)
            return
        whole = {
            name: (np.fmin.reduce(low), np.fmax.reduce(high)) for name, (low, high) in self._ranges.items() if len(low)
        }
        self._check(document, STATS.as_posix(), None, whole)

    def check_rows(self, rows: Iterator[tuple[int, Entry]], place: str) -> set[int]:
        """Check the statistics of episodes; return which episodes have some."""
        seen = set()
        for number, entries in rows:
            own = {n: (low[number], high[number]) for n, (low, high) in self._ranges.items() if number < len(low)}
            if number not in seen:
                self._check(entries, place, number, own)
            seen.add(number)
        return seen

    def tell(self) -> None:
        """Note what was found."""
        for (code, place, name), (text, episodes) in self._found.items():
            more = f" ({of_episodes(episodes)})" if episodes else ""
            # LeRobot 0.3 merges the statistics of all episodes when it loads a dataset.
            is_merged = code is Code.STATS_SHAPE and not self._info.codebase_version.has_dataset_statistics
            harms = Loading.REFUSED if is_merged else None
            self._gathering.add(code, place, text + more, episodes=episodes, column=name, harms=harms)

    def _note(self, code: Code, place: str, name: str, episode: int | None, text: str) -> None:
        _, episodes = self._found.setdefault((code, place, name), (text, []))
        if episode is not None:
            episodes.append(episode)

    def _check(
        self, entries: Entry, place: str, episode: int | None, ranges: Mapping[str, tuple[Floats, Floats]]
    ) -> None:
        without = []
        for name, feature in self._features.items():
            entry = entries.get(name)
            if not isinstance(entry, Mapping):
                if entries and name not in DEFAULT_FEATURES:
                    self._note(Code.STATS_MISSING, place, name, episode, "the feature has no statistics")
                continue
            values = self._values(name, feature, entry, place, episode)
            if values is None:
                continue
            if self._info.codebase_version.has_quantiles and name not in DEFAULT_FEATURES:
                without += [name] if any(q not in entry for q in REQUIRED_QUANTILES) else []
            is_picture = feature.is_camera and not feature.is_depth
            # LeRobot 0.4 writes 0 for episodes; what training uses is that of the dataset.
            is_checked = episode is None or not feature.is_camera
            if (text := _impossible(values, is_picture=is_picture, checks_std=is_checked)) is not None:
                self._note(Code.STATS_IMPOSSIBLE, place, name, episode, text)
            elif name in ranges and (text := _stale(values, *ranges[name])) is not None:
                self._note(Code.STATS_STALE, place, name, episode, text)
        if without:
            self._note(Code.STATS_QUANTILES, place, "", episode, f"{len(without)} features have none")

    def _values(
        self, name: str, feature: Feature, entry: Entry, place: str, episode: int | None
    ) -> dict[str, Floats] | None:
        expected = self._info.codebase_version.statistics_shape(feature)
        values: dict[str, Floats] = {}
        for statistic in VALUES:
            stored = entry.get(statistic)
            if stored is None and statistic in QUANTILES:
                continue
            try:
                array = np.asarray(stored, np.float64)
            except (TypeError, ValueError, OverflowError):
                array = np.empty(0)
            if stored is None or array.shape != expected:
                found = "missing" if stored is None else f"of shape {list(array.shape)}"
                text = f"{statistic} is {found}, expected shape {list(expected)}"
                self._note(Code.STATS_SHAPE, place, name, episode, text)
                return None
            values[statistic] = array
        is_free = not self._info.codebase_version.has_episode_statistics and "count" not in entry
        if not is_free and not _is_count(entry.get("count")):
            self._note(Code.STATS_SHAPE, place, name, episode, f"count is {str(entry.get('count'))[:40]}")
            return None
        return values


def _is_count(value: object) -> bool:
    """Whether a value is a list of one number of frames or pixels, or such a number."""
    try:
        count = np.asarray(value)
    except ValueError:  # nested lists of different lengths
        return False
    return count.size == 1 and count.dtype.kind in "iuf" and bool(count.ravel()[0] >= 1)


def _impossible(values: Mapping[str, Floats], *, is_picture: bool, checks_std: bool) -> str | None:
    for name, array in values.items():
        if not np.isfinite(array).all():
            return f"{name} is not finite"
    if (values["std"] < 0).any():
        return "std is negative"
    low, high = values["min"], values["max"]
    if is_picture and (low.min() < -_ROUNDING or high.max() > 1 + _ROUNDING):
        return f"values go from {low.min():.6g} to {high.max():.6g}, those of pictures from 0 to 1"
    slack = _ROUNDING * np.maximum(high - low, np.maximum(np.abs(low), np.abs(high))) + 1e-9
    if checks_std and ((values["std"] == 0) & (high > low + slack)).any():
        return "std is 0 where min and max differ"
    chains: Sequence[Sequence[str]] = (
        [name for name in ("min", *QUANTILES, "max") if name in values],
        ("min", "mean", "max"),
    )
    for chain in chains:
        for smaller, larger in pairwise(chain):
            if (values[smaller] > values[larger] + slack).any():
                return f"{smaller} is larger than {larger}"
    return None


def _stale(values: Mapping[str, Floats], low: Floats, high: Floats) -> str | None:
    """Compare the smallest and largest values with those of the rows; statistics pool leading axes."""
    size = values["min"].size
    if low.size % size:
        return None
    true = {"min": np.fmin.reduce(low.reshape(-1, size)), "max": np.fmax.reduce(high.reshape(-1, size))}
    slack = _ROUNDING * np.maximum(np.abs(true["min"]), np.abs(true["max"])) + 1e-6
    for name, expected in true.items():
        stored = values[name].ravel()
        wrong = np.flatnonzero(np.abs(stored - expected) > slack)
        if len(wrong):
            where = f" in dimension {wrong[0]}" if size > 1 else ""
            return f"{name} is {stored[wrong[0]]:.6g}, the rows have {expected[wrong[0]]:.6g}{where}"
    return None


def _ranges(view: DataView) -> dict[str, tuple[Floats, Floats]]:
    """Return the smallest and largest values of each episode, (episodes, d), of LeRobot's own columns none."""
    if view.lengths is None or not view.facts:
        return {}
    names = set.intersection(*(set(fact.low) for fact in view.facts))
    return {
        name: (
            np.concatenate([fact.low[name] for fact in view.facts]),
            np.concatenate([fact.high[name] for fact in view.facts]),
        )
        for name in names - set(DEFAULT_FEATURES)
    }
