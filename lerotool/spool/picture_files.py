"""A camera's pictures as files in a folder of the pending episode: ``000000.png``, ``000001.png`` and so on.

This is how pictures are taken over that are files already. They are linked, not copied, where the file system can; so
the pending episode is complete in itself, takes no more room, and whoever removes the other names takes nothing away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lerotool.errors import SpoolError
from lerotool.spool.log import AppendFile
from lerotool.storage import link_or_copy, sync_directory, sync_file


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
