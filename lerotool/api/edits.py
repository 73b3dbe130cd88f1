"""Editing datasets: planned, then carried out, and taken back with `lerotool.undo`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lerotool.api.datasets import as_folder, as_root
from lerotool.api.plans import RewritingPlan, check_carrying_out
from lerotool.arguments import as_instance, as_path
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.history import DATASET, read_entries
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.editing.changes import Change, KeepEpisodes
from lerotool.editing.plan import EditPlan as Plan
from lerotool.editing.plan import EditReport, execute_plan, unneeded_bytes
from lerotool.editing.planning import make_plan
from lerotool.editing.splitting import Share, split_by_task, split_episodes
from lerotool.execution import Place, ignore_event
from lerotool.rewriting.events import Listener
from lerotool.wording import as_argument
from lerotool.workspace import Workspace


@dataclass(frozen=True, slots=True)
class EditPlan(RewritingPlan):
    """What an edit will do: looked at first, then carried out.

    Attributes:
        root: the dataset.
        target: the folder to make; None changes the dataset where it stands.
        details: what is planned, in terms of the code; not part of the stable API.
    """

    root: Path
    target: Path | None
    details: Plan = field(repr=False)

    @property
    def left_out(self) -> tuple[int, ...]:
        """The numbers of the episodes that leave."""
        return self.details.left_out

    @property
    def trimmed(self) -> tuple[int, ...]:
        """The numbers, as they are now, of the episodes that are cut shorter."""
        return self.details.trimmed

    @property
    def frames_left_out(self) -> int:
        """How many frames leave."""
        return self.details.frames_left_out

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features that there will be."""
        return tuple(self.details.work.features)

    @property
    def written_bytes(self) -> int:
        """About how many bytes are written; files that stay or are linked need none."""
        return self.details.work.written_bytes

    @property
    def unneeded_bytes(self) -> int:
        """About how many bytes of its video files will hold pictures of no episode."""
        return unneeded_bytes(self.details.work)

    @property
    def has_nothing_to_repack(self) -> bool:
        """Whether files are to be packed where they stand, and all of them would stay as they are."""
        return self.details.has_nothing_to_repack

    @property
    def freed_bytes(self) -> int:
        """About by how many bytes videos become smaller where files are packed; old ones are kept until forgotten."""
        return self.details.freed_bytes

    @property
    def files(self) -> tuple[int, int]:
        """How many data and video files there will be."""
        work = self.details.work
        return len(work.data), sum(len(camera.outputs) for camera in work.cameras.values())

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that keeps the edit from being done; empty when it can be."""
        return self.details.problems

    @property
    def question(self) -> str | None:
        """What a person is asked first: the choice of episodes means nothing or everything; None asks nothing."""
        return self.details.question

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "root": str(self.root),
            "target": None if self.target is None else str(self.target),
            "episodes": self.episodes,
            "frames": self.frames,
            "seconds": self.frames / self.fps,
            "left_out": list(self.left_out),
            "trimmed": list(self.trimmed),
            "frames_left_out": self.frames_left_out,
            "seconds_left_out": self.frames_left_out / self.fps,
            "written_bytes": self.written_bytes,
            "freed_bytes": self.freed_bytes,
            "data_files": self.files[0],
            "video_files": self.files[1],
            "unneeded_bytes": self.unneeded_bytes if self.target is None else 0,
            "tasks": list(self.tasks),
            "features": list(self.features),
            "problems": list(self.problems),
        }

    def carry_out(self, on_event: Listener = ignore_event, *, place: Place | None = None) -> EditReport:
        """Do it, in one step: the dataset is the old one or the new one, whatever interrupts it.

        Args:
            on_event: told how far it is, in this thread.
            place: where the work runs; None is this machine, one job per core.

        Raises:
            CorruptDatasetError: the dataset is damaged, or has changed meanwhile.
            DatasetLockedError: another process changes the dataset, or records into it.
            TargetExistsError: something is at the target.
            MediaError: a video cannot be read.
            OSError: the disk is full or fails.
        """
        check_carrying_out(on_event, place)
        return execute_plan(self.details, on_event, place)


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A change of a dataset that can be taken back.

    Attributes:
        command: that made it.
        made: when, UTC, such as 2026-11-29T08-51-00Z.
        bytes: that the files as they were take; those that the dataset still has under another name take none.
        folder: that has them.
    """

    command: str
    made: str
    bytes: int
    folder: Path


