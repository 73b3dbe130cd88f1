"""Pending episodes, in ``<dataset>/.lerotool/pending/``; one can be read anywhere: nothing in it says where it lies."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from lerotool.arrow_types import integers
from lerotool.errors import SpoolError
from lerotool.features import Feature
from lerotool.media.format import StreamCodec
from lerotool.spool.documents import HEADER, SAVED, Header, Saved, load_header, load_mark, load_saved
from lerotool.spool.packets import PacketReader, PictureReader, read_entries
from lerotool.spool.rows import count_rows, picture_columns, read_rows
from lerotool.storage import DISCARDED, lock_owner, remove_directory, remove_left_partials, tree_bytes
from lerotool.workspace import Workspace, is_committed, refuse_link

ENCODED = "encoded"
RECORDING_LOCK = "recording.lock"
CREATING = ".creating-"
_FOLDER = re.compile(r"episode-(\d+)-")


class State(StrEnum):
    """How far a pending episode has come, as its files say."""

    RECORDING = "recording"
    SAVED = "saved"
    ENCODING = "encoding"
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class PendingEpisode:
    """A pending episode on disk, as it was when opened."""

    path: Path
    header: Header
    # What ``saved.json`` says, None when it is not there: the episode is being recorded or waits for recovery.
    saved: Saved | None
    length: int  # rows that count; without ``saved.json`` those that are complete

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a pending episode."""
        header, saved = load_header(path), load_saved(path)
        if saved is None:
            return cls(path, header, None, count_rows(path))
        if saved.packets.keys() != header.cameras.keys():
            raise SpoolError(
                f"pending episode {str(path)!r}: saved.json has the cameras {sorted(saved.packets)}, "
                f"header.json {sorted(header.cameras)}"
            )
        return cls(path, header, saved, saved.rows)

    @property
    def state(self) -> State:
        """How far it has come, as the files say now."""
        if is_committed(self.path):
            return State.COMMITTED
        if self.saved is None:
            return State.RECORDING
        return State.ENCODING if any(self.encoded_dir.glob("*.json")) else State.SAVED

    @property
    def report(self) -> dict[str, Any]:
        """The recorder's report; empty unless saved."""
        return self.saved.report if self.saved else {}

    @property
    def mark(self) -> dict[str, Any]:
        """What a person has said about it, as `lerotool.dataset.marks.Mark.to_json` gives it; empty for nothing."""
        return load_mark(self.path)

    @property
    def features(self) -> dict[str, Feature]:
        """The recorded features, without LeRobot's five default columns."""
        return self.header.recorded

    @property
    def is_live(self) -> bool:
        """Whether a process is recording it."""
        return lock_owner(self.path / RECORDING_LOCK) is not None

    @property
    def file_bytes(self) -> int:
        """Size of all its files."""
        return tree_bytes(self.path)

    @property
    def encoded_dir(self) -> Path:
        """Where results of encoding wait for their commit; made by who needs it.

        Raises `CorruptDatasetError` where it is a symbolic link.
        """
        refuse_link(self.path / ENCODED)
        return self.path / ENCODED

    @property
    def file_names(self) -> Mapping[str, str]:
        """The name of each camera's files, without suffix; also of those in `encoded_dir`."""
        return self.header.file_names

    def rows(self) -> pa.Table:
        """Return the rows that count: recorded features, then the recorder's own columns, each in one chunk."""
        table = read_rows(self.path, self.features, self.header.cameras, self.length)
        for key, name in picture_columns(self.header.cameras).items():
            numbers, count = integers(table[name]), self._packet_count(key)
            if (wrong := np.flatnonzero((numbers < 0) | (numbers >= count))).size and self.saved is not None:
                row = int(wrong[0])
                raise SpoolError(
                    f"pending episode {str(self.path)!r}, row {row}: picture {numbers[row]} of camera {key!r} "
                    f"does not exist, there are {count}"
                )
        return table

    def camera(self, key: str) -> PacketReader | PictureReader:
        """Open a camera's packets; where pictures are files, each of them is one."""
        if key not in self.header.cameras:
            known = ", ".join(map(repr, self.header.cameras)) or "none"
            raise SpoolError(f"pending episode {str(self.path)!r} has no camera {key!r}; it has {known}")
        data, index = (self.path / name for name in (self.header.packets_file(key), self.header.index_file(key)))
        if self.header.cameras[key].codec is StreamCodec.PICTURE:
            place = f"pending episode {str(self.path)!r}, camera {key!r}"
            return PictureReader(place, data, self._packet_count(key))
        return PacketReader(self.path, key, data, index, self._packet_count(key))

    def discard(self) -> None:
        """Remove the episode from the disk, durably."""
        if (owner := lock_owner(self.path / RECORDING_LOCK)) is not None:
            raise SpoolError(f"pending episode {str(self.path)!r} is in use by {owner}", hint="stop it first")
        remove_directory(self.path)

    def _packet_count(self, key: str) -> int:
        if self.saved is not None:
            return self.saved.packets[key]
        return len(read_entries(self.path / self.header.index_file(key)))


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
