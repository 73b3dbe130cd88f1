"""How statistics are shown: lines for people, values for machines, and drawings by matplotlib."""

from __future__ import annotations

import csv
import importlib.util
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from rich.text import Text

from lerotool.cli.output import Output
from lerotool.errors import UsageError
from lerotool.moments import VALUES
from lerotool.statistics.report import FeatureReport, Source
from lerotool.wording import one_line

if TYPE_CHECKING:
    from lerotool.moments import Floats
    from lerotool.statistics.segments import Segments

_COLUMNS = ("min", "q01", "q10", "q50", "q90", "q99", "max", "mean", "std")
_NARROW = ("min", "q50", "max", "mean", "std")
_TINY = ("min", "q50", "max")
_EPISODE_COLUMNS = ("min", "q50", "max", "mean", "std")
_WIDTH = 10
_LABEL_WIDTH = 26
_SHOWN_BARS = 20
_WIDE = 140
_MEDIUM = 100
_LEVELS = " ▁▂▃▄▅▆▇█"
_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula."""
_PLAIN_LEVELS = " .:-=+*#%"


def features_text(reports: Sequence[FeatureReport], output: Output, *, with_episodes: bool) -> Text:
    """Return the statistics of every feature, a line for each dimension, as wide as there is room."""
    levels = _LEVELS if (output.results.encoding or "").lower().startswith("utf") else _PLAIN_LEVELS
    width = output.results.width if output.results.is_terminal else _WIDE
    columns = _COLUMNS if width >= _WIDE else _NARROW if width >= _MEDIUM else _TINY
    text = Text()
    for report in reports:
        for line in [*_lines(report, columns, levels), *(_episode_lines(report) if with_episodes else ())]:
            text.append_text(line).append("\n")
    text.right_crop(1)
    return text


def _lines(report: FeatureReport, columns: Sequence[str], levels: str) -> Iterator[Text]:
    source = "" if report.source is Source.MEASURED else ", as stored (--images measures)"
    heading = f"{report.name}  {report.dtype}, {report.count} frames{source}"
    yield Text(one_line(heading), style="bold")
    yield Text(f"  {'':<{_LABEL_WIDTH}}" + "".join(f"{name:>{_WIDTH}}" for name in columns), style="dim")
    for place, label in enumerate(report.labels):
        numbers = "".join(f"{_number(report.statistic(name)[place]):>{_WIDTH}}" for name in columns)
        bars = "" if report.bars is None else f"  {sparkline(report.bars[place].tolist(), levels)}"
        counts = report.counts
        fewer = "" if counts is None or counts[place] == report.count else f"  of {counts[place]} frames that have it"
        yield Text(f"  {_label(label):<{_LABEL_WIDTH}}{numbers}{bars}{fewer}".rstrip())


def _episode_lines(report: FeatureReport) -> Iterator[Text]:
    if report.episodes is None:
        return
    head = f"  {'episode':<9}{'frames':>7}  {'':<{_LABEL_WIDTH}}"
    yield Text(head + "".join(f"{name:>{_WIDTH}}" for name in _EPISODE_COLUMNS), style="dim")
    for episode, count in _measured_episodes(report.episodes):
        for place, label in enumerate(report.labels):
            values = [report.episodes.statistic(name)[episode, place] for name in _EPISODE_COLUMNS]
            numbers = "".join(f"{_number(value):>{_WIDTH}}" for value in values)
            first = f"{episode:<9}{count:>7}" if place == 0 else " " * 16
            yield Text(f"  {first}  {_label(label):<{_LABEL_WIDTH}}{numbers}".rstrip())


def _measured_episodes(episodes: Segments) -> Iterator[tuple[int, int]]:
    """Yield the numbers of the episodes that were measured, each with its frames."""
    return ((episode, count) for episode, count in enumerate(episodes.counts.tolist()) if count)


def sparkline(counts: Sequence[int], levels: str = _LEVELS, width: int = _SHOWN_BARS) -> str:
    """Return a small histogram: parts that hold anything are seen, however little it is."""
    size = len(counts) // width
    joined = [sum(counts[start : start + size]) for start in range(0, size * width, size)]
    most = max(joined, default=0)
    if not most:
        return ""
    steps = len(levels) - 1
    return "".join(levels[0 if not count else max(1, round(count / most * steps))] for count in joined)


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    text = f"{value:.4g}"
    return text if len(text) < _WIDTH else f"{value:.2e}"


def _label(label: str) -> str:
    text = one_line(label)
    return text if len(text) <= _LABEL_WIDTH else f"{text[: _LABEL_WIDTH - 3]}..."


def feature_document(report: FeatureReport) -> dict[str, Any]:
    """Return one feature for machines; what is not finite is null."""
    document: dict[str, Any] = {
        "dtype": report.dtype,
        "source": report.source.value,
        "dimensions": list(report.labels),
        "count": report.count,
        **{name: _finite(report.statistic(name)) for name in VALUES},
    }
    if report.counts is not None:
        document["counts"] = report.counts.tolist()
    if report.bars is not None:
        document["histogram"] = report.bars.tolist()
    if report.episodes is not None:
        document["episodes"] = [
            {"episode": episode, "count": count}
            | {name: _finite(report.episodes.statistic(name)[episode]) for name in VALUES}
            for episode, count in _measured_episodes(report.episodes)
        ]
    return document


def _finite(values: Floats) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def write_csv(reports: Iterable[FeatureReport], path: Path) -> None:
    """Write one row for each feature and dimension, and each episode where they are known; ``-`` is stdout."""
    if str(path) == "-":
        _write_rows(reports, sys.stdout)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        _write_rows(reports, file)


def _write_rows(reports: Iterable[FeatureReport], file: TextIO) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["feature", "dimension", "name", "episode", "count", *VALUES])
    for report in reports:
        name_cell, labels = _cell(report.name), [_cell(label) for label in report.labels]
        for place in range(len(labels)):
            values = [repr(float(report.statistic(name)[place])) for name in VALUES]
            count = report.count if report.counts is None else int(report.counts[place])
            writer.writerow([name_cell, place, labels[place], "", count, *values])
        if report.episodes is None:
            continue
        for episode, count in _measured_episodes(report.episodes):
            for place in range(len(labels)):
                values = [repr(float(report.episodes.statistic(name)[episode, place])) for name in VALUES]
                writer.writerow([name_cell, place, labels[place], episode, count, *values])


def _cell(name: str) -> str:
    """Return a name from a file that neither a terminal nor a spreadsheet acts on."""
    text = one_line(name)
    return f"'{text}" if text.startswith(_FORMULA) else text


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
