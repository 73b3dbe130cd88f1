"""Statistics that are not there, or there for nothing, misshapen or impossible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.layout import EPISODES, STATS
from lerotool.findings import Code, Finding, FindingPlace, Severity
from lerotool.moments import QUANTILES, REQUIRED_QUANTILES, STATISTICS, Floats
from lerotool.statistics.segments import LEROBOT_COLUMNS
from lerotool.statistics.stored import StoredBlock, StoredValues
from lerotool.statistics.tally import Tally
from lerotool.wording import counted, listed

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
            severity = Severity.WARNING if name in LEROBOT_COLUMNS else Severity.ERROR
            missing = self._lacks(block, name, _NEEDED)
            self._note(Code.STATS_MISSING, severity, place, name, missing, block.first)
            if self._dataset.version.has_quantiles and name not in LEROBOT_COLUMNS:
                lacks = self._lacks(block, name, REQUIRED_QUANTILES) & ~missing
                self._note(Code.STATS_QUANTILES, Severity.WARNING, place, name, lacks, block.first)

    def _lacks(self, block: StoredBlock, name: str, statistics: Sequence[str]) -> npt.NDArray[np.bool_]:
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

    def _note(
        self, code: Code, severity: Severity, place: str, name: str, missing: npt.NDArray[np.bool_], first: int | None
    ) -> None:
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


_ROUNDING = 1e-5
"""Share of the range that float32 and histograms may put values out of order by."""


def check_block(block: StoredBlock, tally: Tally) -> None:
    """Note what is misshapen or impossible in what is stated about some episodes or the dataset."""
    for feature, entry in block.entries.items():
        for statistic, values in entry.items():
            _check_shape(block, feature, statistic, values, tally)
        _check_order(block, feature, entry, tally)


def _check_shape(block: StoredBlock, feature: str, statistic: str, values: StoredValues, tally: Tally) -> None:
    known = STATISTICS
    if statistic not in known:
        return
    wrong = np.zeros(block.rows, bool)
    wrong[list(values.shapes)] = True
    if wrong.any():
        found = next(iter(values.shapes.values()))
        example = f"{statistic} has shape {found}, expected {list(values.shape)}"
        tally.fault(Code.STATS_SHAPE, Severity.ERROR, block.place, block.first, feature, statistic, wrong, example)
    usable = values.is_usable
    broken = ~np.isfinite(values.values) & usable[:, None]
    _note(block, feature, statistic, broken, f"{statistic} is not finite", tally)
    if statistic == "std":
        _note(block, feature, statistic, values.values < 0, "std is negative", tally)
    if statistic == "count":
        _note(block, feature, statistic, values.values < 1, "count is less than 1", tally)


def _check_order(block: StoredBlock, feature: str, entry: dict[str, StoredValues], tally: Tally) -> None:
    """Compare neighbours in min <= q01 <= … <= q99 <= max, and min <= mean <= max."""
    chains = [[name for name in ("min", *QUANTILES, "max") if name in entry], ["min", "mean", "max"]]
    low, high = (_values(entry, name) for name in ("min", "max"))
    if low is None or high is None:
        return
    with np.errstate(invalid="ignore", over="ignore"):
        slack = _ROUNDING * np.maximum(high - low, np.maximum(np.abs(low), np.abs(high))) + 1e-9
        for chain in chains:
            for smaller, larger in pairwise(name for name in chain if _values(entry, name) is not None):
                first, second = _values(entry, smaller), _values(entry, larger)
                assert first is not None
                assert second is not None
                _note(block, feature, f"{smaller}, {larger}", first > second + slack, f"{smaller} > {larger}", tally)


def _values(entry: dict[str, StoredValues], name: str) -> Floats | None:
    return entry[name].values if name in entry else None


def _note(
    block: StoredBlock, feature: str, statistic: str, wrong: npt.NDArray[np.bool_], text: str, tally: Tally
) -> None:
    tally.fault(
        Code.STATS_IMPOSSIBLE,
        Severity.ERROR,
        block.place,
        block.first,
        feature,
        statistic,
        np.asarray(wrong.any(axis=1)),
        text,
        columns=np.asarray(wrong.any(axis=0)),
    )
