"""Gathers findings while a dataset is looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from lerotool.checking.columns import Problem
from lerotool.errors import LerotoolError
from lerotool.findings import Code, Finding, FindingPlace, Loading


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
