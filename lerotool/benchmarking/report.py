"""A finished run, and the file it is kept in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lerotool.benchmarking.figures import Basis, Better, Failure, Figure, Found
from lerotool.errors import MetadataError

SCHEMA = 1
"""Version of the file; fields are only ever added."""
KIND = "lerotool benchmark"


@dataclass(frozen=True, slots=True)
class Report:
    """A run.

    Attributes:
        created: when, ISO 8601 with time zone.
        effort: how much was done.
        machine: on what, in words.
        versions: of the packages that matter.
        settings: what was measured with, in words.
        seconds: that it took.
        found: figures and failures.
        advice: what follows for this machine, in words, the flags to use among them.
    """

    created: str
    effort: str
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    seconds: float
    found: Found
    advice: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for files."""
        return {
            "schema": SCHEMA,
            "kind": KIND,
            "created": self.created,
            "effort": self.effort,
            "seconds": round(self.seconds, 1),
            "machine": self.machine,
            "versions": self.versions,
            "settings": self.settings,
            "figures": [_plain(figure) for figure in self.found],
            "failures": [{"group": f.group, "case": f.case, "reason": f.reason} for f in self.found.failures],
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


class _FailureEntry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    group: str
    case: str
    reason: str


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
    failures: list[_FailureEntry]
    advice: list[str]


def load_report(path: Path) -> Report:
    """Read what ``lerotool benchmark --json`` has printed.

    Raises:
        MetadataError: it is something else.
        OSError: it cannot be read.
    """
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
            f"{path}: is no JSON", hint="compare files that lerotool benchmark --json has written"
        ) from None
    found = Found(failures=[Failure(f.group, f.case, f.reason) for f in document.failures])
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
    )
