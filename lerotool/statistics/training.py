"""What training trips over although the statistics are right: found in what has been measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.sidecar import Padding
from lerotool.features import ACTION, Kind
from lerotool.findings import Code, Finding, FindingPlace, Severity
from lerotool.moments import VALUES, FeatureStats, Floats
from lerotool.statistics.measure import Measurement
from lerotool.statistics.segments import EpisodeStore, dimension_labels
from lerotool.wording import listed

Flags = npt.NDArray[np.bool_]
OUTLIER_REACH = 10.0
"""Outliers lie further outside of q01..q99 than so many times its width."""
UNIT_RATIO = 20.0
"""Episodes whose spread differs from the others' by as much, in most dimensions alike, are in another unit."""
_UNITS = {
    180 / np.pi: "degrees against radians",
    1000.0: "millimetres against metres",
    100.0: "per cent against shares",
}
_ALIKE = 2.0
_MOSTLY = 0.5
_MOST_DIMENSIONS = 0.7


def check_training(dataset: Dataset, measurement: Measurement) -> Iterator[Finding]:
    """Yield what training may trip over.

    NaN and infinities are looked for in all numbers; the rest in what policies take: observations and actions.
    """
    for name, measured in measurement.features.items():
        feature = dataset.features[name]
        if feature.kind is not Kind.NUMERIC:
            continue
        labels = dimension_labels(feature, dataset.version)
        column = _Column(name, labels, measured.stats, dataset.padding, measurement.episodes)
        low, high = column.total("min"), column.total("max")
        broken = ~(np.isfinite(low) & np.isfinite(high))
        if broken.any():
            yield _not_finite(column, broken)
        if not name.startswith(("observation.", ACTION)) or feature.dtype == "bool":
            continue
        constant = (low == high) & ~broken
        if constant.any():
            yield _constant(column, constant)
        moving = ~broken & ~constant
        yield from _still(column, moving)
        yield from _outliers(column, moving)
        yield from _units(column, moving & (column.total("std") > 0))


@dataclass(frozen=True, slots=True)
class _Column:
    """What has been measured of a feature."""

    name: str
    labels: tuple[str, ...]  # of its dimensions
    stats: FeatureStats  # of the whole dataset
    padding: Padding
    store: EpisodeStore  # of its episodes

    def total(self, statistic: str) -> Floats:
        """Return a statistic of the whole dataset, (d,)."""
        row: Floats = self.stats.rows()[VALUES.index(statistic)]
        return row

    def recorded(self, statistic: str) -> Floats:
        """Return a statistic of the episodes, (E, d), NaN where a dimension was filled up by a merge."""
        values = self.store.statistic(self.name, statistic)
        present = self.padding.dimensions(self.name, 0, len(values))
        if present is not None:
            values[~present] = np.nan
        return values

    def has_rows(self, least: int) -> Flags:
        """Return which episodes have as many rows, (E, 1)."""
        return (self.store.counts(self.name) >= least)[:, None]

    def named(self, chosen: Flags) -> tuple[str, ...]:
        """Return the labels of some dimensions; nothing where there is one dimension only."""
        return tuple(np.array(self.labels)[chosen].tolist()) if len(self.labels) > 1 else ()

    def finding(
        self, code: Code, text: str, episodes: Sequence[int] = (), dimensions: tuple[str, ...] = (), advice: str = ""
    ) -> Finding:
        place = FindingPlace("data")
        return Finding(
            code, place, text, tuple(episodes), own_advice=advice, features=(self.name,), dimensions=dimensions
        )


def _of(names: tuple[str, ...]) -> str:
    return f" ({listed(names)})" if names else ""


