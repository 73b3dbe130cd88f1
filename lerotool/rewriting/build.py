"""A whole new dataset, built beside its place, verified, and moved there in one rename.

The folder `.<name>.building-<pid>-<random>` beside the target belongs to the process that holds the lock inside it. It
is on the target's file system, so the last step is one rename: the target is complete or not there at all. What killed
processes have left is swept away by the next one that builds the same target, or anything beside it on this machine.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from lerotool.errors import CorruptDatasetError, DatasetError, DatasetLockedError, MediaError, TargetExistsError
from lerotool.rewriting.verification import verify_dataset
from lerotool.storage import ProcessLock, is_abandoned, make_directory, own_suffix, sync_directory, sync_file
from lerotool.workspace import Workspace

_BUILDING = ".building-"
_SYNC_THREADS = 16
"""Syncs that wait together share the disk's own flush; one after another each would pay for it."""


class DatasetBuild:
    """The folder in which a dataset is built; a context manager that removes it unless `finish` was called."""

    def __init__(self, target: Path) -> None:
        self.target = Path(os.path.abspath(target))  # noqa: PTH100 - links must stay as they are
        self.root = self.target.with_name(f".{self.target.name}{_BUILDING}{own_suffix()}")
        self._lock = ProcessLock(Workspace(self.root).writing_lock, "building a dataset")
        self._first_made: Path | None = None

    def __enter__(self) -> Self:
        """Make the folder; `TargetExistsError`: something is at the target already."""
        check_free(self.target)
        self._first_made = _first_missing(self.target.parent)
        make_directory(self.target.parent)
        remove_abandoned(self.target.parent)
        _sweep(self.target)
        try:
            self._lock.acquire()
            self.scratch.mkdir()
        except BaseException:
            self._abandon()
            raise
        return self

    @property
    def scratch(self) -> Path:
        """A folder for what is needed while building and is not part of the dataset."""
        return Workspace(self.root).staging

    def finish(self) -> None:
        """Verify the dataset, make it durable and give it its place; after an error no target is made."""
        shutil.rmtree(self.scratch)
        # The disk flushes while footers and headers, which are still in memory, are read.
        with ThreadPoolExecutor(1) as flushing:
            flushed = flushing.submit(sync_tree, self.root, leave_out=Workspace(self.root).folder)
            self._verify()
            flushed.result()
        self._lock.release()
        shutil.rmtree(Workspace(self.root).folder)
        # A power cut must not bring it back in a dataset that is complete.
        sync_directory(self.root)
        check_free(self.target)
        try:
            self.root.rename(self.target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            check_free(self.target)
            raise
        sync_directory(self.target.parent)

    def _verify(self) -> None:
        try:
            verify_dataset(self.root)
        except (DatasetError, MediaError) as error:
            found = str(error).replace(f"{self.root}{os.sep}", "").replace(str(self.root), self.target.name)
            raise CorruptDatasetError(
                f"{str(self.target)!r} was not made: what was written for it is wrong: {found}",
                hint="nothing else was changed; run the command again, and report it if it fails again",
            ) from error

    def __exit__(self, *_: object) -> None:
        self._abandon()

    def _abandon(self) -> None:
        self._lock.release()
        shutil.rmtree(self.root, ignore_errors=True)
        folder = self.target.parent
        while self._first_made is not None and folder.is_relative_to(self._first_made):
            try:
                folder.rmdir()
            except OSError:
                return  # the target is there, or somebody else has made use of the folder
            folder = folder.parent


def check_free(target: Path) -> None:
    """Refuse to build a dataset where something other than an empty folder is: `TargetExistsError`."""
    if target.is_dir() and not target.is_symlink():
        if not any(target.iterdir()):
            return
        found = "a dataset" if (target / "meta" / "info.json").exists() else "a folder that is not empty"
    elif target.exists() or target.is_symlink():
        found = "a file"
    else:
        return
    raise TargetExistsError(f"{str(target)!r} exists already: {found}", hint="choose another target, or move it away")


def sync_tree(root: Path, leave_out: Path | None = None) -> None:
    """Flush all files and folders below a folder, itself included, to the disk."""
    files: list[Path] = []
    folders: list[Path] = []
    for folder, _, names in os.walk(root):
        path = Path(folder)
        if leave_out is None or not path.is_relative_to(leave_out):
            folders.append(path)
            files += [path / name for name in names]
    with ThreadPoolExecutor(_SYNC_THREADS) as threads:
        _all(threads.map(sync_file, files))
        _all(threads.map(sync_directory, folders))


def _all(results: Iterable[None]) -> None:
    for _ in results:
        pass


def _first_missing(folder: Path) -> Path | None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    return missing[-1] if missing else None


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes of this machine have left of datasets that they were building in a folder."""
    for leftover in folder.glob(f".*{_BUILDING}*"):
        # One that is nearly finished is not locked any more, so its process must have ended.
        if is_abandoned(leftover.name) and leftover.is_dir() and not leftover.is_symlink():
            # Folders of other users stay, and do not keep anything from being made.
            with contextlib.suppress(OSError, CorruptDatasetError):
                _remove_unlocked(leftover)


def _sweep(target: Path) -> None:
    """Remove what processes that are gone, on whatever machine, have left of attempts to build the same target."""
    for leftover in target.parent.glob(f".{_escaped(target.name)}{_BUILDING}*"):
        _remove_unlocked(leftover)


def _remove_unlocked(leftover: Path) -> None:
    lock = ProcessLock(Workspace(leftover).writing_lock, "removing an abandoned dataset")
    try:
        lock.acquire()
    except DatasetLockedError:
        return
    lock.release()
    shutil.rmtree(leftover, ignore_errors=True)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
