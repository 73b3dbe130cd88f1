"""A camera's packets: a file of packets one after another, which players understand, and the index beside it.

A record of the index is ``<u64 offset><u32 size><u32 crc32 of packet><i64 captured_ns><u32 flags>``; flag 1: keyframe.
The packet is written before its record, so a packet counts as soon as its record is complete.

Pictures that are files already are taken over as files in a folder: ``000000.png``, ``000001.png`` and so on. They are
linked, not copied, where the file system can; so the pending episode is complete in itself, takes no more room, and
whoever removes the other names takes nothing away.
"""

from __future__ import annotations

import mmap
import struct
import threading
import zlib
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lerotool.errors import SpoolError
from lerotool.spool.log import FRAME, AppendFile, frame, iter_records
from lerotool.storage import link_or_copy, sync_directory, sync_file

KEYFRAME = 1
ENTRY = struct.Struct("<QIIqI")
RECORD_SIZE = FRAME.size + ENTRY.size
_ENTRY_DTYPE = np.dtype([("offset", "<u8"), ("size", "<u4"), ("crc", "<u4"), ("captured_ns", "<i8"), ("flags", "<u4")])


class PacketWriter:
    """Appends one camera's packets; one thread appends, any thread may ask."""

    def __init__(self, data_path: Path, index_path: Path) -> None:
        self._data = AppendFile(data_path)
        self._index = AppendFile(index_path)
        self._lock = threading.Lock()
        self._newest: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        """Packets so far."""
        return self._index.count

    @property
    def newest(self) -> tuple[int, int] | None:
        """Number and capture time of the newest packet."""
        return self._newest

    @property
    def files(self) -> tuple[AppendFile, AppendFile]:
        """The packets and their index."""
        return self._data, self._index

    def append(self, packet: bytes | bytearray | memoryview, captured_ns: int, keyframe: bool = True) -> int:
        """Hand a packet to the system and return its number, counted from 0.

        `packet`: any bytes-like object that is contiguous, an ``av.Packet`` too. `captured_ns`: when the picture was
        taken, monotonic clock.
        """
        data = memoryview(packet).cast("B")
        if not 0 < len(data) < 1 << 32:
            raise SpoolError(f"{str(self._data.path)!r}: a packet has 1 to {(1 << 32) - 1} bytes, found {len(data)}")
        with self._lock:
            size, number = self._data.size, self._index.count
            entry = ENTRY.pack(size, len(data), zlib.crc32(data), captured_ns, KEYFRAME if keyframe else 0)
            try:
                self._data.append(data)
                self._index.append(frame(entry))
            except BaseException:
                if self._index.count == number and self._data.size != size:
                    self._data.rewind(size, number)
                raise
            self._newest = (number, captured_ns)
            return number

    def sync(self) -> None:
        """Flush all packets so far to the disk. Raises OSError."""
        self._data.sync()
        self._index.sync()

    def close(self) -> None:
        """Close the files; later appends fail."""
        with self._lock:
            self._data.close()
            self._index.close()


def read_entries(index_path: Path) -> NDArray[np.void]:
    """Return the complete records of an index: offset, size, crc, captured_ns, flags; empty when there is no file."""
    try:
        data = index_path.read_bytes()
    except FileNotFoundError:
        data = b""
    payloads = []
    for payload in iter_records(data):
        if len(payload) != ENTRY.size:
            break
        payloads.append(payload)
    return np.frombuffer(b"".join(payloads), _ENTRY_DTYPE)


def within(entries: NDArray[np.void], size: int) -> int:
    """Return how many of the first entries lie inside a packet file of ``size`` bytes without a gap."""
    inside = (entries["offset"] <= size) & (entries["size"] <= size - np.minimum(entries["offset"], size))
    return len(entries) if inside.all() else int(np.argmin(inside))


