"""Reading a pending episode. Its folder can be anywhere: nothing in it says where it lies."""

from __future__ import annotations

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
from lerotool.spool.header import Header, load_header
from lerotool.spool.packets import PacketReader, read_entries
from lerotool.spool.picture_files import PictureReader
from lerotool.spool.row_log import count_rows, picture_columns, read_rows
from lerotool.spool.saved import Saved, load_mark, load_saved
from lerotool.storage import lock_owner, remove_directory, tree_bytes
from lerotool.workspace import is_committed, refuse_link

ENCODED = "encoded"
RECORDING_LOCK = "recording.lock"


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
