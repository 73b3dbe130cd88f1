"""Stored statistics compared with measured ones, each within the tolerance of its definition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lerotool.choices import Frames
from lerotool.features import Feature, Kind, picture_size
from lerotool.findings import Code, Severity
from lerotool.moments import QUANTILES, Floats, sampled_frames, shrink_step
from lerotool.statistics.definitions import Context, compare_quantiles, gap_of, scale_of
from lerotool.statistics.sampling import Sampling
from lerotool.statistics.segments import OVERFLOWN_STD, Segments, values_pooled
from lerotool.statistics.stored import StoredBlock, StoredValues
from lerotool.statistics.tolerance import Scale, picture_tolerance

_PIXELS = np.array([[2**40]])
"""Rows that are summed for a camera: many."""
_PLAIN = ("min", "max", "mean", "std")


@dataclass(frozen=True, slots=True)
class _Compared:
    """Whether anything of a feature was stale, and whether it is a camera of which other frames were looked at."""

    is_stale: bool
    is_other_sample: bool


def compare_episodes(block: StoredBlock, context: Context) -> None:
    """Compare what is stated about some episodes with what they contain."""
    assert block.first is not None
    for name in context.measurement.episodes.names:
        segments = context.measurement.episodes.segments(name, block.first, block.first + block.rows)
        lengths = context.dataset.episodes.lengths[block.first : block.first + block.rows]
        found = _compare(name, block, segments, lengths, lengths[:, None], context)
        for statistic in QUANTILES if context.tells_quantiles(name) and not found.is_other_sample else ():
            stored = block.entries.get(name, {}).get(statistic)
            if stored is not None:
                tolerance = scale_of(segments, lengths[:, None]).quantile_tolerance(gap_of(segments, statistic))
                _note_stale(name, statistic, block, stored, segments, tolerance, context)


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
        found = _compare(name, block, segments, total, longest, context)
        if not context.tells_quantiles(name) or found.is_other_sample:
            continue
        definition = compare_quantiles(name, block, segments, context, is_stale=found.is_stale)
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
    name: str,
    block: StoredBlock,
    segments: Segments,
    lengths: npt.NDArray[np.int64],
    summed: npt.NDArray[np.int64],
    context: Context,
) -> _Compared:
    """Compare all but the quantiles."""
    is_stale = False
    entry = block.entries.get(name, {})
    feature = context.dataset.features[name]
    is_other = _compare_counts(name, feature, block, lengths, context)
    pooled = values_pooled(feature, context.dataset.version) if feature.kind is Kind.NUMERIC else 1
    scale = scale_of(segments, _PIXELS if feature.is_camera else summed * pooled)
    for statistic in _PLAIN:
        stored = entry.get(statistic)
        if stored is None:
            continue
        extra = _extra(feature, statistic, scale, context.sampling, is_other_sample=is_other)
        if extra is None:
            continue
        tolerance = scale.tolerance(statistic) + extra
        if statistic == "std" and _is_overflown(name, stored, segments, block, tolerance, context):
            continue
        is_stale |= _note_stale(name, statistic, block, stored, segments, tolerance, context)
    return _Compared(is_stale, is_other)


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
    name: str,
    statistic: str,
    block: StoredBlock,
    stored: StoredValues,
    segments: Segments,
    tolerance: Floats,
    context: Context,
) -> bool:
    expected = segments.statistic(statistic)
    known = (stored.is_usable & (segments.counts > 0))[:, None] & np.isfinite(stored.values)
    with np.errstate(invalid="ignore"):
        differs = np.abs(stored.values - expected) > tolerance
    wrong = known & (differs | np.isnan(expected))
    context.tally.deviation(
        Code.STATS_STALE,
        context.severity(name),
        block.place,
        block.first,
        name,
        statistic,
        wrong,
        stored.values,
        expected,
        np.broadcast_to(tolerance, expected.shape),
    )
    return bool(wrong.any())


def _compare_counts(
    name: str, feature: Feature, block: StoredBlock, lengths: npt.NDArray[np.int64], context: Context
) -> bool:
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
    context.tally.fault(
        Code.STATS_COUNT, context.severity(name), block.place, block.first, name, "count", wrong, example
    )
    return feature.is_camera and bool((usable & (counts != _sampled(name, lengths, block, context))).any())


def _is_picture_count(
    counts: Floats, lengths: npt.NDArray[np.int64], feature: Feature, block: StoredBlock
) -> npt.NDArray[np.bool_]:
    """Return which counts are of some frames, or of the pixels of all, as LeRobot's streaming encoder counts."""
    height, width, _ = picture_size(feature)
    step = shrink_step(height, width)
    shrunk = -(-height // step) * -(-width // step)
    if block.first is None:  # sums of episodes that were counted in different ways
        return np.asarray(counts <= lengths * height * width)
    return np.asarray((counts <= lengths) | (counts == lengths * height * width) | (counts == lengths * shrunk))


def _sampled(name: str, lengths: npt.NDArray[np.int64], block: StoredBlock, context: Context) -> npt.NDArray[np.int64]:
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
    tolerances = np.broadcast_to(tolerance, expected.shape)
    context.tally.deviation(
        Code.STD_OVERFLOW,
        Severity.ERROR,
        block.place,
        block.first,
        name,
        "std",
        is_bug,
        stored.values,
        expected,
        tolerances,
    )
    return True
