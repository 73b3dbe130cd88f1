"""The rows of one episode that tell how the robot moved, what is usual in the dataset, and what is doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lerotool.dataset.dataset import Dataset
from lerotool.features import ACTION, STATE, Feature, Kind
from lerotool.findings import Code

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_ROWS_AT_A_TIME = 1 << 16
_SAMPLE = 1 << 15
_OUTSIDE = 0.005
"""Share of the values at each end that the usual width leaves out: a glitch does not set the scale for glitches."""
_LEAST_SHARE = 0.1
"""A joint that rests is measured by this share of the upper quartile of the widths: noise is not motion."""
_UPPER = 0.75
_FEW_VALUES = 10
"""With so few values or less a dimension is a switch, and jumps."""


@dataclass(frozen=True, slots=True)
class Case:
    """One doubtful thing in one episode."""

    code: Code  # what it is
    episode: int  # its number
    size: float  # how much of it; of several cases the largest is shown
    text: str  # the same in words, with its unit
    feature: str = ""  # that it is about, "" if it is about the episode
    dimension: str = ""  # label of the joint, "" if it is about all


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """One episode."""

    episode: int  # its number
    fps: float  # rows a second
    values: Mapping[str, Floats]  # by feature (`STATE`, `ACTION`, as far as there are), (n, d), all finite

    def __len__(self) -> int:
        return max((len(rows) for rows in self.values.values()), default=0)


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """What is usual in the dataset, by feature, (d,) each."""

    low: Mapping[str, Floats]  # smallest value
    high: Mapping[str, Floats]  # largest value
    # Of what 99 % of the values span, of joints that rest a tenth of what is usual for others.
    width: Mapping[str, Floats]
    rests: Mapping[str, Flags]  # which dimensions hardly move in the whole dataset
    is_switch: Mapping[str, Flags]  # which dimensions have a few values only


@dataclass(frozen=True, slots=True)
class Joints:
    """Which dimensions of state and action are the same joint."""

    labels: tuple[str, ...]  # of each pair
    state: tuple[int, ...]  # places in the state
    action: tuple[int, ...]  # places in the action, of the same pairs


def motion_features(dataset: Dataset) -> tuple[str, ...]:
    """Return the features that tell how the robot moves."""
    return tuple(
        name for name in (STATE, ACTION) if name in dataset.features and dataset.features[name].kind is Kind.NUMERIC
    )


def labels_of(feature: Feature) -> tuple[str, ...]:
    """Return what the dimensions are called: names, else numbers."""
    return feature.dimension_names or tuple(str(place) for place in range(int(np.prod(feature.shape))))


def joints_of(dataset: Dataset) -> Joints:
    """Pair the dimensions of state and action: by name, or by place where one has no names."""
    names = motion_features(dataset)
    if len(names) < 2:
        return Joints((), (), ())
    state, action = (dataset.features[name] for name in names)
    if state.dimension_names is None or action.dimension_names is None:
        if state.shape != action.shape:
            return Joints((), (), ())
        labels = labels_of(action if state.dimension_names is None else state)
        places = tuple(range(len(labels)))
        return Joints(labels, places, places)
    where = {label: place for place, label in enumerate(action.dimension_names)}
    pairs = [(label, place, where[label]) for place, label in enumerate(state.dimension_names) if label in where]
    return Joints(*(tuple(column) for column in zip(*pairs, strict=True))) if pairs else Joints((), (), ())


def motions(dataset: Dataset, names: tuple[str, ...]) -> Iterator[Motion]:
    """Yield the episodes in order; one with values that are not finite has no rows."""
    starts = dataset.episodes.starts
    first = 0
    while first < dataset.num_episodes:
        beyond = int(np.searchsorted(starts, starts[first] + _ROWS_AT_A_TIME, side="right")) - 1
        last = min(max(beyond, first + 1), dataset.num_episodes)
        block = {name: _flat(dataset.numpy(name, int(starts[first]), int(starts[last]))) for name in names}
        for number in range(first, last):
            a, b = int(starts[number] - starts[first]), int(starts[number + 1] - starts[first])
            rows = {name: values[a:b] for name, values in block.items()}
            is_finite = all(np.isfinite(values).all() for values in rows.values())
            yield Motion(number, float(dataset.fps), rows if is_finite and b > a else {})
        first = last


def usual(dataset: Dataset, names: tuple[str, ...]) -> Usual:
    """Measure what is usual; raises like `motions`."""
    stride = max(1, dataset.num_frames // _SAMPLE)
    sampled: dict[str, list[Floats]] = {name: [] for name in names}
    low: dict[str, Floats] = {}
    high: dict[str, Floats] = {}
    for motion in motions(dataset, names):
        for name, rows in motion.values.items():
            low[name] = np.minimum(low[name], rows.min(axis=0)) if name in low else rows.min(axis=0)
            high[name] = np.maximum(high[name], rows.max(axis=0)) if name in high else rows.max(axis=0)
            sampled[name].append(rows[:: min(stride, len(rows))])
    samples = {name: np.concatenate(parts) for name, parts in sampled.items() if parts}
    spans = {name: _span(rows) for name, rows in samples.items()}
    least = {name: float(_LEAST_SHARE * np.quantile(span, _UPPER)) for name, span in spans.items()}
    return Usual(
        low,
        high,
        {name: np.maximum(span, least[name]) for name, span in spans.items()},
        {name: span <= least[name] for name, span in spans.items()},
        {name: _is_switch(rows) for name, rows in samples.items()},
    )


def _span(rows: Floats) -> Floats:
    low, high = np.quantile(rows, [_OUTSIDE, 1 - _OUTSIDE], axis=0)
    span: Floats = high - low
    return span


def _is_switch(rows: Floats) -> Flags:
    return np.array([len(np.unique(column)) <= _FEW_VALUES for column in rows.T], bool)


def _flat(values: npt.NDArray[np.generic]) -> Floats:
    return values.reshape(len(values), -1).astype(np.float64)


ODD_DEVIATIONS = 3.5
"""Robust standard deviations beyond which a value is odd: the bound of Iglewicz and Hoaglin (1993)."""
_ROBUST = 1.4826
"""Standard deviation of a normal distribution by its median absolute deviation."""


def deviations(values: Floats, least: float) -> tuple[Floats, Floats]:
    """Return how far values are from their median, as they are and in robust standard deviations of ``least`` or more.

    Where all are alike, ``least`` is what makes no difference.
    """
    away = values - np.median(values)
    return away, away / max(_ROBUST * float(np.median(np.abs(away))), least)
