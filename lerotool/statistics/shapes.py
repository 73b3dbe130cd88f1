"""Which features have statistics, and what their dimensions are called."""

from __future__ import annotations

import math

from lerotool.dataset.formats import FormatVersion
from lerotool.features import Feature, Kind

LEROBOT_COLUMNS = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""The columns that LeRobot adds to every dataset: they number and time frames, and no policy normalises them."""


def dimensions(feature: Feature, version: FormatVersion) -> int:
    """Return how many values each statistic of a feature has."""
    return math.prod(version.statistics_shape(feature))


def values_pooled(feature: Feature, version: FormatVersion) -> int:
    """Return how many values of one frame of a column go into each dimension."""
    return math.prod(feature.shape) // dimensions(feature, version)


def dimension_labels(feature: Feature, version: FormatVersion) -> tuple[str, ...]:
    """Return what the dimensions are called: joint names, colours, or numbers, also where a name is empty."""
    count = dimensions(feature, version)
    if feature.kind is not Kind.NUMERIC:
        return ("r", "g", "b") if count == 3 else ("depth",) if count == 1 else tuple(map(str, range(count)))
    names = feature.dimension_names
    if names is not None and len(names) == count:
        return tuple(name or str(place) for place, name in enumerate(names))
    return ("",) if count == 1 else tuple(map(str, range(count)))
