"""How a dataset's quantiles have been taken: of all its values, or from those of its episodes in one of two ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lerotool.choices import Frames
from lerotool.dataset.dataset import Dataset
from lerotool.features import Kind
from lerotool.findings import Code, Severity
from lerotool.moments import QUANTILES, Floats, gap_name
from lerotool.statistics.measure import Measurement
from lerotool.statistics.sampling import Sampling
from lerotool.statistics.segments import LEROBOT_COLUMNS, Segments
from lerotool.statistics.stored import StoredBlock
from lerotool.statistics.tally import Tally
from lerotool.statistics.tolerance import Scale

EXACT = "of all values"
AVERAGED = "averaged over the episodes, as LeRobot up to 0.6.1 does"
EXTREME = "the episodes' extremes, as LeRobot after 0.6.1 does"
_Expected = dict[str, tuple[Floats, Floats]]
"""By quantile, value and tolerance, (1, d) each."""


@dataclass(frozen=True, slots=True)
class Context:
    """What comparing needs beside the values."""

    dataset: Dataset  # that is verified
    measurement: Measurement  # of it
    sampling: Sampling  # that cameras were measured with
    tally: Tally  # gets what is wrong

    def severity(self, feature: str) -> Severity:
        """Return how bad wrong numbers of a feature are: no policy looks at LeRobot's own columns."""
        return Severity.WARNING if feature in LEROBOT_COLUMNS else Severity.ERROR

    def tells_quantiles(self, feature: str) -> bool:
        """Return whether a feature's quantiles can be compared: not those of pictures encoded or sampled otherwise."""
        kind = self.dataset.features[feature].kind
        return kind is Kind.NUMERIC or (kind is Kind.IMAGE and self.sampling.rule is Frames.LEROBOT)


def scale_of(segments: Segments, summed: npt.NDArray[np.int64]) -> Scale:
    """Return what the tolerances of segments depend on; ``summed`` is (n, 1) or (1, 1)."""
    low, high, std = (segments.statistic(name) for name in ("min", "max", "std"))
    return Scale(low, high, std, summed)


def gap_of(segments: Segments, quantile: str) -> Floats:
    """Return the gaps (n, d) that a quantile is interpolated in."""
    return segments.statistic(gap_name(quantile))


def compare_quantiles(
    name: str, block: StoredBlock, segments: Segments, context: Context, *, is_stale: bool
) -> str | None:
    """Compare a dataset's quantiles with each of the definitions.

    Returns the first definition that fits all of them; None if there are none, or they fit no definition.
    """
    entry = block.entries.get(name, {})
    present = [q for q in QUANTILES if q in entry and entry[q].is_usable.all()]
    if not present:
        return None
    scale = scale_of(segments, np.array([[1]]))
    exact = {q: (segments.statistic(q), scale.quantile_tolerance(gap_of(segments, q))) for q in present}
    averages, extremes, bounds = _from_episodes(name, present, context)
    for text, expected in ((EXACT, exact), (AVERAGED, averages), (EXTREME, extremes)):
        if all(_fits(entry[q].values, *expected[q]).all() for q in present):
            return text
    for q in present:
        value, tolerance = exact[q]
        low, high = bounds[q]
        inside = (name not in LEROBOT_COLUMNS and not is_stale) & (entry[q].values >= low) & (entry[q].values <= high)
        differs = ~_fits(entry[q].values, value, tolerance)
        for code, severity, wrong in (
            (Code.MIXED_QUANTILES, Severity.WARNING, inside & differs),
            (Code.STATS_STALE, context.severity(name), ~inside & differs),
        ):
            stored = entry[q].values
            context.tally.deviation(code, severity, block.place, None, name, q, wrong, stored, value, tolerance)
    return None


def _fits(stored: Floats, value: Floats, tolerance: Floats) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return (np.abs(stored - value) <= tolerance) | (np.isnan(value) & np.isnan(stored))


def _from_episodes(
    name: str, quantiles: list[str], context: Context
) -> tuple[_Expected, _Expected, dict[str, tuple[Floats, Floats]]]:
    """Return what the two definitions over episodes give, and the range of the episodes' quantiles."""
    store = context.measurement.episodes
    used = store.counts(name) > 0
    counts = store.counts(name)[used]
    weights = (counts / counts.sum())[:, None]
    low, high = (store.statistic(name, key)[used] for key in ("min", "max"))
    scale = Scale(low, high, np.zeros_like(low), counts[:, None])
    averages: _Expected = {}
    extremes: _Expected = {}
    bounds = {}
    for q in quantiles:
        values = store.statistic(name, q)[used]
        tolerances = scale.quantile_tolerance(store.statistic(name, gap_name(q))[used])
        averages[q] = ((values * weights).sum(axis=0)[None], (tolerances * weights).sum(axis=0)[None])
        widest = tolerances.max(axis=0)[None]
        extreme = values.min(axis=0) if QUANTILES[q] <= 0.5 else values.max(axis=0)
        extremes[q] = (extreme[None], widest)
        bounds[q] = (values.min(axis=0)[None] - widest, values.max(axis=0)[None] + widest)
    return averages, extremes, bounds
