"""What is wrong with stored statistics, gathered over blocks of episodes and reported once for each feature.

Deviations from what is measured, and statistics that are not there, or there for nothing, misshapen or impossible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lerotool.checking.stored import StoredBlock, StoredValues, disorder
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.layout import EPISODES, STATS
from lerotool.features import DEFAULT_FEATURES
from lerotool.findings import Code, Finding, FindingPlace, Severity
from lerotool.moments import REQUIRED_QUANTILES, STATISTICS, Floats
from lerotool.wording import counted, listed

Flags = npt.NDArray[np.bool_]


def severity_of(feature: str) -> Severity:
    """Return how bad wrong numbers of a feature are: no policy looks at LeRobot's own columns."""
    return Severity.WARNING if feature in DEFAULT_FEATURES else Severity.ERROR


@dataclass(slots=True)
class _Entry:
    """Everything of one code about one feature in one kind of place."""

    severity: Severity
    place: str
    statistics: dict[str, None] = field(default_factory=dict)
    episodes: set[int] = field(default_factory=set)
    dimensions: set[int] = field(default_factory=set)
    worst: float = -1.0
    example: str = ""


class Tally:
    """Collects what is wrong."""

    def __init__(self, labels: dict[str, tuple[str, ...]], episodes: int) -> None:
        self._labels = labels
        self._episodes = episodes
        self._entries: dict[tuple[Code, str, bool], _Entry] = {}

    def deviation(
        self,
        code: Code,
        severity: Severity,
        block: StoredBlock,
        feature: str,
        statistic: str,
        wrong: Flags,
        expected: Floats,
        tolerance: Floats,
    ) -> None:
        """Note where (n, d) a stored statistic differs from what it should be."""
        if not wrong.any():
            return
        entry = self._entry(code, severity, block, feature, statistic, wrong)
        stored = block.entries[feature][statistic].values
        rows, columns = np.nonzero(wrong)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            excess = (np.abs(stored - expected) / np.maximum(tolerance, 1e-300))[rows, columns]
        excess = np.where(np.isnan(excess), np.inf, excess)
        worst = int(np.argmax(excess))
        if excess[worst] > entry.worst:
            entry.worst = float(excess[worst])
            row, column = int(rows[worst]), int(columns[worst])
            labels = self._labels.get(feature, ())
            label = labels[column] if column < len(labels) else str(column)
            entry.example = (
                f"{statistic}{f' of {label}' if label else ''}{_in_episode(block, row)} is {stored[row, column]:.6g}, "
                f"the data give {expected[row, column]:.6g}"
            )

    def fault(
        self,
        code: Code,
        severity: Severity,
        block: StoredBlock,
        feature: str,
        statistic: str,
        wrong: Flags,
        example: str,
    ) -> None:
        """Note where (n,) or (n, d) something else is wrong, shown by ``example`` for the first one found."""
        if not wrong.any():
            return
        entry = self._entry(code, severity, block, feature, statistic, wrong)
        entry.example = entry.example or f"{example}{_in_episode(block, int(np.nonzero(wrong)[0][0]))}"

    def findings(self) -> Iterator[Finding]:
        """Yield everything, one finding for each feature, kind of place and code."""
        for (code, feature, is_dataset), entry in self._entries.items():
            parts = [listed(list(entry.statistics), 9)]
            if not is_dataset:
                every = len(entry.episodes) == self._episodes
                count = f"all {self._episodes}" if every else f"{len(entry.episodes)} of {self._episodes}"
                parts.append(f"in {count} episodes")
            labels = self._labels.get(feature, ())
            places = sorted(entry.dimensions)
            if places and len(places) < len(labels):
                parts.append(f"({listed([labels[p] for p in places])})")
            yield Finding(
                code,
                FindingPlace(entry.place),
                f"{' '.join(parts)}: {entry.example}",
                tuple(sorted(entry.episodes)),
                own_severity=entry.severity,
                features=(feature,),
                dimensions=tuple(labels[p] for p in places) if len(labels) > 1 else (),
            )

    def _entry(
        self, code: Code, severity: Severity, block: StoredBlock, feature: str, statistic: str, wrong: Flags
    ) -> _Entry:
        entry = self._entries.setdefault((code, feature, block.first is None), _Entry(severity, block.place))
        if entry.place != block.place:
            entry.place = EPISODES.as_posix()
        entry.statistics[statistic] = None
        rows, *columns = np.nonzero(wrong)
        entry.dimensions.update(*(places.tolist() for places in columns))
        if block.first is not None:
            entry.episodes.update((rows + block.first).tolist())
        return entry


def _in_episode(block: StoredBlock, row: int) -> str:
    return "" if block.first is None else f" in episode {block.first + row}"


_NEEDED = ("min", "max", "mean", "std")
_QUANTILES_GONE = "policies that normalise by quantiles (pi0.5 in LeRobot) cannot be trained on the dataset"


