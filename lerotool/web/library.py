"""The datasets that pages may show: those that were named, or those in the LeRobot home. Nothing else is ever read."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.info import INFO
from lerotool.dataset.marks import Marks, load_marks
from lerotool.errors import DatasetNotFoundError
from lerotool.sharing.listing import dataset_places
from lerotool.workspace import Workspace, dataset_name, dataset_root

_KEY_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Shelf:
    """A dataset that pages may show; it need not be there yet, or any more.

    Attributes:
        key: its name in addresses: says nothing about where it lies, and stays the same.
        name: for people.
        root: its folder.
    """

    key: str
    name: str
    root: Path

    @classmethod
    def of(cls, root: Path, name: str | None = None) -> Shelf:
        """Return the shelf of a folder."""
        absolute = Path(os.path.abspath(root))  # noqa: PTH100 - links must stay as they are
        key = hashlib.sha256(str(absolute).encode()).hexdigest()[:_KEY_DIGITS]
        return cls(key, name or dataset_name(absolute), absolute)


class Library:
    """Datasets by the keys that addresses have, opened once and again when they have changed.

    Args:
        named: datasets as a person names them; none is everything in the LeRobot home.

    Raises:
        DatasetNotFoundError: one of those named is neither a dataset nor holds pending episodes.
    """

    def __init__(self, named: Sequence[str] = ()) -> None:
        self._named = [_named(argument) for argument in named]
        self._lock = threading.Lock()
        self._seen: dict[str, Shelf] = {shelf.key: shelf for shelf in self._named}
        self._opened: dict[str, tuple[object, Dataset]] = {}

    @classmethod
    def of(cls, root: Path) -> Self:
        """Return the library of one dataset, which need not be there yet."""
        library = cls()
        library._named = [Shelf.of(root)]
        library._seen = {shelf.key: shelf for shelf in library._named}
        return library

    def shelves(self) -> list[Shelf]:
        """Return what there is to show now, in order of names."""
        if self._named:
            return self._named
        found = sorted(
            (Shelf.of(root, name) for name, root, _ in dataset_places()), key=lambda shelf: shelf.name.lower()
        )
        self._seen = {shelf.key: shelf for shelf in found}
        return found

    def find(self, key: str) -> Shelf:
        """Return a dataset by its key.

        Raises:
            DatasetNotFoundError: none of those that may be shown has it.
        """
        if key not in self._seen:
            self.shelves()
        if (shelf := self._seen.get(key)) is not None:
            return shelf
        raise DatasetNotFoundError("dataset not found here", hint="it may have been moved: go back to the list")

    def dataset(self, shelf: Shelf) -> Dataset:
        """Return a dataset as it is now.

        Raises:
            DatasetNotFoundError: no dataset: nothing is encoded yet, or it was removed.
            DatasetError: it is damaged.
        """
        stamp = _stamp(shelf.root)
        with self._lock:
            known = self._opened.get(shelf.key)
        if known is not None and known[0] == stamp:
            return known[1]
        dataset = Dataset.open(shelf.root)
        with self._lock:
            self._opened[shelf.key] = stamp, dataset
        return dataset

    def marks(self, shelf: Shelf) -> Marks:
        """Return the marks of a dataset as they are now; raises like `dataset`."""
        return load_marks(self.dataset(shelf))


def _named(argument: str) -> Shelf:
    root = dataset_root(argument)
    if not _is_shown(root):
        raise DatasetNotFoundError(
            f"{argument!r} is neither a dataset nor a folder with pending episodes",
            hint="lerotool view without a name shows everything in the LeRobot home",
        )
    return Shelf.of(root)


def _is_shown(root: Path) -> bool:
    return (root / INFO).is_file() or (Workspace.place(root) / "pending").is_dir()


def _stamp(root: Path) -> object:
    """Return what changes with every commit to a dataset."""
    stamps: list[tuple[int, int, int] | None] = []
    for path in (root / INFO, Workspace.place(root) / "journal.json"):
        try:
            found = path.stat()
        except OSError:
            stamps.append(None)
        else:
            stamps.append((found.st_mtime_ns, found.st_size, found.st_ino))
    return tuple(stamps)
