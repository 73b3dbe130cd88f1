"""The plan of an edit: what becomes of a dataset, looked at before it is done; only `execute_plan` writes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.history import LEFT_OUT
from lerotool.editing.changes import Change, RepackFiles
from lerotool.editing.draft import Draft
from lerotool.errors import CorruptDatasetError, MediaError
from lerotool.execution import Place, ignore_event
from lerotool.media.probe import video_index
from lerotool.rewriting.carrying_out import build
from lerotool.rewriting.events import Listener
from lerotool.rewriting.in_place import rewrite_in_place
from lerotool.rewriting.rewriting import Rewriting
from lerotool.rewriting.video_plan import Method
from lerotool.wording import as_argument


@dataclass(frozen=True, slots=True, eq=False)
class EditPlan:
    """What an edit will do.

    Attributes:
        dataset: as it is.
        change: what is done.
        draft: which frames of which episodes stay.
        work: what is carried out.
        target: the folder to make; None changes the dataset in its place.
        problems: what keeps it from being done.
        freed_bytes: about by how much videos become smaller where files are packed.
    """

    dataset: Dataset
    change: Change
    draft: Draft
    work: Rewriting
    target: Path | None
    problems: tuple[str, ...]
    freed_bytes: int = 0

    @property
    def left_out(self) -> tuple[int, ...]:
        """The numbers of the episodes that leave."""
        return tuple(np.setdiff1d(np.arange(self.dataset.num_episodes), self.draft.episodes).tolist())

    @property
    def trimmed(self) -> tuple[int, ...]:
        """The numbers, as they are now, of the episodes that are cut shorter."""
        shorter = self.draft.lengths != self.dataset.episodes.lengths[self.draft.episodes]
        return tuple(self.draft.episodes[shorter].tolist())

    @property
    def frames_left_out(self) -> int:
        """How many frames leave."""
        return self.dataset.num_frames - self.work.frames

    @property
    def has_nothing_to_repack(self) -> bool:
        """Whether files are to be packed where they stand, and all of them would stay as they are."""
        if not isinstance(self.change, RepackFiles) or self.target is not None:
            return False
        outputs = [output for camera in self.work.cameras.values() for output in camera.outputs]
        return self.dataset.version.has_files_of_episodes or (
            all(file.stays is not None for file in self.work.data) and all(o.method is Method.STAY for o in outputs)
        )

    @property
    def question(self) -> str | None:
        """What is asked before it is done; None asks nothing."""
        chosen = self.draft.chosen
        if chosen is None or len(chosen) < self.dataset.num_episodes:
            return None
        return f"all {self.dataset.num_episodes} episodes are chosen: go on?"

    def check(self) -> None:
        """Make sure that the edit can be done."""
        if self.problems:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            raise CorruptDatasetError(
                f"{self.problems[0]}{more}; nothing was written",
                hint=f"lerotool check {as_argument(self.dataset.root)}",
            )


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


def unneeded_bytes(work: Rewriting) -> int:
    """Return about how many bytes of the video files that stay hold pictures of no episode.

    Files that are missing or damaged count for nothing.
    """
    if work.format.version.has_files_of_episodes:
        return 0
    total = 0
    for camera in work.cameras.values():
        needed = np.bincount(camera.output_of, weights=work.lengths, minlength=len(camera.outputs))
        for output, frames in zip(camera.outputs, needed.tolist(), strict=True):
            if output.method is Method.STAY and output.bytes:
                total += int(output.bytes * max(0.0, 1 - frames / max(1, _frames(output.parts[0].path))))
    return total


def video_bytes(dataset: Dataset) -> int:
    """Return the bytes of all video files that episodes of a dataset need; those that are missing count for nothing."""
    paths = {span.path for episode in dataset.episodes for span in episode.videos.values()}
    return sum(path.stat().st_size for path in paths if path.is_file())


def _frames(path: Path) -> int:
    try:
        return video_index(path).frames
    except (MediaError, OSError):
        return 0
