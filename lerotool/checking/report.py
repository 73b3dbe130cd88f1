"""What checking a dataset has found: values only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.findings import Advice, Code, Finding, Loading, Remedy, Severity, count, loading_of


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What checking a dataset has found.

    Attributes:
        root: the dataset.
        version: its format, None where it is unknown.
        episodes: how many there are, as far as is known.
        frames: likewise.
        findings: the worst first.
        advice: what to do about them, commands first; None where nobody has looked what can be done.
    """

    root: Path
    version: str | None
    episodes: int
    frames: int
    findings: tuple[Finding, ...]
    advice: tuple[Advice, ...] | None = None

    @property
    def loading(self) -> Loading:
        """What the LeRobot that reads this format does with the dataset; `RIGHT` also where there is none yet."""
        return loading_of(self.findings)

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found that is an error."""
        return not self.count(Severity.ERROR)

    @property
    def codes(self) -> frozenset[Code]:
        """What was found."""
        return frozenset(finding.code for finding in self.findings)

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return count(self.findings, severity)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; where there is advice, every remedy is a command that runs, or ``by hand``."""
        document: dict[str, Any] = {
            "root": str(self.root),
            "codebase_version": self.version,
            "episodes": self.episodes,
            "frames": self.frames,
            "loading": self.loading.value,
            "errors": self.count(Severity.ERROR),
            "warnings": self.count(Severity.WARNING),
            "notes": self.count(Severity.NOTE),
            "findings": [finding.to_json() for finding in self.findings],
        }
        if self.advice is None:
            return document
        commands = {code: found.command for found in self.advice if found.command for code in found.codes}
        texts = {code: found.text for found in self.advice if not found.command for code in found.codes}
        for entry in document["findings"]:
            entry["remedy"] = commands.get(entry["code"], Remedy.NONE.value)
            entry["advice"] = texts.get(entry["code"], "")
        return {**document, "advice": [found.to_json() for found in self.advice]}
