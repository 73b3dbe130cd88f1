"""What stored statistics cannot be, whatever the data: found without reading them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lerotool.findings import Code, Severity
from lerotool.moments import QUANTILES, STATISTICS, Floats
from lerotool.statistics.stored import StoredBlock, StoredValues
from lerotool.statistics.tally import Tally

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
