"""New files of a dataset while they are made: complete in ``.lerotool/staging``, then moved by one commit."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.journal_file import Commit, Rename
from lerotool.dataset.parquet import open_parquet
from lerotool.dataset.writing import journal
from lerotool.errors import CorruptDatasetError, DatasetLockedError
from lerotool.storage import PARTIAL, json_bytes, link_or_copy, make_directory, sync_file
from lerotool.workspace import Workspace, committed_by

_WAIT_S = 10.0
_POLL_S = 0.02


class Staging:
    """A folder of new files and the list of where they go; a context manager that discards them after an error."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._folder = workspace.staging / secrets.token_hex(4)
        self._renames: list[Rename] = []
        self._count = 0
        make_directory(self._folder)

    def reserve(self, target: Path) -> Path:
        """Return a free place for a new file; `move` plans where it goes once it is there."""
        self._count += 1
        return self._folder / f"{self._count:06d}-{target.name}"

    def file(self, target: Path) -> Path:
        """Return where to write a new file that will be ``target``."""
        path = self.reserve(target)
        self.move(path, target)
        return path

    def make_folder(self, name: str) -> Path:
        """Make a folder for new files that are made under names of their own, and return it; it is not flushed."""
        folder = self._folder / name
        folder.mkdir()
        return folder

    def move(self, source: Path, target: Path) -> None:
        """Plan that an existing file inside the dataset's folder becomes ``target``."""
        self._renames.append(Rename(self._relative(source), self._relative(target)))

    def adopt(self, source: Path, target: Path) -> None:
        """Plan that a finished file becomes ``target``: moved if that is a mere rename, else copied first."""
        root = self._workspace.root.resolve()
        if source.resolve().is_relative_to(root) and source.stat().st_dev == root.stat().st_dev:
            self.move(self._workspace.root / source.resolve().relative_to(root), target)
        else:
            shutil.copyfile(source, self.file(target))

    def duplicate(self, source: Path, target: Path) -> None:
        """Plan that ``target`` becomes what ``source`` is now: by a hard link, else a copy."""
        link_or_copy(source, self.file(target))

    def write(self, target: Path, data: bytes) -> None:
        """Stage a small file."""
        self.file(target).write_bytes(data)

    def write_json(self, target: Path, document: object) -> None:
        """Stage a JSON document as LeRobot writes it."""
        self.write(target, json_bytes(document))

    def write_table(self, target: Path, table: pa.Table) -> None:
        """Stage a parquet file of one table, synced and verified."""
        path = self.file(target)
        with path.open("wb") as file:
            pq.write_table(table, file, compression="snappy")
        verify_rows(path, table.num_rows)

    def staged(self) -> dict[str, Path]:
        """Return the new files by where they will go, relative to the dataset's folder."""
        return {rename.target: self._workspace.root / rename.source for rename in self._renames}

    def commit(self, removals: Iterable[Path] = (), consumed: Iterable[Path] = ()) -> None:
        """Change the dataset; see `lerotool.dataset.writing.journal.commit`."""
        change = Commit(
            tuple(self._renames),
            tuple(self._relative(path) for path in removals),
            tuple(self._relative(path) for path in consumed),
            self._relative(self._folder),
        )
        journal.commit(self._workspace, change)

    def discard(self) -> None:
        """Remove the staged files; without effect once the commit is decided."""
        if not self._workspace.journal.exists():
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.discard()

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._workspace.root).as_posix()


def verify_rows(path: Path, rows: int) -> None:
    """Sync a new parquet file, open it again and compare the number of its rows."""
    sync_file(path)
    with open_parquet(path) as file:
        if file.metadata.num_rows != rows:
            raise CorruptDatasetError(f"{path}: {file.metadata.num_rows} rows have been written, expected {rows}")


def has_leftovers(workspace: Workspace) -> bool:
    """Return whether something is in staging, be it of a process that is at work."""
    return workspace.staging.is_dir() and any(workspace.staging.iterdir())


def finish_interrupted(workspace: Workspace) -> bool:
    """Finish the commit that a process left behind, and remove what it left in staging.

    Whoever writes to a dataset calls this first. Returns whether there was a commit to finish. `DatasetLockedError`:
    another process has been carrying it out for 10 s and is not done.
    """
    give_up = time.monotonic() + _WAIT_S
    while workspace.journal.exists() or has_leftovers(workspace):
        try:
            with changing(workspace, "finishing an interrupted change") as is_finished:
                return is_finished
        except DatasetLockedError:
            if not workspace.journal.exists():
                # The files are those of a process at work.
                return False
            if time.monotonic() > give_up:
                raise
            time.sleep(_POLL_S)
    return False


@contextlib.contextmanager
def changing(workspace: Workspace, purpose: str, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold the writing lock; an interrupted change is finished first, and what dead processes left is removed.

    Gives whether there was a change to finish.
    """
    lock = workspace.lock_for_writing(purpose)
    lock.acquire(wait_s)
    try:
        is_finished = journal.redo(workspace)
        sweep(workspace)
        yield is_finished
    finally:
        lock.release()


def sweep(workspace: Workspace) -> None:
    """Remove what dead processes left in staging; the caller holds the writing lock and there is no journal."""
    if workspace.staging.is_dir():
        for leftover in workspace.staging.iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
    if workspace.pending.is_dir():
        for place, folder in enumerate(sorted(workspace.pending.iterdir())):
            # A commit that came to its end has marked it, and could not remove it any more.
            if folder.is_dir() and not folder.is_symlink() and committed_by(folder) is not None:
                journal.retire(folder, workspace.staging / f"{journal.CONSUMED}{place}")
                shutil.rmtree(workspace.staging / f"{journal.CONSUMED}{place}", ignore_errors=True)
    for leftover in workspace.folder.glob(f"{workspace.journal.name}{PARTIAL}*"):
        with contextlib.suppress(OSError):
            leftover.unlink()
