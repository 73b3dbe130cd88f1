"""What training trips over although the statistics are right: found in what has been measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.features import ACTION, Kind
from lerotool.findings import Code, Finding, FindingPlace, Severity
from lerotool.moments import Floats
from lerotool.statistics.measure import Measurement
from lerotool.statistics.segments import dimension_labels
from lerotool.wording import listed

DATA = FindingPlace("data")
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
    for name in measurement.features:
        if dataset.features[name].kind is not Kind.NUMERIC:
            continue
        labels = dimension_labels(dataset.features[name], dataset.version)
        low, high, std = (_total(measurement, name, key) for key in ("min", "max", "std"))
        broken = ~(np.isfinite(low) & np.isfinite(high))
        if broken.any():
            yield _not_finite(name, labels, broken, measurement)
        if not name.startswith(("observation.", ACTION)) or dataset.features[name].dtype == "bool":
            continue
        constant = (low == high) & ~broken
        if constant.any():
            yield _constant(name, labels, constant, low)
        moving = ~broken & ~constant
        recorded = _Recorded(dataset, measurement)
        yield from _still(name, labels, moving, recorded)
        yield from _outliers(name, labels, moving, measurement, recorded)
        yield from _units(name, moving & (std > 0), recorded)


class _Recorded:
    """The episodes' statistics, NaN where a dimension was filled up by a merge."""

    def __init__(self, dataset: Dataset, measurement: Measurement) -> None:
        self._padding = dataset.padding
        self._store = measurement.episodes

    def counts(self, name: str) -> npt.NDArray[np.int64]:
        return self._store.counts(name)

    def statistic(self, name: str, column: str) -> Floats:
        values = self._store.statistic(name, column)
        present = self._padding.dimensions(name, 0, len(values))
        if present is not None:
            values[~present] = np.nan
        return values


def _total(measurement: Measurement, name: str, key: str) -> Floats:
    stats = measurement.features[name].stats
    return np.ravel(stats.quantiles[key] if key in stats.quantiles else getattr(stats, key))


def _named(labels: tuple[str, ...], chosen: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(label for label, is_chosen in zip(labels, chosen, strict=True) if is_chosen and len(labels) > 1)


def _of(names: tuple[str, ...]) -> str:
    return f" ({listed(names)})" if names else ""


def _not_finite(name: str, labels: tuple[str, ...], broken: npt.NDArray[np.bool_], measurement: Measurement) -> Finding:
    store = measurement.episodes
    with np.errstate(invalid="ignore"):
        spread = store.statistic(name, "max") - store.statistic(name, "min")
    where = np.flatnonzero(~np.isfinite(spread).all(axis=1) & (store.counts(name) > 0)).tolist()
    dimensions = _named(labels, broken)
    return Finding(
        Code.NOT_FINITE,
        DATA,
        f"NaN or infinite values{_of(dimensions)} in episodes {listed(where)}",
        tuple(where),
        own_advice="leave these episodes out, or record them again: one such value makes a training step NaN",
        own_severity=Severity.ERROR,
        features=(name,),
        dimensions=dimensions,
    )


def _constant(name: str, labels: tuple[str, ...], constant: npt.NDArray[np.bool_], low: Floats) -> Finding:
    dimensions = _named(labels, constant)
    values = sorted(set(low[constant].tolist()))
    return Finding(
        Code.CONSTANT,
        DATA,
        f"{int(constant.sum())} of {len(labels)} dimensions never change{_of(dimensions)}: always "
        f"{listed([f'{value:g}' for value in values])}",
        features=(name,),
        dimensions=dimensions,
    )


def _still(name: str, labels: tuple[str, ...], moving: npt.NDArray[np.bool_], store: _Recorded) -> Iterator[Finding]:
    is_still = (store.statistic(name, "min") == store.statistic(name, "max")) & (store.counts(name) > 1)[:, None]
    is_still &= moving
    # What stands still in most episodes is a setting that changes from one to the next, such as a goal.
    is_still &= is_still.mean(axis=0) < _MOSTLY
    dimensions = is_still.any(axis=0)
    if not dimensions.any():
        return
    episodes = np.flatnonzero(is_still.any(axis=1)).tolist()
    named = _named(labels, dimensions)
    yield Finding(
        Code.STILL,
        DATA,
        f"{int(dimensions.sum())} of {len(labels)} dimensions never move{_of(named)} in episodes {listed(episodes)}, "
        "but in others",
        tuple(episodes),
        features=(name,),
        dimensions=named,
    )


def _outliers(
    name: str, labels: tuple[str, ...], moving: npt.NDArray[np.bool_], measurement: Measurement, store: _Recorded
) -> Iterator[Finding]:
    low, high, q01, q99 = (_total(measurement, name, key) for key in ("min", "max", "q01", "q99"))
    width = q99 - q01
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = np.maximum(q01 - low, high - q99) / width
    far = moving & (width > 0) & (reach > OUTLIER_REACH)
    if not far.any():
        return
    worst = int(np.argmax(np.where(far, reach, 0)))
    edge = OUTLIER_REACH * width
    outside = (store.statistic(name, "min") < q01 - edge) | (store.statistic(name, "max") > q99 + edge)
    episodes = np.flatnonzero((outside & far).any(axis=1)).tolist()
    label = f"{labels[worst]}: " if labels[worst] else ""
    yield Finding(
        Code.OUTLIERS,
        DATA,
        f"{label}98 % of the values lie in {q01[worst]:g} to {q99[worst]:g}, but the range is {low[worst]:g} to "
        f"{high[worst]:g} (episodes {listed(episodes)})",
        tuple(episodes),
        features=(name,),
        dimensions=_named(labels, far),
    )


def _units(name: str, moving: npt.NDArray[np.bool_], store: _Recorded) -> Iterator[Finding]:
    spread = store.statistic(name, "q99") - store.statistic(name, "q01")
    usable = (store.counts(name) > 1)[:, None] & (spread > 0) & moving
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
    yield Finding(
        Code.UNITS,
        DATA,
        f"values of episodes {listed(episodes)} spread {ratio:.3g} times as far or as little as the others'{guess}",
        tuple(episodes),
        features=(name,),
    )
