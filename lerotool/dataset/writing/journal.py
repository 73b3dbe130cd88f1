"""Commits: what a journal lists is carried out, by the process that decided it or by the next one that writes.

See `lerotool.dataset.journal_file` for what makes it one step.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from lerotool.dataset.info import INFO
from lerotool.dataset.journal_file import Commit, Rename, check_links, read_journal, size_and_sum
from lerotool.errors import CorruptDatasetError, LerotoolError
from lerotool.storage import copy_file, make_directory, remove_empty_folders, sync_directory, sync_file, write_json
from lerotool.wording import as_argument
from lerotool.workspace import BY_COMMIT, COMMITTED, Workspace

CONSUMED = "consumed-"
_INFO = INFO.as_posix()


def commit(workspace: Workspace, change: Commit) -> None:
    """Change the dataset durably and in one step; the caller holds the writing lock.

    `OSError`: if there is a journal now, the change is decided and the next process that writes to the dataset finishes
    it; if not, nothing has changed.
    """
    root = workspace.root
    # A name that nothing has is not removed: who finishes the commit would miss what was kept of it.
    change = replace(change, removals=tuple(name for name in change.removals if _is_there(root / name)))
    check_links(root, change)
    renames = []
    for rename in _info_last(change.renames):
        sync_file(root / rename.source)
        renames.append(Rename(rename.source, rename.target, *size_and_sum(root / rename.source)))
    _sync_parents(root, (rename.source for rename in renames))
    change = replace(change, renames=tuple(renames), replaced=_keep(root, change))
    write_json(workspace.journal, asdict(change))
    _carry_out(workspace, change)


def _keep(root: Path, change: Commit) -> tuple[str, ...]:
    """Keep every file that a rename is about to replace: by a hard link, or a copy; return their names."""
    replaced = [rename.target for rename in change.renames if (root / rename.target).exists()]
    for name in replaced:
        kept = root / change.before(name)
        make_directory(kept.parent)
        kept.unlink(missing_ok=True)
        source = (root / name).resolve()
        try:
            os.link(source, kept)
        except OSError:
            copy_file(source, kept)
            sync_file(kept)
    _sync_parents(root, map(change.before, replaced))
    return tuple(replaced)


def redo(workspace: Workspace) -> bool:
    """Finish the commit that a process left behind and return whether there was one; the caller holds the lock."""
    try:
        change = read_journal(workspace)
    except LerotoolError as error:
        raise CorruptDatasetError(
            error.message, hint=f"lerotool check {as_argument(workspace.root)} --repair"
        ) from None
    if change is None:
        return False
    _carry_out(workspace, change)
    return True


def put_aside(workspace: Workspace, folder: Path) -> bool:
    """Move a journal that is not this dataset's, and the staging folders, into a folder; the caller holds the lock.

    Returns whether there was one.
    """
    try:
        read_journal(workspace)
    except LerotoolError:
        make_directory(folder)
        if workspace.staging.is_dir():
            workspace.staging.replace(folder / workspace.staging.name)
        workspace.journal.replace(folder / workspace.journal.name)
        sync_directory(folder)
        sync_directory(workspace.folder)
        return True
    return False


def _carry_out(workspace: Workspace, change: Commit) -> None:
    root = workspace.root
    renames = _info_last(change.renames)
    others = [rename for rename in renames if rename.target != _INFO]
    for rename in others:
        _move(root, rename)
    # Everything that info.json counts must be on the disk before it.
    _sync_parents(root, (rename.target for rename in others))
    _remove(root, change)
    for rename in renames[len(others) :]:
        _move(root, rename)
        _sync_parents(root, [rename.target])
    for folder in change.consumed:
        _mark(root / folder, change.staging)
    # As long as the journal is there: whoever finishes an interrupted commit does not leave them either.
    for name in change.removals:
        remove_empty_folders((root / name).parent, root)
    workspace.journal.unlink(missing_ok=True)
    sync_directory(workspace.folder)
    # From here on the dataset is the new one for readers too. Leftovers are harmless: whoever takes the writing lock
    # next sweeps them away.
    for number, folder in enumerate(change.consumed):
        with contextlib.suppress(OSError):
            retire(root / folder, root / change.staging / f"{CONSUMED}{number}")
    shutil.rmtree(root / change.staging, ignore_errors=True)


def _move(root: Path, rename: Rename) -> None:
    source, target = root / rename.source, root / rename.target
    if source.exists():
        make_directory(target.parent)
        source.replace(target)


def _remove(root: Path, change: Commit) -> None:
    for name in change.removals:
        if _is_there(root / name):
            away = root / change.before(name)
            make_directory(away.parent)
            (root / name).replace(away)
    _sync_parents(root, change.removals)


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _mark(folder: Path, staging: str) -> None:
    """Mark a pending episode as committed as soon as the journal has gone."""
    if folder.is_dir():
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        write_json(folder / COMMITTED, {"committed": now, BY_COMMIT: staging})


def retire(folder: Path, away: Path) -> None:
    """Let a folder that is needed no more, such as that of an episode that the dataset contains, vanish in one step."""
    if not folder.is_dir():
        return
    make_directory(away.parent)
    shutil.rmtree(away, ignore_errors=True)
    folder.replace(away)
    sync_directory(folder.parent)


def _sync_parents(root: Path, names: Iterable[str]) -> None:
    for folder in sorted({(root / name).parent for name in names}):
        if folder.is_dir():
            sync_directory(folder)


def _info_last(renames: tuple[Rename, ...]) -> list[Rename]:
    return sorted(renames, key=lambda rename: rename.target == _INFO)
