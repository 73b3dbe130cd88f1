"""Stored statistics without measuring anything again: are they there, can they be, do smallest and largest values fit.

`lerotool.statistics` measures all of them and compares; that takes decoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from lerotool.checking.data import DataView
from lerotool.checking.report import Gathering
from lerotool.checking.stored import ROUNDING, Flags, StoredBlock, StoredStatistics, StoredValues, disorder, rounding
from lerotool.checking.table import EpisodeTable, Ints
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import EPISODE_STATS_LINES, EPISODES, STATS, Files
from lerotool.dataset.writing.measures import measured
from lerotool.errors import DatasetError
from lerotool.features import DEFAULT_FEATURES, Feature
from lerotool.findings import Code, Loading
from lerotool.moments import QUANTILES, REQUIRED_QUANTILES, STATISTICS, VALUES, Floats
from lerotool.wording import of_episodes

_Fault = tuple[Flags, str]
"""In which rows something is wrong, (n,), and the text about the first of them."""
_Entry = Mapping[str, StoredValues]
"""What is stated about a feature, by the names of `STATISTICS`."""
_Ranges = Mapping[str, tuple[Floats, ...]]
"""By feature the smallest and the largest values, (n, d) each."""


def check_statistics(info: DatasetInfo, table: EpisodeTable | None, view: DataView, gathering: Gathering) -> None:
    """Note what is wrong with the statistics of the dataset and of its episodes."""
    if any(found.code is Code.LINK_OUTSIDE and found.place.file.startswith("meta") for found in gathering.findings):
        return
    stored = StoredStatistics(Files(gathering.root), info.codebase_version, info.features)
    ranges = {} if gathering.has(Code.ROW_COUNT) else _ranges(view)
    checker = _Checker(info, gathering)
    try:
        block = stored.dataset()
        if block is not None:
            whole = {n: (np.fmin.reduce(low)[None], np.fmax.reduce(high)[None]) for n, (low, high) in ranges.items()}
            checker.check(block, STATS.as_posix(), whole, np.ones(1, bool))
        elif info.codebase_version.has_dataset_statistics and info.total_episodes:
            gathering.add(Code.STATS_MISSING, gathering.root / STATS, "the file is missing")
    except DatasetError as error:
        gathering.add_error(Code.STATS_UNREADABLE, gathering.root / STATS, error)
    try:
        _check_episodes(checker, stored, info, table, ranges, gathering)
    except DatasetError as error:
        gathering.add_error(Code.STATS_UNREADABLE, gathering.root / EPISODES, error)
    checker.tell()


def _check_episodes(
    checker: _Checker,
    stored: StoredStatistics,
    info: DatasetInfo,
    table: EpisodeTable | None,
    ranges: _Ranges,
    gathering: Gathering,
) -> None:
    is_by_number = info.codebase_version.has_files_of_episodes
    place = EPISODE_STATS_LINES if is_by_number else EPISODES
    if is_by_number and info.codebase_version.has_episode_statistics and not (gathering.root / place).is_file():
        if info.total_episodes:
            text = "the file is missing; LeRobot 0.3 does not load without it"
            gathering.add(Code.STATS_UNREADABLE, gathering.root / place, text)
        return
    if table is None:
        return
    missing: list[int] = []
    first_places = np.unique(table.numbers, return_index=True)[1]
    for block in stored.episodes(table.numbers.tolist()):
        rows = np.arange(block.rows) + (block.first or 0)
        # A file that does not belong to the table has rows behind its last.
        is_beyond = rows >= len(table)
        numbers = np.where(is_beyond, rows, np.append(table.numbers, 0)[np.where(is_beyond, -1, rows)])
        is_first = is_beyond | np.isin(rows, first_places)
        own = {name: tuple(_of(numbers, side) for side in sides) for name, sides in ranges.items()}
        missing += numbers[~checker.check(block, place.as_posix(), own, is_first, numbers)].tolist()
    if missing and is_by_number:
        text = f"none for {of_episodes(missing)}"
        gathering.add(Code.STATS_MISSING, gathering.root / place, text, episodes=missing)


def _of(numbers: Ints, values: Floats) -> Floats:
    """Return the values of some episodes, NaN for those that have no rows."""
    is_known = (numbers >= 0) & (numbers < len(values))
    return np.where(is_known[:, None], values[np.where(is_known, numbers, 0)], np.nan)


class _Checker:
    """Gathers what is wrong by feature, so that a thousand episodes with the same fault make one finding."""

    def __init__(self, info: DatasetInfo, gathering: Gathering) -> None:
        self._version = info.codebase_version
        self._gathering = gathering
        self._features = {name: info.features[name] for name in measured(info.features)}
        self._found: dict[tuple[Code, str, str], tuple[str, list[int]]] = {}

    @np.errstate(invalid="ignore", over="ignore")
    def check(
        self, block: StoredBlock, place: str, ranges: _Ranges, is_meant: Flags, numbers: Ints | None = None
    ) -> Flags:
        """Check what is stated about the dataset, or about episodes with these numbers; return of which anything is."""

        def note(code: Code, name: str, faults: Iterable[_Fault]) -> Flags:
            """Note the first fault of the first row that has one; return which rows have one."""
            found = [(which, text) for which, text in faults if which.any()]
            wrong = _any(block.rows, (which for which, _ in found))
            if found:
                row = int(np.argmax(wrong))
                text = next(text for which, text in found if which[row])
                _, episodes = self._found.setdefault((code, place, name), (text, []))
                episodes += [] if numbers is None else numbers[wrong].tolist()
            return wrong

        stated = {
            name: _any(block.rows, (stored.is_there for stored in block.entries.get(name, {}).values()))
            for name in self._features
        }
        has_any = _any(block.rows, stated.values())
        is_asked = is_meant & (has_any | (numbers is None and bool(block.entries or block.unknown)))
        without = np.zeros(block.rows, np.int64)
        for name, feature in self._features.items():
            is_own, entry = name in DEFAULT_FEATURES, self._entry(block, name, feature)
            if not is_own:
                note(Code.STATS_MISSING, name, [(is_asked & ~stated[name], "the feature has no statistics")])
            usable = is_meant & stated[name]
            usable &= ~note(Code.STATS_SHAPE, name, self._misshapen(entry, usable))
            if not usable.any():
                continue
            if self._version.has_quantiles and not is_own:
                without += usable & _any(block.rows, (~entry[quantile].is_there for quantile in REQUIRED_QUANTILES))
            # LeRobot 0.4 writes 0 for episodes; what training uses is that of the dataset.
            checks_std = numbers is None or not feature.is_camera
            is_picture = feature.is_camera and not feature.is_depth
            faults = _impossible(entry, usable, is_picture=is_picture, checks_std=checks_std)
            usable &= ~note(Code.STATS_IMPOSSIBLE, name, faults)
            if name in ranges:
                note(Code.STATS_STALE, name, _stale(entry, usable, *ranges[name]))
        note(Code.STATS_QUANTILES, "", [(without > 0, f"{without[_first(without > 0)]} features have none")])
        return has_any

    def tell(self) -> None:
        """Note what was found."""
        for (code, place, name), (text, episodes) in self._found.items():
            more = f" ({of_episodes(episodes)})" if episodes else ""
            # LeRobot 0.3 merges the statistics of all episodes when it loads a dataset.
            is_merged = code is Code.STATS_SHAPE and not self._version.has_dataset_statistics
            harms = Loading.REFUSED if is_merged else None
            self._gathering.add(code, place, text + more, episodes=episodes, column=name, harms=harms)

    def _entry(self, block: StoredBlock, name: str, feature: Feature) -> _Entry:
        own, shape = block.entries.get(name, {}), self._version.statistics_shape(feature)
        nothing = {s: StoredValues.parsed([None] * block.rows, (1,) if s == "count" else shape) for s in STATISTICS}
        return {statistic: own.get(statistic, nothing[statistic]) for statistic in STATISTICS}

    def _misshapen(self, entry: _Entry, among: Flags) -> Iterator[_Fault]:
        for name in VALUES:
            stored = entry[name]
            wrong = among & ~stored.is_usable & (stored.is_there | (name not in QUANTILES))
            yield wrong, f"{name} is {stored.found(_first(wrong))}, expected shape {list(stored.shape)}"
        count = entry["count"]
        if self._version.has_episode_statistics or count.is_there.any():
            # A number is as good as a list of one.
            wrong = among & ~(count.values[:, 0] >= 1)
            wrong[[row for row, shape in count.shapes.items() if shape == "[]"]] = False
            yield wrong, f"count is {count.found(_first(wrong)) if count.is_there[_first(wrong)] else None}"


def _any(rows: int, flags: Iterable[Flags]) -> Flags:
    """Return which rows have any of some flags, (rows,)."""
    found: Flags = np.logical_or.reduce([np.zeros(rows, bool), *flags])
    return found


def _first(flags: Flags) -> int:
    return int(np.argmax(flags))


def _impossible(entry: _Entry, among: Flags, *, is_picture: bool, checks_std: bool) -> Iterator[_Fault]:
    values = {name: entry[name].values for name in VALUES if entry[name].is_there.any()}
    low, high, std = values["min"], values["max"], values["std"]
    for name, own in values.items():
        yield among & entry[name].is_there & ~np.isfinite(own).all(axis=1), f"{name} is not finite"
    yield among & (std < 0).any(axis=1), "std is negative"
    if is_picture:
        wrong = among & ((low < -ROUNDING) | (high > 1 + ROUNDING)).any(axis=1)
        first = _first(wrong)
        text = f"values go from {low[first].min():.6g} to {high[first].max():.6g}, those of pictures from 0 to 1"
        yield wrong, text
    if checks_std:
        is_flat = ((std == 0) & (high > low + rounding(low, high))).any(axis=1)
        yield among & is_flat, "std is 0 where min and max differ"
    for smaller, larger, out in disorder(values):
        yield among & out.any(axis=1), f"{smaller} is larger than {larger}"


def _stale(entry: _Entry, among: Flags, low: Floats, high: Floats) -> Iterator[_Fault]:
    """Compare the smallest and largest values with those of the rows; statistics pool leading axes."""
    rows, size = entry["min"].values.shape
    if low.shape[1] % size:
        return
    smallest = np.fmin.reduce(low.reshape(rows, -1, size), axis=1)
    largest = np.fmax.reduce(high.reshape(rows, -1, size), axis=1)
    slack = ROUNDING * np.maximum(np.abs(smallest), np.abs(largest)) + 1e-6
    for name, true in (("min", smallest), ("max", largest)):
        stored = entry[name].values
        wrong = among[:, None] & (np.abs(stored - true) > slack)
        row, column = np.unravel_index(np.argmax(wrong), wrong.shape)
        where = f" in dimension {column}" if size > 1 else ""
        text = f"{name} is {stored[row, column]:.6g}, the rows have {true[row, column]:.6g}{where}"
        yield wrong.any(axis=1), text


def _ranges(view: DataView) -> _Ranges:
    """Return the smallest and largest values of each episode, of LeRobot's own columns none."""
    if view.lengths is None or not len(view.lengths):
        return {}
    names = set.intersection(*(set(fact.low) for fact in view.facts)) - set(DEFAULT_FEATURES)
    return {
        name: (
            np.concatenate([fact.low[name] for fact in view.facts]),
            np.concatenate([fact.high[name] for fact in view.facts]),
        )
        for name in names
    }
