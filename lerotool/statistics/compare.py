"""Stored statistics compared with measured ones, each within the tolerance of its definition.

A dataset's quantiles have been taken of all its values, or from those of its episodes in one of two ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lerotool.checking.stored import StoredBlock, StoredValues
from lerotool.choices import Frames
from lerotool.dataset.dataset import Dataset
from lerotool.features import DEFAULT_FEATURES, Feature, Kind, picture_size
from lerotool.findings import Code, Severity
from lerotool.moments import QUANTILES, Floats, gap_name, sampled_frames, shrink_step
from lerotool.statistics.measure import Measurement
from lerotool.statistics.sampling import Sampling
from lerotool.statistics.segments import OVERFLOWN_STD, Segments, values_pooled
from lerotool.statistics.tally import Flags, Tally, severity_of
from lerotool.statistics.tolerance import Scale, picture_tolerance

_PIXELS = np.array([[2**40]])
"""Rows that are summed for a camera: many."""
_PLAIN = ("min", "max", "mean", "std")
Ints = npt.NDArray[np.int64]

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

    def tells_quantiles(self, feature: str) -> bool:
        """Return whether a feature's quantiles can be compared: not those of pictures encoded or sampled otherwise."""
        kind = self.dataset.features[feature].kind
        return kind is Kind.NUMERIC or (kind is Kind.IMAGE and self.sampling.rule is Frames.LEROBOT)


def _scale(segments: Segments, summed: Ints) -> Scale:
    """Return what the tolerances of segments depend on; ``summed`` is (n, 1) or (1, 1)."""
    low, high, std = (segments.statistic(name) for name in ("min", "max", "std"))
    return Scale(low, high, std, summed)


def compare_episodes(block: StoredBlock, context: Context) -> None:
    """Compare what is stated about some episodes with what they contain."""
    assert block.first is not None
    for name in context.measurement.episodes.names:
        segments = context.measurement.episodes.segments(name, block.first, block.first + block.rows)
        lengths = context.dataset.episodes.lengths[block.first : block.first + block.rows]
        _, is_other = _compare(name, block, segments, lengths, lengths[:, None], context)
        if is_other or not context.tells_quantiles(name):
            continue
        scale = _scale(segments, lengths[:, None])
        for statistic in (q for q in QUANTILES if q in block.entries.get(name, {})):
            tolerance = scale.quantile_tolerance(segments.statistic(gap_name(statistic)))
            _note_stale(name, statistic, block, segments, tolerance, context)


def compare_dataset(block: StoredBlock, context: Context) -> dict[str, str]:
    """Compare what is stated about the dataset with what it contains.

    Returns by feature, how its quantiles have been taken, where they are there and right.
    """
    definitions = {}
    longest = np.array([[context.dataset.episodes.lengths.max(initial=0)]])
    if not context.dataset.version.has_episode_statistics:
        longest[:] = context.dataset.num_frames
    total = np.array([context.dataset.num_frames])
    for name, measured in context.measurement.features.items():
        stats = measured.stats
        rows = [*stats.rows(), *map(np.ravel, measured.gaps.values()), _aggregated_overflow(name, context)]
        segments = Segments(np.stack(rows)[None], np.array([stats.count], np.int64))
        is_stale, is_other = _compare(name, block, segments, total, longest, context)
        if is_other or not context.tells_quantiles(name):
            continue
        definition = _compare_quantiles(name, block, segments, context, is_stale=is_stale)
        if definition is not None:
            definitions[name] = definition
    return definitions


def _aggregated_overflow(name: str, context: Context) -> Floats:
    """Return the overflown std (d,) of the dataset, as LeRobot adds up those of the episodes; NaN for columns."""
    if not context.dataset.features[name].is_camera:
        return np.full(context.measurement.features[name].stats.mean.size, np.nan)
    store = context.measurement.episodes
    used = (store.counts(name) > 0) & context.dataset.padding.pictures(name, 0, store.episodes)
    weights = (store.counts(name)[used] / store.counts(name)[used].sum())[:, None]
    mean = store.statistic(name, "mean")[used]
    total = (mean * weights).sum(axis=0)
    variance = store.statistic(name, OVERFLOWN_STD)[used] ** 2 + (mean - total) ** 2
    std: Floats = np.sqrt((variance * weights).sum(axis=0))
    return std


def _compare(
    name: str, block: StoredBlock, segments: Segments, lengths: Ints, summed: Ints, context: Context
) -> tuple[bool, bool]:
    """Compare all but the quantiles.

    Returns whether anything was stale, and whether it is a camera of which other frames were looked at.
    """
    is_stale = False
    entry = block.entries.get(name, {})
    feature = context.dataset.features[name]
    is_other = _compare_counts(name, feature, block, lengths, context)
    pooled = values_pooled(feature, context.dataset.version) if feature.kind is Kind.NUMERIC else 1
    scale = _scale(segments, _PIXELS if feature.is_camera else summed * pooled)
    for statistic in _PLAIN:
        if statistic not in entry:
            continue
        extra = _extra(feature, statistic, scale, context.sampling, is_other_sample=is_other)
        if extra is None:
            continue
        tolerance = scale.tolerance(statistic) + extra
        if statistic == "std" and _is_overflown(name, entry["std"], segments, block, tolerance, context):
            continue
        is_stale |= _note_stale(name, statistic, block, segments, tolerance, context)
    return is_stale, is_other


