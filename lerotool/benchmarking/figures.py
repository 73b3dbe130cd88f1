"""What a benchmark finds: figures with all their repeats, a whole run and its file, and two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lerotool.errors import MetadataError

SCHEMA = 1
"""Version of a run's file; fields are only ever added."""
NOISE = 0.1
"""Differences up to this share say nothing, however well they repeat: machines are not quieter."""
_SMALLEST = {"s": 0.05, "ms": 0.5, "ms/frame": 0.05, "MB": 0.5}
"""Differences up to this much, by unit, matter to nobody: half of nothing is nothing."""


class Better(StrEnum):
    """Which way a figure is better."""

    LESS = "less"
    MORE = "more"
    ZERO = "zero"
    """It must be zero."""
    NEITHER = "neither"


class Basis(StrEnum):
    """Where a figure comes from."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    """Calculated from others that were measured in the same run."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity."""

    __pydantic_config__: ClassVar = {"extra": "ignore", "allow_inf_nan": False}

    group: str  # what kind of work, such as ``recording``
    case: str  # which of it, such as ``batch 5``
    name: str  # what was measured, such as ``wait per take``
    unit: str  # of the values
    values: Annotated[tuple[float, ...], Field(min_length=1)]  # one for each repeat
    better: Better = Better.LESS  # which way it is better
    basis: Basis = Basis.MEASURED  # whether it was measured

    @property
    def key(self) -> tuple[str, str, str]:
        """What the figure is, the same in every run."""
        return self.group, self.case, self.name

    @property
    def typical(self) -> float:
        """The median of the repeats."""
        return float(median(self.values))

    @property
    def spread(self) -> float:
        """Largest less smallest, as a share of the median; 0 for a single value."""
        size = abs(self.typical)
        return (max(self.values) - min(self.values)) / size if size else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for files."""
        return {
            "group": self.group,
            "case": self.case,
            "name": self.name,
            "unit": self.unit,
            "better": str(self.better),
            "basis": str(self.basis),
            "median": self.typical,
            "min": min(self.values),
            "max": max(self.values),
            "spread": self.spread,
            "values": list(self.values),
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be measured because what was to be measured failed."""

    group: str
    case: str
    reason: str


@dataclass(slots=True)
class Found:
    """What has been found so far, in the order in which it was."""

    figures: dict[tuple[str, str, str], Figure] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, found: Iterable[Figure | Failure]) -> None:
        """Take in what was found; a figure that is there already gets further repeats."""
        for one in found:
            if isinstance(one, Failure):
                self.failures.append(one)
                continue
            known = self.figures.get(one.key)
            self.figures[one.key] = replace(one, values=(*known.values, *one.values)) if known else one

    def __iter__(self) -> Iterator[Figure]:
        return iter(self.figures.values())

    def get(self, group: str, case: str, name: str) -> Figure | None:
        """Return a figure, or None if it is not there."""
        return self.figures.get((group, case, name))

    def typical(self, group: str, case: str, name: str) -> float | None:
        """Return a figure's median, or None if it is not there."""
        figure = self.get(group, case, name)
        return figure.typical if figure else None

    def cases(self, group: str) -> list[str]:
        """Return the cases of a group, in order."""
        return list(dict.fromkeys(figure.case for figure in self if figure.group == group))

    @property
    def groups(self) -> list[str]:
        """All groups, in order."""
        return list(dict.fromkeys(figure.group for figure in self))


class PlanEntry(BaseModel):
    """What was planned after a first measurement."""

    model_config = ConfigDict(frozen=True)

    expected_s: float  # about how long the run takes, without LeRobot
    peer_s: float
    limit_s: float | None  # what it must not take longer than; None with --quick and --full
    left_out: tuple[str, ...]  # parts and steps for which there was no time
    words: str


class Report(BaseModel):
    """A run, as its file has it."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    version: Annotated[int, Field(alias="schema", ge=1, le=SCHEMA)]
    kind: Literal["lerotool benchmark"]
    created: str  # when, ISO 8601 with time zone
    effort: str
    seconds: float
    plan: PlanEntry | None = None  # what was planned; None in files of earlier versions
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    figures: tuple[Figure, ...]
    failures: tuple[Failure, ...]
    advice: tuple[str, ...]

    @cached_property
    def found(self) -> Found:
        """The figures and failures."""
        found = Found()
        found.add((*self.figures, *self.failures))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for files."""
        figures = [figure.to_json() for figure in self.figures]
        return self.model_dump(mode="json", by_alias=True) | {"seconds": round(self.seconds, 1), "figures": figures}


def load_report(path: Path) -> Report:
    """Read what ``lerotool benchmark --json`` has printed."""
    try:
        return Report.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['msg']}"
    except (ValueError, RecursionError):  # no JSON, or no UTF-8
        problem = "is not JSON"
    raise MetadataError(f"{path}: {problem}", hint="compare files that lerotool benchmark --json has written")


class Verdict(StrEnum):
    """How a figure has changed from the first run to the second."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    """Within the spread of the repeats, or within 10 %."""
    OTHER = "other"
    """Neither better nor worse, or missing in one of the runs."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both runs; one of them may lack it."""

    before: Figure | None  # in the first
    after: Figure | None  # in the second
    verdict: Verdict

    @property
    def figure(self) -> Figure:
        """What it is about."""
        figure = self.after or self.before
        assert figure is not None
        return figure

    @property
    def ratio(self) -> float | None:
        """The second median by the first."""
        if self.before is None or self.after is None or not self.before.typical:
            return None
        return self.after.typical / self.before.typical


def compare(before: Report, after: Report) -> list[Change]:
    """Return every figure that one of two runs has, in the order of the first."""
    changes = []
    for key in dict.fromkeys([*before.found.figures, *after.found.figures]):
        old, new = before.found.figures.get(key), after.found.figures.get(key)
        changes.append(Change(old, new, _judge(old, new)))
    return changes


def differences(before: Report, after: Report) -> Iterator[str]:
    """Yield what makes two runs hard to compare: another machine, other sizes."""
    sides = (("machine", before.machine, after.machine), ("setting", before.settings, after.settings))
    for kind, old, new in sides:
        for name in dict.fromkeys([*old, *new]):
            if name != "load before" and old.get(name) != new.get(name):
                yield f"{kind}, {name}: {old.get(name, 'unknown')} and {new.get(name, 'unknown')}"
    if before.effort != after.effort:
        yield f"effort: {before.effort} and {after.effort}"


def _judge(old: Figure | None, new: Figure | None) -> Verdict:
    if old is None or new is None or new.better is Better.NEITHER or old.unit != new.unit:
        return Verdict.OTHER
    difference = new.typical - old.typical
    size = max(abs(old.typical), abs(new.typical))
    if new.better is Better.ZERO:
        threshold = 0.0
    else:
        threshold = max(NOISE * min(abs(old.typical), abs(new.typical)), _SMALLEST.get(new.unit, 0.0))
        if _overlap(old, new):
            threshold = size
    if abs(difference) <= threshold:
        return Verdict.SAME
    is_more = difference > 0
    return Verdict.BETTER if is_more == (new.better is Better.MORE) else Verdict.WORSE


def _overlap(old: Figure, new: Figure) -> bool:
    """Whether repeats of one lie among those of the other; single values tell nothing about that."""
    if len(old.values) < 2 and len(new.values) < 2:
        return False
    return min(old.values) <= max(new.values) and min(new.values) <= max(old.values)
