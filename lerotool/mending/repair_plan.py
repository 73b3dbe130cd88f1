"""What a repair will do and what it leaves alone: values only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.checking.report import CheckReport
from lerotool.findings import Code, Finding


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a repair does."""

    codes: tuple[Code, ...]  # findings that it mends
    file: str  # that it changes or moves away, relative to the dataset
    text: str  # what happens

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"codes": [code.value for code in self.codes], "file": self.file, "text": self.text}


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """What a repair will do.

    Attributes:
        root: the dataset.
        before: what is wrong with it.
        steps: in order.
        left: findings that stay, each with why.
    """

    root: Path
    before: CheckReport
    steps: tuple[Step, ...]
    left: tuple[tuple[Finding, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "root": str(self.root),
            "before": self.before.to_json(),
            "steps": [step.to_json() for step in self.steps],
            "left": [{"code": f.code.value, "file": f.place.file, "text": f.text, "why": why} for f, why in self.left],
        }


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair has done.

    Attributes:
        plan: what it was to do; its findings that are left are those of now.
        left: what is wrong with the dataset now.
        kept: the folder with the files as they were; None where none was changed.
        lost: episodes that were left out.
    """

    plan: RepairPlan
    left: RepairPlan
    kept: Path | None
    lost: tuple[int, ...] = ()

    @property
    def after(self) -> CheckReport:
        """What is wrong with the dataset now."""
        return self.left.before
