"""Statistics that are not there, or there for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.layout import EPISODES, STATS
from lerotool.findings import Code, Finding, FindingPlace, Severity
from lerotool.moments import REQUIRED_QUANTILES
from lerotool.statistics.segments import LEROBOT_COLUMNS
from lerotool.statistics.stored import StoredBlock
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
