"""What readers make of changes by others: an unfinished one is as if it had not begun, a finished one is noticed."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from lerotool.dataset.info import INFO
from lerotool.dataset.journal_file import Commit, is_own, read_journal
from lerotool.dataset.layout import Files
from lerotool.errors import DatasetLockedError, LerotoolError
from lerotool.storage import lock_owner
from lerotool.wording import as_argument
from lerotool.workspace import JOURNAL, Workspace

_WAIT_S = 10.0
_POLL_S = 0.02
_DIGITS = 10
_PLACES = ("data", "data/*", "videos", "videos/*", "videos/*/*", "meta/*.*", "meta/episodes/*")
"""Files, and folders whose times change when a file in them is put in place. Marks and notes are not among them."""


def state_before(workspace: Workspace) -> tuple[Files, str | None]:
    """Return where the files are of a dataset as it was before a change that was interrupted; nothing is written.

    With what a reader should know of that change, None if there is none.

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
        change = read_journal(workspace)
    except LerotoolError as error:
        return Files(root), f"{error.message}; it is ignored ({cure} puts it aside)"
    if change is None:
        return Files(root), None
    note = f"a change of this dataset was interrupted; this is the state before it ({cure} finishes the change)"
    if change.keeps:
        return Files(root, _elsewhere(root, change)), note
    begun = [rename for rename in change.renames if not (root / rename.source).exists()]
    if not begun:
        return Files(root), note
    if len(begun) < len(change.renames):
        raise DatasetLockedError(
            f"{workspace.journal}: a change by the first release of lerotool was interrupted in the middle", hint=cure
        )
    return Files(root), None


def _elsewhere(root: Path, change: Commit) -> dict[str, str]:
    moved = {r.source: r.target for r in change.renames if not is_own(r.source)}
    found = {source: target for source, target in moved.items() if not (root / source).exists()}
    # A target that replaced nothing did not exist, and its name leads to where nothing is.
    found |= {rename.target: change.before(rename.target) for rename in change.renames}
    found |= {name: change.before(name) for name in change.removals if (root / change.before(name)).exists()}
    return found


def edition(root: Path) -> str:
    """Return what is another text after every commit to a dataset, and after most other changes of its files."""
    workspace = Workspace.place(root)
    # An edit may leave the rest as it was, but not the history.
    paths = [workspace / JOURNAL, workspace / "history"]
    paths += [path for pattern in _PLACES for path in sorted(root.glob(pattern))]
    return hashlib.sha256(repr([_stamp(path) for path in paths]).encode()).hexdigest()[:_DIGITS]


def commit_stamp(root: Path) -> tuple[bytes | None, bytes | None]:
    """Return what changes with every commit: the contents of ``info.json`` and of the journal."""
    return _contents(root / INFO), _contents(Workspace.place(root) / JOURNAL)


def _contents(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
