"""The plan of a merge: what comes from where, what differs and what is done about it. A value; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError, TargetExistsError
from lerotool.merging.differences import Difference, Verdict
from lerotool.merging.options import MergeOptions
from lerotool.rewriting.rewriting import Rewriting


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a merge will do, and what keeps it from being done."""

    target: Path  # the folder to make
    options: MergeOptions  # as they were given
    work: Rewriting  # what is carried out
    differences: tuple[Difference, ...]  # between the sources
    damage: tuple[str, ...]  # what is wrong with sources
    obstacle: TargetExistsError | None  # what keeps the target from being made
    notes: tuple[str, ...]  # what else the user should know

    @property
    def open_differences(self) -> tuple[Difference, ...]:
        """What a flag must settle first."""
        return tuple(d for d in self.differences if d.verdict is Verdict.OPEN)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that keeps the merge from being done."""
        obstacle = () if self.obstacle is None else (str(self.obstacle),)
        return (*obstacle, *self.damage, *map(str, self.open_differences))

    def check(self) -> None:
        """Make sure that the merge can be done."""
        problems = self.problems
        if not problems:
            return
        if self.obstacle is not None and len(problems) == 1:
            raise self.obstacle
        text = problems[0] if len(problems) == 1 else _listed(problems)
        if self.damage:
            raise CorruptDatasetError(text, hint="the same line with --dry-run shows the whole plan")
        raise IncompatibleDatasetError(text, hint="the same line with --dry-run shows the whole plan")


def _listed(problems: Sequence[str]) -> str:
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return f"{len(problems)} problems, nothing was written:{lines}"
