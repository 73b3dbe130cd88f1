"""Editing: planned, then carried out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.history import LEFT_OUT
from lerotool.editing.changes import RepackFiles
from lerotool.editing.plan import EditPlan
from lerotool.editing.unneeded import video_bytes
from lerotool.execution import Place, ignore_event
from lerotool.rewriting.carrying_out import build
from lerotool.rewriting.events import Listener
from lerotool.rewriting.in_place import rewrite_in_place


@dataclass(frozen=True, slots=True)
class EditReport:
    """What an edit has done.

    Attributes:
        root: the dataset that was changed, or the new one.
        episodes: in it; frames and tasks likewise.
        frames: in it.
        tasks: in it.
        left_out: numbers, as they were, of the episodes that left.
        trimmed: numbers, as they were, of the episodes that were cut shorter.
        frames_left_out: how many frames left.
        kept: the folder that has the files as they were; None where there is nothing to take back.
        freed_bytes: by how much the videos have become smaller where files were packed; the old ones are kept until
            they are forgotten.
        wall_s: seconds that it took, planning left out.
    """

    root: Path
    episodes: int
    frames: int
    tasks: int
    left_out: tuple[int, ...]
    trimmed: tuple[int, ...]
    frames_left_out: int
    kept: Path | None
    freed_bytes: int
    wall_s: float


def execute_plan(plan: EditPlan, listen: Listener = ignore_event, place: Place | None = None) -> EditReport:
    """Do what a plan says.

    `OSError`: the disk is full or fails; the dataset is the old one, or the next writer makes it the new one.
    """
    plan.check()
    began = time.perf_counter()
    kept, freed = None, 0
    if plan.target is None and not plan.has_nothing_to_repack:
        is_repack = isinstance(plan.change, RepackFiles)
        before = video_bytes(plan.dataset) if is_repack else 0
        details = {LEFT_OUT: {"episodes": list(plan.left_out), "frames": plan.frames_left_out}}
        entry = rewrite_in_place(plan.work, plan.change.command, details, listen, place)
        kept = None if entry is None else entry.folder
        if is_repack:
            freed = before - video_bytes(Dataset.open(plan.dataset.root))
    elif plan.target is not None:
        build(plan.work, plan.target, listen, place)
    return EditReport(
        plan.target or plan.dataset.root,
        plan.work.episodes,
        plan.work.frames,
        len(plan.work.tasks),
        plan.left_out,
        plan.trimmed,
        plan.frames_left_out,
        kept,
        freed,
        time.perf_counter() - began,
    )
