"""The plan of an edit: what becomes of a dataset, looked at before it is done. A value; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.dataset.dataset import Dataset
from lerotool.editing.changes import Change, RepackFiles
from lerotool.editing.draft import Draft
from lerotool.errors import CorruptDatasetError
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
