"""The files as they were before a repair: ``.lerotool/repaired/<time>-<random>/``, until somebody says to forget them.

Below such a folder files have the paths that they had in the dataset, with ``.kept`` behind their names: LeRobot 0.3
counts every ``.parquet`` and ``.mp4`` below a dataset. ``repair.json`` beside them says what was done.
"""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path

from lerotool.dataset.writing.staging import Staging
from lerotool.storage import ProcessLock, sync_directory, tree_bytes
from lerotool.workspace import Workspace

LEDGER = "repair.json"
SUFFIX = ".kept"


class Keeper:
    """Keeps files of one repair.

    Args:
        root: the dataset.
        staging: of the repair.
    """

    def __init__(self, root: Path, staging: Staging) -> None:
        now = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
        self.folder = kept_folder(root) / f"{now}-{secrets.token_hex(2)}"
        self._root = root
        self._staging = staging
        self._kept: set[Path] = set()
        self.removals: list[Path] = []

    @property
    def has_kept(self) -> bool:
        """Whether there is a file that the repair changes."""
        return bool(self._kept)

    def keep(self, path: Path) -> None:
        """Keep a file that is going to be replaced; without effect where there is none."""
        if path not in self._kept and path.is_file():
            relative = path.relative_to(self._root)
            self._staging.duplicate(path, self.folder / relative.with_name(relative.name + SUFFIX))
            self._kept.add(path)

    def remove(self, path: Path) -> None:
        """Keep a file or everything in a folder, and take it out of the dataset."""
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                self.keep(file)
                self.removals.append(file)


def kept_folders(root: Path) -> list[Path]:
    """Return what repairs of a dataset have kept, oldest first."""
    folder = kept_folder(root)
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def forget(root: Path) -> int:
    """Remove everything that repairs of a dataset have kept.

    Returns:
        The bytes that are free now, less what other names of the same files hold.

    Raises:
        DatasetLockedError: another process changes the dataset.
        CorruptDatasetError: the folder, or the one that it is in, is a symbolic link.
        OSError: a file could not be removed.
    """
    folder = kept_folder(root)
    if not folder.is_dir():
        return 0
    with ProcessLock(Workspace(root).writing_lock, "forgetting what repairs have kept"):
        size = tree_bytes(folder)
        shutil.rmtree(folder)
        sync_directory(folder.parent)
    return size


def kept_folder(root: Path) -> Path:
    """Return the folder with everything that repairs of a dataset have kept."""
    return Workspace(root).folder / "repaired"