class PacketReader:
    """The first packets of one camera."""

    def __init__(self, folder: Path, key: str, data_path: Path, index_path: Path, count: int) -> None:
        self._place = f"pending episode {str(folder)!r}, camera {key!r}"
        entries = read_entries(index_path)[:count]
        if len(entries) < count:
            raise SpoolError(f"{self._place}: expected {count} packets, the index has {len(entries)}")
        self._map = _map_file(data_path)
        if (found := within(entries, len(self._map))) < count:
            raise SpoolError(f"{self._place}: packet {found} lies beyond the end of {data_path.name!r}")
        self._offsets: list[int] = entries["offset"].tolist()
        self._sizes: list[int] = entries["size"].tolist()
        self._checksums: list[int] = entries["crc"].tolist()
        self.captured_ns: NDArray[np.int64] = entries["captured_ns"].astype(np.int64)
        self.keyframes: NDArray[np.bool_] = (entries["flags"] & KEYFRAME).astype(bool)

    def __len__(self) -> int:
        return len(self._offsets)

    def packet(self, number: int) -> bytes:
        """Return a packet."""
        if not 0 <= number < len(self):
            raise IndexError(f"{self._place}: packet {number} of {len(self)}")
        offset = self._offsets[number]
        data = self._map[offset : offset + self._sizes[number]]
        if zlib.crc32(data) != self._checksums[number]:
            raise SpoolError(f"{self._place}: packet {number} is damaged (check sum)")
        return data

    def count_sound(self) -> int:
        """Return how many packets, from the first, are undamaged; reads them all."""
        for number in range(len(self)):
            try:
                self.packet(number)
            except SpoolError:
                return number
        return len(self)

    def close(self) -> None:
        """Let go of the file; packets cannot be read any more."""
        if isinstance(self._map, mmap.mmap):
            self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _map_file(path: Path) -> mmap.mmap | bytes:
    try:
        with path.open("rb") as file:
            # An empty file cannot be mapped.
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    except FileNotFoundError:
        return b""


class PictureWriter:
    """Takes over the picture files of one camera."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir()
        self.count = 0

    @property
    def files(self) -> tuple[AppendFile, ...]:
        """The append-only files: there are none."""
        return ()

    def adopt(self, path: Path) -> int:
        """Take over a picture file, which stays where it is as well; return its number, counted from 0."""
        target = self._next(path.suffix)
        link_or_copy(path, target)
        return self._took(target)

    def write(self, data: bytes, suffix: str) -> int:
        """Write a picture file of its own, such as a ``.png``; return its number, counted from 0. Raises OSError."""
        target = self._next(suffix)
        target.write_bytes(data)
        return self._took(target)

    def _next(self, suffix: str) -> Path:
        return self._folder / f"{self.count:06d}{suffix.lower()}"

    def _took(self, path: Path) -> int:
        # Files that were written by somebody else, who may not have waited for the disk, too.
        sync_file(path)
        self.count += 1
        return self.count - 1

    def sync(self) -> None:
        """Flush the folder to the disk. Raises OSError."""
        sync_directory(self._folder)

    def close(self) -> None:
        """Nothing is open."""


class PictureReader:
    """The first picture files of one camera."""

    def __init__(self, place: str, folder: Path, count: int) -> None:
        self._place = place
        self._folder = folder
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        self._names = names[:count]
        if len(names) < count or any(int(Path(name).stem) != n for n, name in enumerate(self._names)):
            raise SpoolError(f"{place}: expected {count} pictures in {folder.name!r}, found {len(names)}")
        self.captured_ns: NDArray[np.int64] = np.zeros(count, np.int64)
        self.keyframes: NDArray[np.bool_] = np.ones(count, np.bool_)

    def __len__(self) -> int:
        return len(self._names)

    def packet(self, number: int) -> bytes:
        """Return the bytes of a picture file."""
        if not 0 <= number < len(self):
            raise IndexError(f"{self._place}: picture {number} of {len(self)}")
        try:
            data = (self._folder / self._names[number]).read_bytes()
        except FileNotFoundError:
            data = b""
        if not data:
            raise SpoolError(f"{self._place}: picture {number} is empty or gone")
        return data

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
