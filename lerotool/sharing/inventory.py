"""Which files of a dataset leave this machine: those that belong to it, and no others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lerotool.dataset.layout import Layout, inside
from lerotool.errors import CorruptDatasetError
from lerotool.storage import DISCARDED, PARTIAL

CARD = "README.md"
_FOLDERS = frozenset(["meta", "data", "videos", "images", ".lerotool"])
"""What LeRobot and lerotool make. What else lies in a repository is somebody's own."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that belongs to the dataset."""

    source: Path  # the file
    size: int  # in bytes
    changed_ns: int  # when it was last written, nanoseconds since 1970

    @property
    def is_as_it_was(self) -> bool:
        """Whether nobody has written it since."""
        try:
            found = self.source.stat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (self.size, self.changed_ns)


def take_inventory(root: Path) -> dict[str, LocalFile]:
    """Return the files of a dataset that are shared, by their paths.

    Not shared are lerotool's own folder with pending episodes and the history of edits, pictures that wait to be
    encoded (``images/``), hidden files and folders, and what dead programs have left.
    """
    found = {}
    for path in _walk(root):
        name = path.relative_to(root).as_posix()
        if not name.isprintable() or any(0xD800 <= ord(letter) < 0xE000 for letter in name):
            raise CorruptDatasetError(f"{root}: a file has the name {name!r}, which the Hub cannot keep")
        source = inside(root, name)
        stat = source.stat()
        found[name] = LocalFile(source, stat.st_size, stat.st_mtime_ns)
    return found


def _walk(root: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(root, followlinks=True):
        is_top = Path(parent) == root
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not (is_top and name == "images"))
        for name in sorted(files):
            if not name.startswith(".") and PARTIAL not in name and DISCARDED not in name:
                yield Path(parent, name)


def is_ours(path: str, layout: Layout | None) -> bool:
    """Whether a file of a repository is part of a dataset, so that it goes when the dataset has it no more.

    The layout's templates may name other folders than the usual ones.
    """
    first = PurePosixPath(path).parts[0]
    folders = set(_FOLDERS)
    if layout is not None:
        folders |= {PurePosixPath(template.text).parts[0] for template in (layout.data, layout.video)}
    return "/" in path and first in folders
