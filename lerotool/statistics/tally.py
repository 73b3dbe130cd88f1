"""Deviations gathered over blocks of episodes, reported once for each feature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lerotool.dataset.layout import EPISODES
from lerotool.findings import Code, Finding, FindingPlace, Severity
from lerotool.moments import Floats
from lerotool.wording import listed


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
        place: str,
        first: int | None,
        feature: str,
        statistic: str,
        wrong: npt.NDArray[np.bool_],
        stored: Floats,
        expected: Floats,
        tolerance: Floats,
    ) -> None:
        """Note values that differ from what they should be.

        `first`: number of the first episode; None for the dataset. `wrong`: (n, d), where. `stored`: (n, d).
        `expected`: (n, d). `tolerance`: (n, d).
        """
        if not wrong.any():
            return
        entry = self._entry(code, severity, place, feature, first is None)
        entry.statistics[statistic] = None
        rows, columns = np.nonzero(wrong)
        entry.dimensions.update(columns.tolist())
        if first is not None:
            entry.episodes.update((rows + first).tolist())
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            excess = np.abs(stored - expected)[rows, columns] / np.maximum(tolerance[rows, columns], 1e-300)
        excess = np.where(np.isnan(excess), np.inf, excess)
        place_of_worst = int(np.argmax(excess))
        if excess[place_of_worst] > entry.worst:
            row, column = int(rows[place_of_worst]), int(columns[place_of_worst])
            entry.worst = float(excess[place_of_worst])
            where = "" if first is None else f" in episode {first + row}"
            label = self._label(feature, column)
            entry.example = (
                f"{statistic}{f' of {label}' if label else ''}{where} is {stored[row, column]:.6g}, "
                f"the data give {expected[row, column]:.6g}"
            )

    def fault(
        self,
        code: Code,
        severity: Severity,
        place: str,
        first: int | None,
        feature: str,
        statistic: str,
        rows: npt.NDArray[np.bool_],
        example: str,
        *,
        columns: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Note rows (n,) of which something else is wrong, shown by ``example`` for the first one found."""
        if not rows.any():
            return
        entry = self._entry(code, severity, place, feature, first is None)
        entry.statistics[statistic] = None
        if columns is not None:
            entry.dimensions.update(np.flatnonzero(columns).tolist())
        if first is not None:
            entry.episodes.update((np.flatnonzero(rows) + first).tolist())
        if not entry.example:
            where = "" if first is None else f" in episode {first + int(np.flatnonzero(rows)[0])}"
            entry.example = f"{example}{where}"

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
            text = f"{' '.join(parts)}: {entry.example}"
            named = tuple(labels[p] for p in places) if places and len(labels) > 1 else ()
            yield Finding(
                code,
                FindingPlace(entry.place),
                text,
                tuple(sorted(entry.episodes)),
                own_severity=entry.severity,
                features=(feature,),
                dimensions=named,
            )

    def _entry(self, code: Code, severity: Severity, place: str, feature: str, is_dataset: bool) -> _Entry:
        entry = self._entries.setdefault((code, feature, is_dataset), _Entry(severity, place))
        if entry.place != place:
            entry.place = EPISODES.as_posix()
        return entry

    def _label(self, feature: str, column: int) -> str:
        labels = self._labels.get(feature, ())
        return labels[column] if column < len(labels) else str(column)
