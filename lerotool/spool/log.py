"""Append-only files and the framing of their records.

A record is ``<u32 payload size><u32 crc32 of payload><payload>``, little endian, payload at least one byte. It is
handed to the system with one write, so it survives the end of this process as soon as `AppendFile.append` returns.
Reading stops at the first record that is incomplete or damaged: a torn tail costs only itself. Zeros, which a power
cut can leave behind, are not a record because their size is zero.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lerotool.errors import SpoolError
from lerotool.storage import sync_descriptor

FRAME = struct.Struct("<II")
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class _Extent:
    size: int
    count: int


class AppendFile:
    """A new file that only grows, append by append; safe to use from several threads.

    What an append that fails has written is cut off again, so that the next one is not hidden behind a torn record.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._failure: OSError | None = None
        # One object, replaced in one step: an interrupt between two assignments cannot make size and count differ.
        self._extent = _Extent(0, 0)
        self._descriptor: int | None = os.open(path, _FLAGS, 0o644)

    @property
    def size(self) -> int:
        """Bytes appended so far."""
        return self._extent.size

    @property
    def count(self) -> int:
        """Appends so far."""
        return self._extent.count

    def append(self, data: bytes | memoryview) -> int:
        """Hand ``data`` to the system and return the offset at which it lies.

        `OSError`: e.g. the disk is full; the file is then as before. Or an earlier failure has left the file in an
        unknown state.
        """
        with self._lock:
            descriptor = self._usable()
            before = self._extent
            try:
                written = os.write(descriptor, data)
                while written < len(data):
                    # A full disk takes a part; asking again yields the reason.
                    written += os.write(descriptor, data[written:])
                self._extent = _Extent(before.size + written, before.count + 1)
            except OSError as error:
                self._cut(descriptor)
                raise OSError(error.errno, error.strerror, str(self.path)) from error
            except BaseException:
                self._cut(descriptor)
                raise
            return before.size

    def rewind(self, size: int, count: int) -> None:
        """Cut the file back to an earlier ``size`` and ``count``; for a caller whose own next step failed."""
        with self._lock:
            descriptor = self._usable()
            self._extent = _Extent(size, count)
            self._cut(descriptor)

    def sync(self) -> None:
        """Flush what was appended to the disk; appends go on meanwhile. Without effect on a closed file.

        `OSError`: the disk failed. What it has lost is unknown, so the file takes no further appends.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._descriptor is None:
                return
            # A second descriptor, because the first may be closed, and its number used again, while the disk works.
            descriptor = os.dup(self._descriptor)
        try:
            sync_descriptor(descriptor)
        except OSError as error:
            self._failure = OSError(error.errno, error.strerror, str(self.path))
            raise self._failure from error
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Close the file; without effect when it is closed."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def _usable(self) -> int:
        if self._descriptor is None:
            raise SpoolError(f"{str(self.path)!r} is closed, nothing can be added to it")
        if self._failure is not None:
            raise OSError(self._failure.errno, f"earlier: {self._failure.strerror}", str(self.path))
        return self._descriptor

    def _cut(self, descriptor: int) -> None:
        try:
            os.ftruncate(descriptor, self._extent.size)
        except OSError as error:
            self._failure = error


def frame(payload: bytes | memoryview) -> bytes:
    """Return the record that holds ``payload``."""
    if not 0 < len(payload) < 1 << 32:
        raise SpoolError(f"a record holds 1 to {(1 << 32) - 1} bytes, found {len(payload)}")
    return b"".join((FRAME.pack(len(payload), zlib.crc32(payload)), payload))


def iter_records(data: bytes) -> Iterator[memoryview]:
    """Yield the payloads of the complete records, in order, up to the first one that is torn or damaged."""
    view = memoryview(data)
    position = 0
    while position + FRAME.size <= len(view):
        size, checksum = FRAME.unpack_from(view, position)
        start = position + FRAME.size
        payload = view[start : start + size]
        if size == 0 or len(payload) < size or zlib.crc32(payload) != checksum:
            return
        yield payload
        position = start + size
