"""A finished run, the file it is kept in, and two runs side by side: what is faster, slower, or only looks so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lerotool.benchmarking.figures import Basis, Better, Failure, Figure, Found
from lerotool.errors import MetadataError

SCHEMA = 1
"""Version of the file; fields are only ever added."""
KIND = "lerotool benchmark"
NOISE = 0.1
"""Differences up to this share say nothing, however well they repeat: machines are not quieter."""
_SMALLEST = {"s": 0.05, "ms": 0.5, "ms/frame": 0.05, "MB": 0.5}
"""Differences up to this much, by unit, matter to nobody: half of nothing is nothing."""


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """What was planned after a first measurement."""

    expected_s: float  # about how long the run takes, without LeRobot
    peer_s: float
    limit_s: float | None  # what it must not take longer than; None with --quick and --full
    left_out: tuple[str, ...]  # parts and steps for which there was no time
    words: str


@dataclass(frozen=True, slots=True)
class Report:
    """A run."""

    created: str  # when, ISO 8601 with time zone
    effort: str
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    seconds: float
    found: Found
    advice: tuple[str, ...] = ()
    plan: PlanEntry | None = None  # what was planned; None in files of earlier versions

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for files."""
        return {
            "schema": SCHEMA,
            "kind": KIND,
            "created": self.created,
            "effort": self.effort,
            "seconds": round(self.seconds, 1),
            "plan": asdict(self.plan) if self.plan else None,
            "machine": self.machine,
            "versions": self.versions,
            "settings": self.settings,
            "figures": [_plain(figure) for figure in self.found],
            "failures": [asdict(failure) for failure in self.found.failures],
            "advice": list(self.advice),
        }


def _plain(figure: Figure) -> dict[str, Any]:
    return {
        "group": figure.group,
        "case": figure.case,
        "name": figure.name,
        "unit": figure.unit,
        "better": str(figure.better),
        "basis": str(figure.basis),
        "median": figure.typical,
        "min": min(figure.values),
        "max": max(figure.values),
        "spread": figure.spread,
        "values": list(figure.values),
    }


class _FigureEntry(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    group: str
    case: str
    name: str
    unit: str
    better: Better
    basis: Basis
    values: Annotated[list[float], Field(min_length=1)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    version: Annotated[int, Field(alias="schema", ge=1, le=SCHEMA)]
    kind: Literal["lerotool benchmark"]
    created: str
    effort: str
    seconds: float
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    figures: list[_FigureEntry]
    failures: list[Failure]
    advice: list[str]
    plan: PlanEntry | None = None


def load_report(path: Path) -> Report:
    """Read what ``lerotool benchmark --json`` has printed."""
    try:
        document = _Document.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "document"
        raise MetadataError(
            f"{path}: {place}: {first['msg']}", hint="compare files that lerotool benchmark --json has written"
        ) from None
    except (ValueError, RecursionError):  # no JSON, or no UTF-8
        raise MetadataError(
            f"{path}: is not JSON", hint="compare files that lerotool benchmark --json has written"
        ) from None
    found = Found(failures=document.failures)
    found.add(
        Figure(f.group, f.case, f.name, f.unit, tuple(f.values), better=f.better, basis=f.basis)
        for f in document.figures
    )
    return Report(
        document.created,
        document.effort,
        document.machine,
        document.versions,
        document.settings,
        document.seconds,
        found,
        tuple(document.advice),
        document.plan,
    )


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
