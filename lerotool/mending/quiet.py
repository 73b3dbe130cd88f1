"""Whether somebody may still be writing: LeRobot takes no lock, and its recordings look crashed while they last."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lerotool.storage import lock_owner
from lerotool.workspace import Workspace

_QUIET_S = 60.0
_LOOKED_AT = ("images", "data", "meta/episodes", "videos")


def who_writes(root: Path) -> str | None:
    """Return who may be writing to a dataset, None if nobody seems to.

    That is a recording of ours, on Linux a process that has a file of the dataset open, or somebody who changed a
    file less than a minute ago.
    """
    if (owner := lock_owner(Workspace(root).recording_lock)) is not None:
        return f"in use by {owner}"
    if (process := _open_by(root)) is not None:
        return f"process {process} has files of it open"
    newest = max((path.stat().st_mtime for path in _files(root)), default=0.0)
    age_s = time.time() - newest
    # The clock of another machine, or of a file server, may be ahead of this one's.
    return f"it was changed {max(0.0, age_s):.0f} s ago" if abs(age_s) < _QUIET_S else None


def _files(root: Path) -> Iterator[Path]:
    for name in _LOOKED_AT:
        yield from (path for path in (root / name).rglob("*") if path.is_file())


def _open_by(root: Path) -> int | None:
    """Return a process that has a file of the dataset open; what may not be looked at is passed over."""
    if sys.platform != "linux":
        return None
    inside = tuple(f"{os.path.realpath(root / name)}{os.sep}" for name in _LOOKED_AT)
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for link in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(link.readlink()).startswith(inside):
                        return int(folder.name)
    return None