def edit(
    dataset: str | Path | Dataset,
    change: Change,
    target: str | Path | None = None,
    *,
    on_event: Listener = ignore_event,
    place: Place | None = None,
) -> EditReport:
    """Change a dataset where it stands, or make a changed copy of it. Pictures are never encoded again.

    In its place that is one step, which `undo` takes back; files as they were are kept until `forget` removes them.

    Args:
        dataset: its folder, ``user/name`` in the LeRobot home, or an opened one.
        change: what is done, such as ``lerotool.DeleteEpisodes([3, 7])``.
        target: a folder to make; the dataset is then only read.
        on_event: told how far it is, in this thread.
        place: where the work runs; None is this machine, one job per core.

    Raises:
        UsageError: the change cannot be: an episode or feature does not exist, or nothing would be left.
        IncompatibleDatasetError: the dataset cannot be changed where it stands.
        CorruptDatasetError: it is damaged, or has changed meanwhile.
        DatasetLockedError: another process changes it, or records into it.
        ReadOnlyDatasetError: it is in the Hub's cache.
        TargetExistsError: something is at the target.
        MediaError: a video cannot be read.
        OSError: the disk is full or fails; the dataset is the old one, or the next writer makes it the new one.
    """
    if target is None:
        finish_interrupted(Workspace(_root(dataset)))
    return plan_edit(dataset, change, target).carry_out(on_event, place=place)


def plan_edit(dataset: str | Path | Dataset, change: Change, target: str | Path | None = None) -> EditPlan:
    """Return what `edit` with the same arguments would do; nothing is written.

    Raises:
        UsageError: the change cannot be.
        DatasetError: the dataset cannot be read, or cannot be changed where it stands.
        TargetExistsError: something is at the target.
    """
    as_instance("change", change, Change, "what is done, such as lerotool.DeleteEpisodes([3, 7])")
    root = _root(dataset)
    folder = None if target is None else as_path("target", target)
    return EditPlan(root, folder, make_plan(Dataset.open(root), change, folder))


def plan_split(
    dataset: str | Path | Dataset, parts: Mapping[str, Share] | None = None, *, seed: int | None = None
) -> dict[str, EditPlan]:
    """Return the new datasets beside a dataset into which it would be split, by name; carry each of them out.

    They are called like the dataset, with ``-`` and the name of the part behind; no episode goes into two of them.

    Args:
        dataset: its folder, ``user/name`` in the LeRobot home, or an opened one.
        parts: by name a fraction of the episodes, or which: numbers, or a text such as ``0-79``; None makes one of each
            task.
        seed: shuffles the episodes before fractions are taken of them; None takes them in their order.

    Raises:
        UsageError: parts overlap, one would be empty, or fractions are more than all.
        DatasetError: the dataset cannot be read.
        TargetExistsError: something is where a part would be.
    """
    root = _root(dataset)
    opened = Dataset.open(root)
    if parts is not None:
        parts = as_instance("parts", parts, Mapping, "fractions or episodes by name")
    found = split_by_task(opened) if parts is None else split_episodes(opened, parts, seed)
    plans = {}
    beside = Path(os.path.abspath(root))  # noqa: PTH100 - "." has no name, and a link keeps its own
    for name, numbers in found.items():
        target = beside.with_name(f"{beside.name}-{name}")
        plans[name] = EditPlan(root, target, make_plan(opened, KeepEpisodes(numbers.tolist()), target))
    return plans


def list_changes(dataset: str | Path) -> tuple[KeptChange, ...]:
    """Return the changes of a dataset that can be taken back, the newest first: that is the one that `undo` takes back.

    Raises:
        DatasetNotFoundError: the folder does not exist.
        CorruptDatasetError: the history cannot be understood.
    """
    root = as_folder(dataset)
    return tuple(
        KeptChange(
            entry.command.replace(DATASET, as_argument(root)), entry.made, _own_bytes(entry.folder), entry.folder
        )
        for entry in reversed(read_entries(Workspace(root)))
    )


def _own_bytes(folder: Path) -> int:
    facts = (path.stat() for path in folder.rglob("*") if path.is_file())
    return sum(fact.st_size for fact in facts if fact.st_nlink == 1)


def _root(dataset: str | Path | Dataset) -> Path:
    return dataset.root if isinstance(dataset, Dataset) else as_root(dataset)
