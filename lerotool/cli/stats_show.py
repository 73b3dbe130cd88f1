"""How statistics are shown: lines for people, values for machines."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.text import Text

from lerotool.cli.output import Output
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
