"""What a repair will do and what it leaves alone: values only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.checking.codes import Code
from lerotool.checking.findings import Finding, Report


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a repair does.

    Attributes:
        codes: findings that it mends.
        file: that it changes or moves away, relative to the dataset.
        text: what happens.
    """

    codes: tuple[Code, ...]
    file: str
    text: str

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
    before: Report
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
        plan: what it was to do.
        after: what is wrong with the dataset now.
        kept: the folder with the files as they were; None where none was changed.
    """

    plan: RepairPlan
    after: Report
    kept: Path | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        kept = None if self.kept is None else str(self.kept)
        return {**self.plan.to_json(), "after": self.after.to_json(), "kept": kept}
