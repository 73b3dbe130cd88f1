"""Taking a repair or a rescue back: the files as they were return, those that came with it leave, in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.dataset.writing.history import (
    DATASET,
    Entry,
    changed_since,
    read_entries,
    read_undone,
    remove_undone,
    take_back,
)
from lerotool.dataset.writing.staging import changing
from lerotool.errors import DatasetLockedError, IncompleteError
from lerotool.mending.taken_pictures import RESCUE, move_back, pending_of, waiting_entries
from lerotool.storage import lock_owner
from lerotool.wording import as_argument, listed
from lerotool.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Undone:
    """A change that was taken back, or would be.

    Attributes:
        root: the dataset.
        command: that made the change.
        restored: files that are as they were.
        removed: files that the change had added.
    """

    root: Path
    command: str
    restored: tuple[str, ...]
    removed: tuple[str, ...]

    @classmethod
    def of(cls, root: Path, entry: Entry) -> Undone:
        """Return what taking back an entry of the history means."""
        return cls(root, entry.command.replace(DATASET, as_argument(root)), entry.kept, entry.added)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "root": str(self.root),
            "command": self.command,
            "restored": list(self.restored),
            "removed": list(self.removed),
        }


def plan_undo(root: Path) -> Undone | None:
    """Return what `undo` would take back, None if there is nothing; nothing is changed."""
    entries = read_entries(Workspace(root))
    if not entries:
        return None
    _check_unchanged(root, entries[-1])
    return Undone.of(root, entries[-1])


def undo(root: Path) -> Undone | None:
    """Take back the last change of a dataset; interrupted at any time, that is done or not, and can be repeated.

    Pictures that were taken over from LeRobot return to ``images/``, and the pending episodes made of them leave.
    Returns what was taken back, None if there was nothing.
    """
    workspace = Workspace(root)
    if (owner := lock_owner(workspace.recording_lock)) is not None:
        raise DatasetLockedError(f"{str(root)!r} is in use by {owner}", hint="wait until it has finished")
    with changing(workspace, "taking a change back"):
        if undone := read_undone(workspace):
            # An earlier run was interrupted after it had done this.
            remove_undone(workspace)
            return Undone.of(root, undone[-1])
        entries = read_entries(workspace)
        if not entries:
            return None
        entry = entries[-1]
        _check_unchanged(root, entry)
        pending = [episode.path for episode in pending_of(root, entry)]
        move_back(root, entry)
        take_back(workspace, entry, pending)
        return Undone.of(root, entry)


def _check_unchanged(root: Path, entry: Entry) -> None:
    """Refuse to take a change back where that would lose what came later."""
    changed: Sequence[str] = changed_since(root, entry)
    if not changed:
        return
    hint = f"the files as they were before it: {entry.folder}"
    if entry.folder in waiting_entries(root):
        hint = f"first let its episodes come to their end: {RESCUE.replace(DATASET, as_argument(root))}"
    elif (root / changed[0]).is_file():
        hint = f"{hint}; see what is wrong now: lerotool check {as_argument(root)}"
    raise IncompleteError(
        f"{str(root)!r}: the last change cannot be taken back without loss, because these files were changed since: "
        f"{listed(changed)}",
        hint=hint,
    )
