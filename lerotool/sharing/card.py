"""The dataset's card, ``README.md`` on the Hub: facts between two marks, and what people wrote, which stays.

The facts are only what the dataset itself tells.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel, NonNegativeFloat, NonNegativeInt, ValidationError

from lerotool.checking import CheckReport, Severity
from lerotool.dataset.dataset import Dataset
from lerotool.errors import MetadataError
from lerotool.features import picture_size
from lerotool.wording import counted, one_line, sized

BEGIN = "<!-- lerotool: facts, written at every push -->"
END = "<!-- lerotool: end of facts -->"
_FRONT = re.compile(r"\A---[ \t]*\r?\n(?P<head>.*?)(?:^|\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FACTS = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_TAGS = ("LeRobot",)
_TASKS_SHOWN = 20
_SECONDS_PER_HOUR = 3600
_CONFIGS = [{"config_name": "default", "data_files": "data/*/*.parquet"}]


@dataclass(frozen=True, slots=True)
class Card:
    """A card: its metadata, and its text."""

    head: Mapping[str, Any]  # the metadata, as the Hub reads them
    text: str  # Markdown

    @classmethod
    def parse(cls, data: bytes, place: str) -> Card:
        """Read a card."""
        try:
            text = data.decode("utf-8-sig")
            front = _FRONT.match(text)
            head = yaml.safe_load(front["head"]) if front else {}
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            problem = " ".join(str(error).split())
            raise MetadataError(
                f"{place}: the card cannot be read: {problem}", hint="correct its first lines"
            ) from None
        if not isinstance(head or {}, dict):
            raise MetadataError(f"{place}: expected keys and values between the first two '---'", hint="correct them")
        return cls(head or {}, text[front.end() :] if front else text)

    @property
    def license(self) -> str | None:
        """The licence that the card states."""
        found = self.head.get("license")
        return None if found is None else str(found)

    def with_facts(self, title: str, facts: str, license_id: str | None) -> bytes:
        """Return the card with new facts; everything else in it stays."""
        head = dict(self.head)
        if license_id is not None:
            head["license"] = license_id
        head["task_categories"] = _with(head.get("task_categories"), ("robotics",))
        head["tags"] = _with(head.get("tags"), _TAGS)
        head.setdefault("configs", _CONFIGS)
        block = f"{BEGIN}\n\n{facts}\n\n{END}"
        if _FACTS.search(self.text):
            text = _FACTS.sub(lambda _: block, self.text, count=1)
        elif self.text.strip():
            text = f"{self.text.rstrip()}\n\n{block}\n"
        else:
            text = f"# {title}\n\n{block}\n"
        front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)
        return f"---\n{front}---\n\n{text.lstrip()}".encode()


def _with(found: object, wanted: tuple[str, ...]) -> list[Any]:
    """Return a list of the card with what must be in it, whatever it was before."""
    kept = list(found) if isinstance(found, list) else [] if found is None else [found]
    known = {str(each).lower() for each in kept}
    return [*kept, *(each for each in wanted if each.lower() not in known)]


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
            height, width, _ = picture_size(feature)
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
