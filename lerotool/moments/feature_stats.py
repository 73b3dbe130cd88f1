"""The statistics of a feature as datasets keep them, and how those of several parts become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from lerotool.errors import MetadataError

QUANTILES: Mapping[str, float] = MappingProxyType({"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99})
"""What is measured and written."""
REQUIRED_QUANTILES = ("q01", "q10", "q50", "q90", "q99")
"""What policies ask for: a dataset without one of them lacks something."""

Floats = npt.NDArray[np.float64]
_PLAIN = ("min", "max", "mean", "std")
STATISTICS = (*_PLAIN, "count", *QUANTILES)
"""All statistics of a feature, in LeRobot's order."""
VALUES = (*_PLAIN, *QUANTILES)
"""Those with a number for each dimension: all but ``count``."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureStats:
    """The statistics of one feature as datasets keep them.

    Attributes:
        min: (d,) for numbers, (C, 1, 1) in 0..1 for pictures; the others likewise.
        max: largest value.
        mean: arithmetic mean.
        std: population standard deviation.
        count: frames that they were taken from.
        quantiles: by the names in ``QUANTILES``; empty where a dataset has none.
    """

    min: Floats
    max: Floats
    mean: Floats
    std: Floats
    count: int
    quantiles: Mapping[str, Floats] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return LeRobot's layout: nested lists, ``count`` a list of one, quantiles last."""
        plain = {name: getattr(self, name).tolist() for name in _PLAIN}
        ordered = {name: self.quantiles[name].tolist() for name in QUANTILES if name in self.quantiles}
        return {**plain, "count": [self.count], **ordered}

    def value(self, name: str) -> Floats | None:
        """Return one of `VALUES`; None for a quantile that is not known."""
        found: Floats | None = self.quantiles.get(name) if name in QUANTILES else getattr(self, name)
        return found

    def rows(self) -> Floats:
        """Return all of `VALUES`, (values, d); NaN for quantiles that are not known."""
        nothing = np.full(self.mean.shape, np.nan)
        known = [self.value(name) for name in VALUES]
        return np.stack([np.ravel(nothing if value is None else value) for value in known])

    def mapped(self, change: Callable[[Floats], Floats], count: int) -> FeatureStats:
        """Return the statistics with every value changed, for instance in shape or unit."""
        plain = {name: change(getattr(self, name)) for name in _PLAIN}
        return FeatureStats(**plain, count=count, quantiles={n: change(v) for n, v in self.quantiles.items()})

    @classmethod
    def of_values(cls, values: Mapping[str, Floats], count: int) -> FeatureStats:
        """Build from values by the names of `VALUES`; quantiles may be missing."""
        plain = {name: values[name] for name in _PLAIN}
        return cls(**plain, count=count, quantiles={name: values[name] for name in QUANTILES if name in values})

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], count: int | None = None) -> FeatureStats:
        """Build from LeRobot's layout; unknown keys are ignored, quantiles may be missing.

        Args:
            entry: what ``to_json`` returns, or the same out of a parquet row.
            count: used where the entry has none (v2.0).

        Raises:
            MetadataError: a statistic is missing or not a rectangle of numbers, or shapes differ.
        """
        values = {name: _floats(entry, name) for name in _PLAIN}
        quantiles = {name: _floats(entry, name) for name in QUANTILES if entry.get(name) is not None}
        shapes = {name: array.shape for name, array in {**values, **quantiles}.items()}
        if len(set(shapes.values())) > 1:
            raise MetadataError(f"statistics of one feature have different shapes: {shapes}")
        return cls(**values, count=_count(entry, count), quantiles=quantiles)


def _floats(entry: Mapping[str, Any], name: str) -> Floats:
    if entry.get(name) is None:
        raise MetadataError(f"statistic {name!r} is missing")
    value = entry[name]
    try:
        return np.asarray(value.tolist() if isinstance(value, np.ndarray) else value, dtype=np.float64)
    except (TypeError, ValueError):
        raise MetadataError(f"statistic {name!r} is not a rectangle of numbers: {str(value)[:80]}") from None


def _count(entry: Mapping[str, Any], default: int | None) -> int:
    value = entry.get("count")
    if value is None and default is not None:
        return default
    try:
        found = np.asarray([] if value is None else value).ravel()
    except ValueError:  # nested lists of different lengths
        found = np.empty(0)
    if found.size != 1 or found.dtype.kind not in "iuf" or not found[0] >= 1:
        raise MetadataError(f"statistic 'count' is {value!r}, expected a list of one positive number")
    return int(found[0])


def merge_columns(values: Mapping[str, Floats], counts: npt.NDArray[np.int64]) -> FeatureStats:
    """Merge the statistics of episodes or datasets: mean and std exactly, weighted by count.

    Quantiles are the weighted average, as in LeRobot up to 0.6.1; the true ones need the data. `values`: by the names
    of `VALUES`, the quantiles as far as all parts have them: (parts, *shape). `counts`: of the parts, at least one and
    none of them 0: (parts,).
    """
    weights = (counts / counts.sum()).reshape(-1, *(1 for _ in values["mean"].shape[1:]))

    def average(parts: Floats) -> Floats:
        weighted: Floats = (parts * weights).sum(axis=0)
        return weighted

    with np.errstate(invalid="ignore", over="ignore"):
        mean = average(values["mean"])
        variance = average(values["std"] ** 2 + (values["mean"] - mean) ** 2)
        return FeatureStats(
            values["min"].min(axis=0),
            values["max"].max(axis=0),
            mean,
            np.sqrt(variance),
            int(counts.sum()),
            {name: average(values[name]) for name in QUANTILES if name in values},
        )


def merge_stats(parts: Sequence[FeatureStats]) -> FeatureStats:
    """Merge the statistics of episodes or datasets; quantiles are there only if all parts have them."""
    if not parts:
        raise ValueError("no statistics to merge")
    shapes = sorted({part.mean.shape for part in parts})
    if len(shapes) > 1:
        raise MetadataError(f"statistics of different shapes cannot be merged: {shapes}")
    common = [name for name in QUANTILES if all(name in part.quantiles for part in parts)]
    values = {name: np.stack([getattr(part, name) for part in parts]) for name in _PLAIN}
    values |= {name: np.stack([part.quantiles[name] for part in parts]) for name in common}
    return merge_columns(values, np.array([part.count for part in parts]))
