"""The plan of a merge: what comes from where, what differs, and what is done about it or which flag settles it.

A value; only `execute_plan` writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from lerotool.dataset.formats import FormatVersion
from lerotool.errors import CorruptDatasetError, IncompatibleDatasetError, TargetExistsError
from lerotool.execution import Place, ignore_event
from lerotool.merging.options import MergeOptions
from lerotool.rewriting.carrying_out import build
from lerotool.rewriting.events import Listener
from lerotool.rewriting.rewriting import Rewriting
from lerotool.wording import listed


class Verdict(StrEnum):
    """Whether a difference is settled."""

    TRIVIAL = "trivial"
    """It means nothing; settled by itself."""
    CHOSEN = "chosen"
    """Settled by a flag that was given."""
    WARNING = "warning"
    """Settled, but the user should look at it."""
    OPEN = "open"
    """Nothing is done before a flag settles it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between the sources, or between a source and what a target can be."""

    what: str  # it is about, e.g. ``fps`` or ``feature 'action'``.
    found: str  # what the sources have
    verdict: Verdict  # whether it is settled
    action: str = ""  # what will be done; empty while it is open
    flags: tuple[str, ...] = ()  # each of them would settle it

    def __str__(self) -> str:
        text = f"{self.what}: {self.found}"
        if self.verdict is Verdict.OPEN:
            return text + (f" (settle it with {' or '.join(self.flags)})" if self.flags else "")
        return f"{text}: {self.action}" if self.action else text


def by_value(values: Iterable[tuple[str, str]]) -> str:
    """Return (source, value) pairs as text, sources with one value together: ``30 in a, b; 10 in c``."""
    groups: dict[str, list[str]] = {}
    for label, value in values:
        groups.setdefault(value, []).append(label)
    return "; ".join(f"{value} in {listed(labels)}" for value, labels in groups.items())


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
        text = problems[0]
        if len(problems) > 1:
            text = f"{len(problems)} problems, nothing was written:" + "".join(f"\n  - {one}" for one in problems)
        if self.damage:
            raise CorruptDatasetError(text, hint="the same line with --dry-run shows the whole plan")
        raise IncompatibleDatasetError(text, hint="the same line with --dry-run shows the whole plan")


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge has done.

    Attributes:
        target: the new dataset.
        version: its format.
        episodes: in it; frames, tasks and bytes likewise.
        wall_s: seconds that it took, planning left out.
        frames_encoded: pictures that had to be encoded again.
        differences: between the sources, each with what was done about it.
        notes: what else is worth knowing.
    """

    target: Path
    version: FormatVersion
    episodes: int
    frames: int
    tasks: int
    bytes: int
    wall_s: float
    frames_encoded: int
    differences: tuple[str, ...]
    notes: tuple[str, ...]


def execute_plan(plan: Plan, listen: Listener = ignore_event, place: Place | None = None) -> MergeReport:
    """Do what a plan says; raises what keeps it from being done."""
    plan.check()
    work = replace(plan.work, remarks=tuple(map(str, plan.differences)))
    written = build(work, plan.target, listen, place)
    return MergeReport(
        target=plan.target,
        version=plan.options.version,
        episodes=work.episodes,
        frames=work.frames,
        tasks=len(work.tasks),
        bytes=written.bytes,
        wall_s=written.wall_s,
        frames_encoded=work.frames_to_encode,
        differences=tuple(map(str, plan.differences)),
        notes=plan.notes,
    )
