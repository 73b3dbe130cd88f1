"""The dataset as readers see it while a change of it is unfinished: as it was before."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from lerotool.dataset.files import Files
from lerotool.dataset.journal_file import Decided, is_own, read_journal
from lerotool.errors import DatasetLockedError, LerotoolError
from lerotool.storage import lock_owner
from lerotool.wording import as_argument
from lerotool.workspace import Workspace

_WAIT_S = 10.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class StateBefore:
    """The dataset as readers see it."""

    files: Files  # where its files are
    note: str | None = None  # what a reader should know of a change that was interrupted; None if there is none


def state_before(workspace: Workspace) -> StateBefore:
    """Return the dataset as it was before a change that was interrupted; nothing is written.

    While another process carries a change out, this waits for its end. `DatasetLockedError`: it is not done after 10 s;
    or a change of the first release was interrupted in the middle.
    """
    give_up = time.monotonic() + _WAIT_S
    while workspace.journal.exists() and (owner := lock_owner(workspace.writing_lock)) is not None:
        if time.monotonic() > give_up:
            raise DatasetLockedError(
                f"{str(workspace.root)!r} is in use by {owner}", hint="wait until it has finished, or stop it"
            )
        time.sleep(_POLL_S)
    root = workspace.root
    cure = f"lerotool check {as_argument(root)} --repair"
    try:
        decided = read_journal(workspace)
    except LerotoolError as error:
        return StateBefore(Files(root), f"{error.message}; it is ignored ({cure} puts it aside)")
    if decided is None:
        return StateBefore(Files(root))
    note = f"a change of this dataset was interrupted; this is the state before it ({cure} finishes the change)"
    if decided.keeps:
        return StateBefore(Files(root, _elsewhere(root, decided)), note)
    begun = [rename for rename in decided.change.renames if not (root / rename.source).exists()]
    if not begun:
        return StateBefore(Files(root), note)
    if len(begun) < len(decided.change.renames):
        raise DatasetLockedError(
            f"{workspace.journal}: a change by the first release of lerotool was interrupted in the middle", hint=cure
        )
    return StateBefore(Files(root))


def _elsewhere(root: Path, decided: Decided) -> dict[str, str]:
    change = decided.change
    moved = {r.source: r.target for r in change.renames if not is_own(r.source)}
    found = {source: target for source, target in moved.items() if not (root / source).exists()}
    # A target that replaced nothing did not exist, and its name leads to where nothing is.
    found |= {rename.target: change.before(rename.target) for rename in change.renames}
    found |= {name: change.before(name) for name in change.removals if (root / change.before(name)).exists()}
    return found
