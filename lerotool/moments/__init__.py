"""Exact statistics that can be merged, in pure numpy: the only statistics maths of lerotool.

All arithmetic is float64, whatever the dtype of the values (int64 beyond 2**53 is rounded to float64 first). A NaN
among the values of a dimension makes every statistic of that dimension NaN, as in numpy, and no warning is raised;
infinities follow IEEE arithmetic the same way. Quantiles are numpy's (``method="linear"``) on all values, not LeRobot's
5000-bin estimates, which differ by up to a bin. Sampling rules and shapes are LeRobot 0.6.1's (``compute_stats.py``).
"""

from __future__ import annotations

from lerotool.moments.feature_stats import (
    QUANTILES,
    REQUIRED_QUANTILES,
    STATISTICS,
    VALUES,
    FeatureStats,
    Floats,
    merge_columns,
    merge_stats,
)
from lerotool.moments.numbers import (
    GAPS,
    SEGMENT_COLUMNS,
    Moments,
    Pool,
    counting_stats,
    gap_name,
    interpolate,
    numeric_stats,
    quantile_ranks,
    segment_stats,
    segment_table,
    weighted_stats,
)
from lerotool.moments.pictures import DepthHistogram, PictureHistogram, picture_stats, sampled_frames, shrink_step

__all__ = [
    "GAPS",
    "QUANTILES",
    "REQUIRED_QUANTILES",
    "SEGMENT_COLUMNS",
    "STATISTICS",
    "VALUES",
    "DepthHistogram",
    "FeatureStats",
    "Floats",
    "Moments",
    "PictureHistogram",
    "Pool",
    "counting_stats",
    "gap_name",
    "interpolate",
    "merge_columns",
    "merge_stats",
    "numeric_stats",
    "picture_stats",
    "quantile_ranks",
    "sampled_frames",
    "segment_stats",
    "segment_table",
    "shrink_step",
    "weighted_stats",
]
