"""Finding datasets that have pending episodes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from lerotool.encoding.rescue.leftovers import has_picture_folders
from lerotool.spool.pending import pending_folders

DEPTH = 3


def find_pending_datasets(folders: Iterable[Path], depth: int = DEPTH) -> list[Path]:
    """Return the datasets in these folders, and up to ``depth`` levels below them, that have pending episodes.

    Symbolic links and hidden folders are not followed; inside a dataset nothing more is looked for.
    """
    return [root for root in _datasets(folders, depth) if pending_folders(root)]


def find_left_behind(folders: Iterable[Path], depth: int = DEPTH) -> list[Path]:
    """Return the datasets in and below these folders that have pictures of LeRobot's in ``images/``, by folders alone.

    Whether anything can be saved is told by `lerotool.encoding.rescue.plan.plan_rescue`.
    """
    return [root for root in _datasets(folders, depth) if has_picture_folders(root)]


def _datasets(folders: Iterable[Path], depth: int) -> Iterator[Path]:
    yield from dict.fromkeys(root for folder in folders for root in _walk(folder.resolve(), depth))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / ".lerotool" / "pending").is_dir() or (folder / "meta" / "info.json").exists():
        yield folder
        return
    if depth == 0:
        return
    # Folders of others, and folders that vanish meanwhile, are none of our datasets.
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False))
        for name in names:
            yield from _walk(folder / name, depth - 1)