def _not_finite(column: _Column, broken: Flags) -> Finding:
    store, name = column.store, column.name
    with np.errstate(invalid="ignore"):
        spread = store.statistic(name, "max") - store.statistic(name, "min")
    where = np.flatnonzero((~np.isfinite(spread) & column.has_rows(1)).any(axis=1)).tolist()
    dimensions = column.named(broken)
    text = f"NaN or infinite values{_of(dimensions)} in episodes {listed(where)}"
    advice = "leave these episodes out, or record them again: one such value makes a training step NaN"
    return replace(column.finding(Code.NOT_FINITE, text, where, dimensions, advice), own_severity=Severity.ERROR)


def _constant(column: _Column, constant: Flags) -> Finding:
    named = column.named(constant)
    values = listed([f"{value:g}" for value in np.unique(column.total("min")[constant])])
    text = f"{int(constant.sum())} of {len(column.labels)} dimensions never change{_of(named)}: always {values}"
    return column.finding(Code.CONSTANT, text, dimensions=named)


def _still(column: _Column, moving: Flags) -> Iterator[Finding]:
    is_still = (column.recorded("min") == column.recorded("max")) & column.has_rows(2) & moving
    # What stands still in most episodes is a setting that changes from one to the next, such as a goal.
    is_still &= is_still.mean(axis=0) < _MOSTLY
    dimensions = is_still.any(axis=0)
    if not dimensions.any():
        return
    episodes, named = np.flatnonzero(is_still.any(axis=1)).tolist(), column.named(dimensions)
    count = f"{int(dimensions.sum())} of {len(column.labels)}"
    text = f"{count} dimensions never move{_of(named)} in episodes {listed(episodes)}, but in others"
    yield column.finding(Code.STILL, text, episodes, named)


def _outliers(column: _Column, moving: Flags) -> Iterator[Finding]:
    low, high, q01, q99 = (column.total(key) for key in ("min", "max", "q01", "q99"))
    width = q99 - q01
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = np.maximum(q01 - low, high - q99) / width
    far = moving & (width > 0) & (reach > OUTLIER_REACH)
    if not far.any():
        return
    worst = int(np.argmax(np.where(far, reach, 0)))
    edge = OUTLIER_REACH * width
    outside = (column.recorded("min") < q01 - edge) | (column.recorded("max") > q99 + edge)
    episodes = np.flatnonzero((outside & far).any(axis=1)).tolist()
    label = f"{column.labels[worst]}: " if column.labels[worst] else ""
    text = (
        f"{label}98 % of the values lie in {q01[worst]:g} to {q99[worst]:g}, but the range is {low[worst]:g} to "
        f"{high[worst]:g} (episodes {listed(episodes)})"
    )
    yield column.finding(Code.OUTLIERS, text, episodes, column.named(far))


def _units(column: _Column, moving: Flags) -> Iterator[Finding]:
    spread = column.recorded("q99") - column.recorded("q01")
    usable = column.has_rows(2) & (spread > 0) & moving
    if usable.all(axis=1).sum() < 2 or moving.sum() < 2:
        return
    logs = np.where(usable, np.log(np.where(usable, spread, 1.0)), np.nan)
    enough = usable.sum(axis=1) >= _MOST_DIMENSIONS * moving.sum()
    logs = logs[:, moving]
    ratios = logs - np.nanmedian(logs[enough], axis=0)
    shift = np.array([np.nanmedian(row) if is_enough else 0.0 for row, is_enough in zip(ratios, enough, strict=True)])
    alike = (np.abs(ratios - shift[:, None]) < np.log(_ALIKE)).sum(axis=1) >= _MOST_DIMENSIONS * moving.sum()
    other = enough & alike & (np.abs(shift) > np.log(UNIT_RATIO))
    if not other.any():
        return
    episodes = np.flatnonzero(other).tolist()
    ratio = float(np.exp(np.median(np.abs(shift[other]))))
    known = min(_UNITS, key=lambda unit: abs(np.log(ratio / unit)))
    guess = f", {_UNITS[known]}?" if abs(np.log(ratio / known)) < np.log(_ALIKE) else ""
    text = f"values of episodes {listed(episodes)} spread {ratio:.3g} times as far or as little as the others'{guess}"
    yield column.finding(Code.UNITS, text, episodes)