def _extra(
    feature: Feature, statistic: str, scale: Scale, sampling: Sampling, *, is_other_sample: bool
) -> Floats | float | None:
    if feature.kind is Kind.NUMERIC:
        return 0.0
    other = is_other_sample or sampling.rule is not Frames.LEROBOT
    extra = picture_tolerance(statistic, is_encoded=feature.kind is Kind.VIDEO, is_other_sample=other)
    if extra is None or not feature.is_depth:
        return extra
    return extra * np.maximum(scale.high - scale.low, 1.0)


def _note_stale(
    name: str, statistic: str, block: StoredBlock, segments: Segments, tolerance: Floats, context: Context
) -> bool:
    stored, expected = block.entries[name][statistic], segments.statistic(statistic)
    known = (stored.is_usable & (segments.counts > 0))[:, None] & np.isfinite(stored.values)
    with np.errstate(invalid="ignore"):
        differs = np.abs(stored.values - expected) > tolerance
    wrong = known & (differs | np.isnan(expected))
    context.tally.deviation(Code.STATS_STALE, severity_of(name), block, name, statistic, wrong, expected, tolerance)
    return bool(wrong.any())


def _compare_counts(name: str, feature: Feature, block: StoredBlock, lengths: Ints, context: Context) -> bool:
    """Note counts that cannot be; return whether a camera was sampled in another way than by LeRobot's rule."""
    stored = block.entries.get(name, {}).get("count")
    if stored is None:
        return False
    counts = np.nan_to_num(stored.values[:, 0], nan=-1.0)
    usable = stored.is_usable & (counts >= 1)
    if feature.kind is Kind.NUMERIC:
        wrong, text = usable & (counts != lengths), "frames"
    else:
        wrong, text = usable & ~_is_picture_count(counts, lengths, feature, block), "frames to choose from"
    example = f"count is {counts[wrong][0]:g}, there are {lengths[wrong][0]} {text}" if wrong.any() else ""
    context.tally.fault(Code.STATS_COUNT, severity_of(name), block, name, "count", wrong, example)
    return feature.is_camera and bool((usable & (counts != _sampled(name, lengths, block, context))).any())


def _is_picture_count(counts: Floats, lengths: Ints, feature: Feature, block: StoredBlock) -> Flags:
    """Return which counts are of some frames, or of the pixels of all, as LeRobot's streaming encoder counts."""
    height, width, _ = picture_size(feature)
    step = shrink_step(height, width)
    shrunk = -(-height // step) * -(-width // step)
    if block.first is None:  # sums of episodes that were counted in different ways
        return np.asarray(counts <= lengths * height * width)
    return np.asarray((counts <= lengths) | (counts == lengths * height * width) | (counts == lengths * shrunk))


def _sampled(name: str, lengths: Ints, block: StoredBlock, context: Context) -> Ints:
    if block.first is not None:
        return np.array([len(sampled_frames(int(length))) for length in lengths])
    every = context.dataset.episodes.lengths
    every = every[context.dataset.padding.pictures(name, 0, len(every))]
    different, how_often = np.unique(every[every > 0], return_counts=True)
    samples = [len(sampled_frames(int(length))) for length in different]
    return np.array([int((np.array(samples, np.int64) * how_often).sum())])


def _is_overflown(
    name: str, stored: StoredValues, segments: Segments, block: StoredBlock, tolerance: Floats, context: Context
) -> bool:
    """Note the std of cameras whose pixels were squared in 8 bits; return whether that explains all of them."""
    overflown, expected = segments.statistic(OVERFLOWN_STD), segments.statistic("std")
    usable = (stored.is_usable & (segments.counts > 0))[:, None] & np.isfinite(overflown)
    is_right = np.abs(stored.values - expected) <= tolerance
    is_bug = usable & ~is_right & (np.abs(stored.values - overflown) <= tolerance)
    if not is_bug.any() or not (is_bug | is_right | ~usable).all():
        return False
    context.tally.deviation(Code.STD_OVERFLOW, Severity.ERROR, block, name, "std", is_bug, expected, tolerance)
    return True


def _compare_quantiles(
    name: str, block: StoredBlock, segments: Segments, context: Context, *, is_stale: bool
) -> str | None:
    """Compare a dataset's quantiles with each of the definitions.

    Returns the first definition that fits all of them; None if there are none, or they fit no definition.
    """
    entry = block.entries.get(name, {})
    present = [q for q in QUANTILES if q in entry and entry[q].is_usable.all()]
    if not present:
        return None
    scale = _scale(segments, np.array([[1]]))
    exact = {q: (segments.statistic(q), scale.quantile_tolerance(segments.statistic(gap_name(q)))) for q in present}
    averages, extremes, bounds = _from_episodes(name, present, context)
    for text, expected in ((EXACT, exact), (AVERAGED, averages), (EXTREME, extremes)):
        if all(_fits(entry[q].values, *expected[q]).all() for q in present):
            return text
    for q in present:
        value, tolerance = exact[q]
        low, high = bounds[q]
        inside = (name not in DEFAULT_FEATURES and not is_stale) & (entry[q].values >= low) & (entry[q].values <= high)
        differs = ~_fits(entry[q].values, value, tolerance)
        for code, severity, wrong in (
            (Code.MIXED_QUANTILES, Severity.WARNING, inside & differs),
            (Code.STATS_STALE, severity_of(name), ~inside & differs),
        ):
            context.tally.deviation(code, severity, block, name, q, wrong, value, tolerance)
    return None


def _fits(stored: Floats, value: Floats, tolerance: Floats) -> Flags:
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
