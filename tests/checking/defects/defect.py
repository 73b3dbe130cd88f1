"""What a defect is: one thing changed in a golden set, and what must be found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lerotool.checking import Code, Loading
from tests.dataset.edits import Change
from tests.dataset.reading import copy_set

FRONT = "observation.images.front"
VIDEO = f"videos/{FRONT}/chunk-000/file-000.mp4"
OLD_DATA = "data/chunk-000/episode_000001.parquet"
OLD_VIDEO = f"videos/chunk-000/{FRONT}/episode_000001.mp4"
RIGHT, WRONG, REFUSED = Loading.RIGHT, Loading.WRONG, Loading.REFUSED


@dataclass(frozen=True)
class Defect:
    """One thing changed in a golden set.

    Attributes:
        base: the golden set.
        change: what is done to a copy of it.
        codes: errors and warnings that must be found, and no others.
        loading: what LeRobot does with it.
        is_repaired: whether `--repair` gives back the values of the golden set.
        changes_values: whether rows or pictures are others than those of the golden set, rightly.
    """

    base: str
    change: Change
    codes: frozenset[Code]
    loading: Loading
    is_repaired: bool = False
    changes_values: bool = False

    def make(self, folder: Path) -> Path:
        """Return a copy of the set with the defect in it."""
        root = copy_set(self.base, folder)
        self.change(root)
        return root


def defect(
    base: str, change: Change, *codes: Code, loading: Loading = WRONG, repaired: bool = False, changes: bool = False
) -> Defect:
    return Defect(base, change, frozenset(codes), loading, repaired, changes)