class Presence:
    """Gathers what is missing, over all places."""

    def __init__(self, dataset: Dataset, names: Sequence[str]) -> None:
        self._dataset = dataset
        self._names = tuple(names)
        self._absent: list[str] = []
        self._missing: dict[tuple[Code, str, Severity], dict[str, set[int]]] = {}
        self._unknown: dict[str, set[str]] = {}

    def absent(self, place: str) -> None:
        """Note a file that is not there."""
        self._absent.append(place)

    def take(self, block: StoredBlock) -> None:
        """Look at what is stated about some episodes, or the dataset."""
        place = EPISODES.as_posix() if block.place.startswith(f"{EPISODES.as_posix()}/") else block.place
        if block.unknown:
            self._unknown.setdefault(place, set()).update(block.unknown)
        for name in self._names:
            missing = self._lacks(block, name, _NEEDED)
            self._note(Code.STATS_MISSING, severity_of(name), place, name, missing, block.first)
            if self._dataset.version.has_quantiles and name not in DEFAULT_FEATURES:
                lacks = self._lacks(block, name, REQUIRED_QUANTILES) & ~missing
                self._note(Code.STATS_QUANTILES, Severity.WARNING, place, name, lacks, block.first)

    def _lacks(self, block: StoredBlock, name: str, statistics: Sequence[str]) -> Flags:
        """Return which episodes with frames lack any of some statistics, (n,)."""
        entry = block.entries.get(name, {})
        missing = np.zeros(block.rows, bool)
        for statistic in statistics:
            missing |= ~entry[statistic].is_there if statistic in entry else True
        lengths = (
            np.array([self._dataset.num_frames])
            if block.first is None
            else self._dataset.episodes.lengths[block.first : block.first + block.rows]
        )
        return missing & (lengths > 0)

    def _note(self, code: Code, severity: Severity, place: str, name: str, missing: Flags, first: int | None) -> None:
        if missing.any():
            episodes = set((np.flatnonzero(missing) + (first or 0)).tolist())
            self._missing.setdefault((code, place, severity), {}).setdefault(name, set()).update(episodes)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding for each place and kind."""
        for place in self._absent:
            text = "the file is missing, and the statistics with it"
            yield Finding(
                Code.STATS_MISSING, FindingPlace(place), text, own_severity=Severity.ERROR, features=self._names
            )
        for (code, place, severity), features in self._missing.items():
            episodes = () if place == STATS.as_posix() else tuple(sorted(set().union(*features.values())))
            every = len(episodes) == self._dataset.num_episodes
            where = "" if not episodes else " of all episodes" if every else f" of {counted(len(episodes), 'episode')}"
            what = "statistics" if code is Code.STATS_MISSING else "quantiles"
            text = f"{what}{where} are missing: {listed(list(features), 9)}"
            if code is Code.STATS_QUANTILES:
                text += f"; {_QUANTILES_GONE}"
            yield Finding(code, FindingPlace(place), text, episodes, own_severity=severity, features=tuple(features))
        for place, unknown in self._unknown.items():
            text = f"there are statistics of names that are not features: {listed(sorted(unknown))}"
            yield Finding(Code.UNKNOWN_FEATURE, FindingPlace(place), text, features=tuple(sorted(unknown)))


def check_block(block: StoredBlock, tally: Tally) -> None:
    """Note what is misshapen or impossible in what is stated about some episodes or the dataset."""
    for feature, entry in block.entries.items():
        for statistic, values in entry.items():
            if statistic in STATISTICS:
                _check_values(block, feature, statistic, values, tally)
        if {"min", "max"} <= entry.keys():
            for smaller, larger, wrong in disorder({name: stored.values for name, stored in entry.items()}):
                pair, text = f"{smaller}, {larger}", f"{smaller} > {larger}"
                tally.fault(Code.STATS_IMPOSSIBLE, Severity.ERROR, block, feature, pair, wrong, text)


def _check_values(block: StoredBlock, feature: str, statistic: str, stored: StoredValues, tally: Tally) -> None:
    wrong = np.zeros(block.rows, bool)
    wrong[list(stored.shapes)] = True
    found = next(iter(stored.shapes.values()), "")
    text = f"{statistic} has shape {found}, expected {list(stored.shape)}"
    tally.fault(Code.STATS_SHAPE, Severity.ERROR, block, feature, statistic, wrong, text)
    faults = {f"{statistic} is not finite": ~np.isfinite(stored.values) & stored.is_usable[:, None]}
    if statistic == "std":
        faults["std is negative"] = stored.values < 0
    if statistic == "count":
        faults["count is less than 1"] = stored.values < 1
    for text, broken in faults.items():
        tally.fault(Code.STATS_IMPOSSIBLE, Severity.ERROR, block, feature, statistic, broken, text)
