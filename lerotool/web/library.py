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
from lerotool.dataset.edition import edition
from lerotool.dataset.info import INFO
from lerotool.errors import DatasetNotFoundError
from lerotool.sharing.listing import dataset_places
from lerotool.workspace import Workspace, dataset_name, dataset_root

_KEY_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Shelf:
    """A dataset that pages may show; it need not be there yet, or any more."""

    key: str  # its name in addresses: says nothing about where it lies, and stays the same
    name: str  # for people
    root: Path  # its folder

    @classmethod
    def of(cls, root: Path, name: str | None = None) -> Shelf:
        """Return the shelf of a folder."""
        absolute = Path(os.path.abspath(root))  # noqa: PTH100 - links must stay as they are
        return cls(_digest(str(absolute)), name or dataset_name(absolute), absolute)


@dataclass(frozen=True, slots=True)
class Opened:
    """A dataset as it was at one moment."""

    edition: str  # changes whenever the dataset may have: pictures of one edition never change
    dataset: Dataset  # open


class Library:
    """Datasets by the keys that addresses have, opened once and again when they have changed."""

    def __init__(self, named: Sequence[str] = ()) -> None:
        self._named = [_named(argument) for argument in named]
        self._lock = threading.Lock()
        self._seen: dict[str, Shelf] = {shelf.key: shelf for shelf in self._named}
        self._opened: dict[str, Opened] = {}

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
        """Return a dataset by its key."""
        if key not in self._seen:
            self.shelves()
        if (shelf := self._seen.get(key)) is not None:
            return shelf
        raise DatasetNotFoundError("dataset not found here", hint="it may have been moved: go back to the list")

    def open(self, shelf: Shelf) -> Opened:
        """Return a dataset as it is now, and which edition that is."""
        now = edition(shelf.root)
        with self._lock:
            known = self._opened.get(shelf.key)
        if known is not None and known.edition == now:
            return known
        opened = Opened(now, Dataset.open(shelf.root))
        with self._lock:
            self._opened[shelf.key] = opened
        return opened

    def dataset(self, shelf: Shelf) -> Dataset:
        """Return a dataset as it is now; raises like `open`."""
        return self.open(shelf).dataset


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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]
