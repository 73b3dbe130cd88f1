"""Whether a dataset may have changed: told by the times of a few files and folders, or by what a commit writes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lerotool.dataset.info import INFO
from lerotool.workspace import JOURNAL, Workspace

_DIGITS = 10
_PLACES = ("data", "data/*", "videos", "videos/*", "videos/*/*", "meta/*.*", "meta/episodes/*")
"""Files, and folders whose times change when a file in them is put in place. Marks and notes are not among them."""


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
