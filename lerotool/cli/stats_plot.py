"""``lerotool stats --plot``: distributions and the spread of the episodes, drawn with matplotlib."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.errors import UsageError
from lerotool.statistics.report import FeatureReport
from lerotool.wording import one_line

_MOST_DIMENSIONS = 64
_ROW_INCHES = 1.1


def check_plotting() -> None:
    """Say so before any work when plotting cannot be done."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("--plot needs matplotlib", hint="pip install matplotlib")


def plot_features(reports: Sequence[FeatureReport], title: str, path: Path) -> None:
    """Draw one row for each dimension: left the distribution, right each episode's min, q10 to q90, median and max."""
    from matplotlib.figure import Figure

    rows = [(report, place) for report in reports if report.bars is not None for place in range(len(report.labels))]
    if not rows:
        raise UsageError("there is nothing to plot", hint="name numeric features, or measure cameras with --images")
    if len(rows) > _MOST_DIMENSIONS:
        title = f"{title} (first {_MOST_DIMENSIONS} of {len(rows)} dimensions)"
        rows = rows[:_MOST_DIMENSIONS]
    figure: Any = Figure(figsize=(11, 0.9 + _ROW_INCHES * len(rows)), layout="constrained")
    figure.suptitle(one_line(title), parse_math=False)
    axes = figure.subplots(len(rows), 2, squeeze=False, width_ratios=(2, 3))
    for (left, right), (report, place) in zip(axes, rows, strict=True):
        _draw_distribution(left, report, place)
        _draw_episodes(right, report, place)
    axes[-1][0].set_xlabel("lines: q01 and q99", fontsize=8)
    axes[-1][1].set_xlabel("episode: min to max, q10 to q90, line: median", fontsize=8)
    try:
        figure.savefig(path)
    except ValueError as error:
        raise UsageError(f"{path}: {error}", hint="end the file name with .png, .svg or .pdf") from None


def _draw_distribution(axis: Any, report: FeatureReport, place: int) -> None:
    assert report.bars is not None
    low, high = report.statistic("min")[place], report.statistic("max")[place]
    bars = report.bars[place]
    name = f"{report.name} {report.labels[place]}".strip()
    axis.set_title(one_line(name), fontsize=8, loc="left", parse_math=False)
    axis.tick_params(labelsize=7)
    axis.set_yticks([])
    if np.isfinite(low) and np.isfinite(high):
        width = (high - low or 1.0) / len(bars)
        axis.bar(low + width * np.arange(len(bars)), bars, width, align="edge", color="#4477aa")
        for quantile in ("q01", "q99"):
            axis.axvline(report.statistic(quantile)[place], color="#cc6677", linewidth=0.8)


def _draw_episodes(axis: Any, report: FeatureReport, place: int) -> None:
    axis.tick_params(labelsize=7)
    if report.episodes is None:
        return
    values = {n: report.episodes.statistic(n)[:, place] for n in ("min", "q10", "q50", "q90", "max")}
    edges = np.arange(len(report.episodes) + 1) - 0.5
    axis.stairs(values["max"], edges, baseline=values["min"], fill=True, color="#4477aa", alpha=0.2)
    axis.stairs(values["q90"], edges, baseline=values["q10"], fill=True, color="#4477aa", alpha=0.4)
    axis.stairs(values["q50"], edges, baseline=None, color="#4477aa", linewidth=0.8)
    axis.locator_params(axis="x", integer=True)
