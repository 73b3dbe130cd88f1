"""The commit journal: a dataset changes in one step, whatever interrupts it.

Every new file is written complete and synced somewhere inside the dataset's folder. `commit` then writes
``.lerotool/journal.json``, which lists what is to happen, and carries it out: renames, removals, ``meta/info.json``
last; pending episodes that are now part of the dataset are marked ``committed.json`` and removed; then the journal
goes. The moment at which the journal is on the disk decides: before it the dataset is the old one, after it the new
one, because whoever opens the dataset next repeats the list to its end.

Every step can be repeated. A source is a name that nothing else is ever moved to, so a source that is gone has been
moved.

    {"schema": 1,
     "renames": [{"source": ".lerotool/staging/1f3a9c0e/data.parquet", "target": "data/chunk-000/file-003.parquet"}, …],
     "removals": ["data/chunk-000/file-004.parquet", …],
     "consumed": [".lerotool/pending/episode-000012-1f3a9c0e", …],
     "staging": ".lerotool/staging/1f3a9c0e"}
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from lerotool.dataset.layout import check_relative, inside
from lerotool.errors import CorruptDatasetError, DatasetLockedError
from lerotool.storage import ProcessLock, make_directory, sync_directory, sync_file, write_json
from lerotool.workspace import Workspace

INFO = "meta/info.json"
COMMITTED = "committed.json"
_WAIT_S = 10.0
_POLL_S = 0.02


def _inside(text: str) -> str:
    check_relative(text, "the journal")
    if "\\" in text:
        raise ValueError(f"{text!r} is not a path inside the dataset")
    return text


def _in_pending(text: str) -> str:
    if PurePosixPath(text).parts[:-1] != (".lerotool", "pending"):
        raise ValueError(f"{text!r} is not a pending episode")
    return text


def _in_staging(text: str) -> str:
    if PurePosixPath(text).parts[:-1] != (".lerotool", "staging"):
        raise ValueError(f"{text!r} is not a staging folder")
    return text


_Inside = Annotated[str, AfterValidator(_inside)]


class _Rename(BaseModel):
    source: _Inside
    target: _Inside


class _Journal(BaseModel):
    """What ``journal.json`` holds."""

    version: Literal[1] = Field(alias="schema")
    renames: list[_Rename]
    removals: list[_Inside]
    consumed: list[Annotated[_Inside, AfterValidator(_in_pending)]]
    staging: Annotated[_Inside, AfterValidator(_in_staging)]


@dataclass(frozen=True, slots=True)
class Rename:
    """One file that gets its place: both paths relative to the dataset's folder, with forward slashes."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A change of a dataset; all paths relative to its folder, with forward slashes.

    Attributes:
        renames: complete new files and where they go; what is there is replaced. No target is another one's source.
        removals: files that belong to the dataset no more; a target is not among them.
        consumed: pending episodes that the dataset contains from now on.
        staging: the folder in which the new files were made; it is removed at the end.
    """

    renames: tuple[Rename, ...]
    removals: tuple[str, ...]
    consumed: tuple[str, ...]
    staging: str


def commit(workspace: Workspace, change: Commit) -> None:
    """Change the dataset durably and in one step; the caller holds the writing lock.

    Raises:
        CorruptDatasetError: a symbolic link leads out of the dataset where a file would be written or removed.
        OSError: if there is a journal now, the change is decided and the next one to open the dataset finishes it; if
            not, nothing has changed.
    """
    _check_links(workspace.root, change)
    for rename in change.renames:
        sync_file(workspace.root / rename.source)
    _sync_parents(workspace.root, (rename.source for rename in change.renames))
    document = {
        "schema": 1,
        "renames": [{"source": r.source, "target": r.target} for r in _info_last(change.renames)],
        "removals": list(change.removals),
        "consumed": list(change.consumed),
        "staging": change.staging,
    }
    write_json(workspace.journal, document)
    _carry_out(workspace, change)


def finish_interrupted(workspace: Workspace) -> bool:
    """Finish the commit that a process left behind, if there is one.

    Whoever reads or writes a dataset calls this first.

    Returns:
        Whether there was one to finish.

    Raises:
        CorruptDatasetError: the journal cannot be understood, or a file that it names has vanished.
        DatasetLockedError: another process has been carrying it out for 10 s and is not done.
    """
    give_up = time.monotonic() + _WAIT_S
    while workspace.journal.exists():
        lock = ProcessLock(workspace.writing_lock, "finishing an interrupted change")
        try:
            lock.acquire()
        except DatasetLockedError:
            if time.monotonic() > give_up:
                raise
            time.sleep(_POLL_S)
            continue
        try:
            return redo(workspace)
        finally:
            lock.release()
    return False


def redo(workspace: Workspace) -> bool:
    """Like `finish_interrupted`, for the holder of the writing lock."""
    try:
        text = workspace.journal.read_bytes()
    except FileNotFoundError:
        return False
    change = _parse(workspace.journal, text)
    _check_links(workspace.root, change)
    _carry_out(workspace, change)
    return True


def _check_links(root: Path, change: Commit) -> None:
    """Refuse a change that reaches outside through a link; journals and links may come from anywhere with a dataset.

    Raises:
        CorruptDatasetError: a folder of a path is, or lies behind, a symbolic link out of the dataset.
    """
    paths = [path for rename in change.renames for path in (rename.source, rename.target)]
    folders = {PurePosixPath(path).parent for path in (*paths, *change.removals)}
    folders.update(PurePosixPath(path) for path in (*change.consumed, change.staging))
    for name in folders:
        inside(root, name.as_posix())


def _parse(path: Path, text: bytes) -> Commit:
    try:
        journal = _Journal.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise CorruptDatasetError(
            f"{path}: {place}: {first['msg']}", hint="this file lists an unfinished change; restore it or ask for help"
        ) from None
    renames = tuple(Rename(r.source, r.target) for r in journal.renames)
    return Commit(renames, tuple(journal.removals), tuple(journal.consumed), journal.staging)


def _carry_out(workspace: Workspace, change: Commit) -> None:
    root = workspace.root
    renames = _info_last(change.renames)
    for rename in renames:
        if rename.target == INFO:
            # Everything that info.json counts must be on the disk before it.
            _sync_parents(root, (r.target for r in renames))
            _remove(root, change.removals)
        _move(root, rename)
    _sync_parents(root, (r.target for r in renames))
    if all(r.target != INFO for r in renames):
        _remove(root, change.removals)
    for number, folder in enumerate(change.consumed):
        _retire(root / folder, root / change.staging / f"consumed-{number}")
    # Leftovers here are harmless: whoever takes the writing lock next sweeps the staging folder.
    shutil.rmtree(root / change.staging, ignore_errors=True)
    workspace.journal.unlink(missing_ok=True)
    sync_directory(workspace.folder)


def _move(root: Path, rename: Rename) -> None:
    source, target = root / rename.source, root / rename.target
    if source.exists():
        make_directory(target.parent)
        source.replace(target)
    elif not target.exists():
        raise CorruptDatasetError(
            f"an unfinished change of {str(root)!r} cannot be finished: "
            f"{rename.source!r} is missing and so is {rename.target!r}"
        )


def _remove(root: Path, removals: Iterable[str]) -> None:
    removals = tuple(removals)
    for name in removals:
        (root / name).unlink(missing_ok=True)
    _sync_parents(root, removals)


def _retire(folder: Path, away: Path) -> None:
    """Mark a pending episode as committed and let it vanish in one step."""
    if not folder.is_dir():
        return
    write_json(folder / COMMITTED, {"committed": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
    make_directory(away.parent)
    shutil.rmtree(away, ignore_errors=True)
    folder.replace(away)
    sync_directory(folder.parent)


def _sync_parents(root: Path, names: Iterable[str]) -> None:
    for folder in sorted({(root / name).parent for name in names}):
        if folder.is_dir():
            sync_directory(folder)


def _info_last(renames: tuple[Rename, ...]) -> list[Rename]:
    return sorted(renames, key=lambda rename: rename.target == INFO)
