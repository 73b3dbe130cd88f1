"""Deviations gathered over blocks of episodes, reported once for each feature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lerotool.checking.stored import StoredBlock
from lerotool.dataset.layout import EPISODES
from lerotool.features import DEFAULT_FEATURES
from lerotool.findings import Code, Finding, FindingPlace, Severity
from lerotool.moments import Floats
from lerotool.wording import listed

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
