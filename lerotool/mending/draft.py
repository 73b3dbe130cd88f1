"""A repair while it is planned: what is to be done, which findings that mends, and why others stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lerotool.checking.check import Sight
from lerotool.checking.report import CheckReport
from lerotool.dataset.info import DatasetInfo
from lerotool.findings import Code, Finding, Remedy, Severity, ordered
from lerotool.mending.rebuilding import Rebuilt
from lerotool.mending.repair_plan import RepairPlan, Step
from lerotool.rewriting.restoration import Restoration


@dataclass(slots=True, eq=False)
class Draft:
    """A repair while it is planned."""

    report: CheckReport  # what is wrong with the dataset
    sight: Sight  # what was read of it
    tasks: dict[int, str]  # texts by number, as they will be
    steps: list[Step] = field(default_factory=list)  # what is to be done, for people
    why: dict[Code, str] = field(default_factory=dict)  # findings that stay, and why
    info_changes: dict[str, Any] = field(default_factory=dict)  # entries of ``info.json`` that become others
    info: DatasetInfo | None = None  # ``info.json`` as it will be; None and the next ones: it stays as it is
    new_tasks: Sequence[str] | None = None  # texts by number, where they are written
    stats: Mapping[str, Any] | None = None  # the document of ``stats.json``
    moved: dict[Path, Path] = field(default_factory=dict)  # files that get other places
    removed: list[Path] = field(default_factory=list)  # what leaves
    rebuilt: Rebuilt | None = None  # what the dataset holds, if its rows or its episode table are rewritten
    _mended: set[Finding] = field(default_factory=set)

    @property
    def root(self) -> Path:
        """The dataset."""
        return self.sight.root

    def name(self, path: Path) -> str:
        """Return a path as findings and steps have it."""
        return path.relative_to(self.root).as_posix()

    def found(self, *codes: Code) -> list[Finding]:
        """Return the findings with one of these codes."""
        return [finding for finding in self.sight.found if finding.code in codes]

    def add(self, codes: tuple[Code, ...], file: str, text: str, *findings: Finding) -> None:
        """Note a step, which mends some findings; without them, all that have one of the codes."""
        self.steps.append(Step(codes, file, text))
        self.mend(findings or self.found(*codes))

    def mend(self, findings: Iterable[Finding]) -> None:
        """Note findings that a step mends."""
        self._mended.update(findings)

    def leave(self, codes: Iterable[Code], why: str) -> None:
        """Note why findings stay."""
        self.why |= dict.fromkeys(codes, why)

    def plan(self) -> RepairPlan:
        """Return what is to be done and what stays."""
        unmended = ordered(finding for finding in self.sight.found if finding not in self._mended)
        left = [(finding, self._reason(finding)) for finding in unmended]
        left = [(f, why) for f, why in left if f.severity is not Severity.NOTE or f.code in self.why]
        return RepairPlan(self.root, self.report, tuple(self.steps), tuple(left))

    def restoration(self) -> Restoration:
        """Return what is to be done for those who do it."""
        tables = None if self.rebuilt is None else self.rebuilt.tables
        return Restoration(self.root, self.info, tables, self.new_tasks, self.stats, self.moved, self.removed)

    def _reason(self, finding: Finding) -> str:
        if finding.code in self.why:
            return self.why[finding.code]
        if finding.remedy in (Remedy.STATS, Remedy.ENCODE):
            return finding.remedy.value
        return finding.advice or "this cannot be repaired"
