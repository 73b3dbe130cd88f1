"""Forgetting the files as they were before changes: never rows or pictures that the dataset does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lerotool.checking.check import look
from lerotool.dataset.writing.history import KEPT, LEDGER, read_entries, remove
from lerotool.dataset.writing.staging import changing, has_leftovers
from lerotool.errors import CorruptDatasetError
from lerotool.findings import Severity
from lerotool.mending.only_here import find_only_here
from lerotool.mending.taken_pictures import waiting_entries
from lerotool.storage import sync_directory, tree_bytes
from lerotool.wording import as_argument, counted
from lerotool.workspace import Workspace

_FIRST_RELEASE = "repaired"
"""Where repairs of the first release kept files."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of the files that changes had kept.

    Attributes:
        size: bytes that are free now, less what other names of the same files hold.
        only_here: files that stay, because the dataset does not have all of their rows or pictures.
        waiting: folders that stay, because episodes that were rescued are not in the dataset yet.
    """

    size: int
    only_here: tuple[Path, ...] = ()
    waiting: tuple[Path, ...] = ()


def forget(root: Path, *, edits: bool = False) -> Forgotten:
    """Remove what changes of a dataset have kept, but for rows and pictures that the dataset does not have."""
    workspace = Workspace(root)
    places = [place for place in (workspace.history, workspace.folder / _FIRST_RELEASE) if place.is_dir()]
    if not places and not has_leftovers(workspace):
        return Forgotten(0)
    with changing(workspace, "forgetting what changes have kept"):
        report, sight = look(root)
        if not report.is_sound:
            raise CorruptDatasetError(
                f"{str(root)!r} still has {counted(report.count(Severity.ERROR), 'error')}, "
                "and the files as they were may be needed to mend it; nothing was removed",
                hint=f"lerotool check {as_argument(root)}",
            )
        waiting = waiting_entries(root)
        entries = [entry for place in places for entry in sorted(place.iterdir()) if entry not in waiting]
        wanted = {entry.folder for entry in read_entries(workspace) if entry.leaves_out} if edits else set()
        looked_at = [entry for entry in entries if entry not in wanted]
        files = [path for entry in looked_at for path in sorted(entry.rglob(f"*{KEPT}")) if path.is_file()]
        only_here = find_only_here(files, sight)
        before = sum(map(tree_bytes, entries))
        for entry in entries:
            _remove(workspace, entry, only_here)
        for place in places:
            if not any(place.iterdir()):
                place.rmdir()
        sync_directory(workspace.folder)
        size = before - sum(tree_bytes(entry) for entry in entries if entry.is_dir())
    return Forgotten(size, tuple(only_here), tuple(waiting))


def _remove(workspace: Workspace, entry: Path, only_here: Sequence[Path]) -> None:
    """Remove an entry of the history, but for files that are nowhere else."""
    stay = {path for path in only_here if path.is_relative_to(entry)}
    if not stay:
        remove(workspace, entry)
        return
    for path in sorted(entry.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in stay and path.name != LEDGER:
            path.unlink()
