"""What a dataset's card says: only what the dataset itself tells."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import suppress

from pydantic import BaseModel, NonNegativeFloat, NonNegativeInt, ValidationError

from lerotool.checking import CheckReport, Severity
from lerotool.dataset.dataset import Dataset
from lerotool.wording import counted, one_line, sized

_TASKS_SHOWN = 20
_SECONDS_PER_HOUR = 3600


def facts(dataset: Dataset, repository: str, size: int, report: CheckReport | None) -> str:
    """Return the part of the card that is made from the dataset, in Markdown."""
    rows = [(name, value) for name, value in _rows(dataset, size, report) if value]
    table = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    parts = ["\n".join(table), _cameras(dataset), _tasks(dataset.tasks), _loading(dataset, repository)]
    return "\n\n".join(part for part in parts if part)


def _rows(dataset: Dataset, size: int, report: CheckReport | None) -> Iterator[tuple[str, str]]:
    yield "format", f"LeRobot {dataset.version.value}"
    yield "robot", _escaped(dataset.robot_type or "")
    yield "episodes", str(dataset.num_episodes)
    yield "frames", f"{dataset.num_frames} at {dataset.fps:g} fps ({_time(dataset.num_frames / dataset.fps)})"
    yield "length of an episode", _lengths(dataset)
    yield "size", sized(size)
    yield "measured while recording", _measured(dataset)
    yield "checked", _checked(report)


def _time(seconds: float) -> str:
    if seconds < _SECONDS_PER_HOUR:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / _SECONDS_PER_HOUR:.1f} h"


def _lengths(dataset: Dataset) -> str:
    lengths = [episode.length / dataset.fps for episode in dataset.episodes]
    if not lengths:
        return ""
    shortest, middle, longest = min(lengths), statistics.median(lengths), max(lengths)
    return f"{shortest:.1f} s to {longest:.1f} s, median {middle:.1f} s"


class _Report(BaseModel):
    """What a recorder measured of an episode, as far as the card says it."""

    rows: NonNegativeInt
    duration_s: NonNegativeFloat
    missed: NonNegativeInt = 0
    stale_rows: NonNegativeInt = 0


class _Recording(BaseModel):
    report: _Report


def _measured(dataset: Dataset) -> str:
    """Return what the recorder measured; nothing where it was not lerotool, or where episodes lack it."""
    reports = list(_reports(dataset))
    rows, time_s = sum(report.rows for report in reports), sum(report.duration_s for report in reports)
    if not rows or not time_s or len(reports) < dataset.num_episodes:
        return ""
    missed, stale = sum(report.missed for report in reports), sum(report.stale_rows for report in reports)
    return f"{rows / time_s:.2f} rows/s; {counted(missed, 'missed row')}, {counted(stale, 'stale row')}"


def _reports(dataset: Dataset) -> Iterator[_Report]:
    for path in sorted((dataset.root / "meta" / "lerotool" / "recordings").glob("chunk-*/file-*.jsonl")):
        for line in path.read_bytes().splitlines():
            with suppress(ValidationError):  # what is not ours says nothing
                yield _Recording.model_validate_json(line).report


def _checked(report: CheckReport | None) -> str:
    if report is None:
        return ""
    if not report.findings:
        return "`lerotool check` finds nothing"
    counts = {severity: report.count(severity) for severity in Severity}
    said = ", ".join(counted(count, severity.value) for severity, count in counts.items() if count)
    codes = sorted({finding.code.value for finding in report.findings})
    return f"`lerotool check`: {said} ({', '.join(codes)})"


def _cameras(dataset: Dataset) -> str:
    if not dataset.cameras:
        return ""
    lines = ["| camera | size | stored as |", "|---|---|---|"]
    for name in dataset.cameras:
        feature = dataset.features[name]
        height, width = feature.info.get("video.height"), feature.info.get("video.width")
        if not (height and width) and len(feature.shape) == 3:
            height, width = feature.shape[:2] if feature.shape[0] > 4 else feature.shape[1:]
        stored = " ".join(str(feature.info[key]) for key in ("video.codec", "video.pix_fmt") if key in feature.info)
        kind = "pictures in the rows" if feature.dtype == "image" else stored or "video"
        lines.append(
            f"| {_escaped(name)} | {width}x{height} | {_escaped(kind)}{', depth' if feature.is_depth else ''} |"
        )
    return "\n".join(lines)


def _tasks(tasks: Sequence[str]) -> str:
    if not tasks:
        return ""
    shown = [f"- {_escaped(task)}" for task in tasks[:_TASKS_SHOWN]]
    more = [f"- and {len(tasks) - _TASKS_SHOWN} more"] if len(tasks) > _TASKS_SHOWN else []
    return "\n".join([f"Tasks ({len(tasks)}):", "", *shown, *more])


def _loading(dataset: Dataset, repository: str) -> str:
    if dataset.version.has_files_of_episodes:
        return f"LeRobot 0.3 reads {dataset.version.value}; `lerotool merge` makes v3.0 of it."
    load = "from lerobot.datasets.lerobot_dataset import LeRobotDataset"
    return f'```python\n{load}\n\ndataset = LeRobotDataset("{repository}")\n```'


def _escaped(text: str) -> str:
    """Return a text from a file as text, whatever Markdown or HTML is in it."""
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{letter}" if letter in "\\`*_[]|#" else letter for letter in text)
