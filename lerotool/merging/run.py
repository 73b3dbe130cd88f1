"""Merging: planned, then carried out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lerotool.dataset.formats import FormatVersion
from lerotool.execution import Place, ignore_event
from lerotool.merging.options import MergeRequest
from lerotool.merging.plan import Plan
from lerotool.merging.planning import make_plan
from lerotool.rewriting.carrying_out import build
from lerotool.rewriting.events import Listener


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


def merge_datasets(request: MergeRequest, listen: Listener = ignore_event, place: Place | None = None) -> MergeReport:
    """Plan a merge and do it."""
    return execute_plan(make_plan(request), listen, place)


def execute_plan(plan: Plan, listen: Listener = ignore_event, place: Place | None = None) -> MergeReport:
    """Do what a plan says; raises like `merge_datasets`."""
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
