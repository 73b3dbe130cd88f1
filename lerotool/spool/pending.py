"""The pending episodes of a dataset, in ``<dataset>/.lerotool/pending/``."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from lerotool.errors import SpoolError
from lerotool.spool.episode import RECORDING_LOCK, PendingEpisode, State
from lerotool.spool.header import HEADER
from lerotool.spool.packets import PacketReader, PacketWriter
from lerotool.spool.saved import SAVED
from lerotool.spool.writer import CREATING, PendingWriter
from lerotool.storage import DISCARDED, lock_owner, remove_directory, remove_left_partials
from lerotool.workspace import Workspace, refuse_link

__all__ = [
    "PacketReader",
    "PacketWriter",
    "PendingEpisode",
    "PendingWriter",
    "State",
    "is_blank",
    "list_pending",
    "next_sequence",
    "pending_folders",
    "remove_leftovers",
]

_FOLDER = re.compile(r"episode-(\d+)-")


def pending_folders(root: Path) -> list[Path]:
    """Return the folders of the dataset's pending episodes, readable or not, ordered by name."""
    pending = Workspace(root).pending
    if not pending.is_dir():
        return []
    found = sorted(path for path in pending.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in found:
        refuse_link(path)
    return found


def list_pending(root: Path) -> list[PendingEpisode]:
    """Return the dataset's pending episodes that can be opened, in every state, in the order they were recorded.

    Those that cannot are reported by `lerotool.spool.recovery.examine_all`.
    """
    episodes = []
    for folder in pending_folders(root):
        try:
            episodes.append(PendingEpisode.open(folder))
        except (SpoolError, OSError):
            # An unreadable folder must not hide the others; a folder can also be removed between the two steps.
            continue
    return sorted(episodes, key=lambda episode: (episode.header.sequence, episode.header.recording_id))


def next_sequence(root: Path, committed_episodes: int) -> int:
    """Return the sequence number of the next episode: after all pending ones and all that the dataset has."""
    numbers = [int(match[1]) for folder in pending_folders(root) if (match := _FOLDER.match(folder.name))]
    return 1 + max([*numbers, committed_episodes - 1])


def remove_leftovers(root: Path) -> None:
    """Remove what interrupted removals, creations that became no episode and takes that never began have left.

    To be called by the process that holds the dataset's recording lock. Nothing recorded is ever in there.
    """
    pending = Workspace(root).pending
    if not pending.is_dir():
        return
    for path in pending.iterdir():
        unborn = path.name.startswith(CREATING) and lock_owner(path / RECORDING_LOCK) is None
        if path.name.startswith(DISCARDED) or unborn:
            shutil.rmtree(path, ignore_errors=True)
        elif not path.name.startswith(".") and not path.is_symlink():
            # A take whose process was killed while it was saved stays, and its file is never written again.
            remove_left_partials(path / SAVED)
            if is_blank(path):
                remove_directory(path)


def is_blank(path: Path) -> bool:
    """Return whether a take was interrupted before a byte of a row or a picture was written, and nobody records it."""
    if os.name == "nt" or path.is_symlink() or not (path / HEADER).is_file():
        return False  # Windows gives a take its name before it is locked
    others = [entry for entry in path.iterdir() if entry.name not in (HEADER, RECORDING_LOCK)]
    is_empty = all(entry.is_file() and not entry.is_symlink() and entry.stat().st_size == 0 for entry in others)
    return is_empty and lock_owner(path / RECORDING_LOCK) is None
