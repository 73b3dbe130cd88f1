"""What checking a dataset finds: gathered while it is looked at, then values only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.errors import LerotoolError
from lerotool.findings import Advice, Code, Finding, FindingPlace, Loading, Remedy, Severity, count, loading_of


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a file, found by a job that knows nothing else."""

    code: Code  # what
    text: str  # found and expected
    column: str | None = None  # that it is about
    row: int | None = None  # first row in the file
    harms: Loading | None = None  # what LeRobot does about it, where that is not what the code says
    episodes: tuple[int, ...] = ()  # that it concerns


class Gathering:
    """The findings so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.findings: list[Finding] = []

    def add(
        self,
        code: Code,
        file: Path | str,
        text: str,
        *,
        episodes: Sequence[int] = (),
        row: int | None = None,
        column: str | None = None,
        harms: Loading | None = None,
        advice: str = "",
    ) -> None:
        """Note a finding; the first of several episodes is its place."""
        name = self.name(file) if isinstance(file, Path) else file
        place = FindingPlace(name, episodes[0] if episodes else None, row, column)
        self.findings.append(Finding(code, place, text, tuple(episodes), harms, advice))

    def add_error(self, code: Code, file: Path | str, error: LerotoolError, harms: Loading | None = None) -> None:
        """Note what reading a file has raised."""
        text = str(error)
        for prefix in (f"{file}: ", f"{str(file)!r}: ", f"{file}, ", f"{self.root}{os.sep}"):
            text = text.removeprefix(prefix)
        self.add(code, file, text, harms=harms)

    def add_problems(self, path: Path, problems: Iterable[Problem]) -> None:
        """Note what a job has found wrong with a file."""
        for found in problems:
            self.add(found.code, path, found.text, row=found.row, column=found.column, harms=found.harms)

    def has(self, *codes: Code) -> bool:
        """Whether one of some findings is there."""
        return any(finding.code in codes for finding in self.findings)

    def name(self, path: Path) -> str:
        """Return a path relative to the dataset."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


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
