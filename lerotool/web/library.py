"""The datasets that pages may show: those that were named, or those in the LeRobot home. Nothing else is ever read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.info import INFO
from lerotool.dataset.reading.changes import edition
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
        key = hashlib.sha256(str(absolute).encode()).hexdigest()[:_KEY_DIGITS]
        return cls(key, name or dataset_name(absolute), absolute)


@dataclass(frozen=True, slots=True)
class Opened:
    """A dataset as it was at one moment."""

    edition: str  # changes whenever the dataset may have: pictures of one edition never change
    dataset: Dataset  # open


class Library:
    """Datasets by the keys that addresses have, opened once and again when they have changed."""

    def __init__(self, named: Sequence[str | Shelf] = ()) -> None:
        self._named = [each if isinstance(each, Shelf) else _named(each) for each in named]
        self._seen: dict[str, Shelf] = {shelf.key: shelf for shelf in self._named}
        self._opened: dict[str, Opened] = {}

    def shelves(self) -> list[Shelf]:
        """Return what there is to show now, in order of names."""
        if self._named:
            return self._named
        found = [Shelf.of(root, name) for name, root, _ in dataset_places()]
        self._seen = {shelf.key: shelf for shelf in found}
        return sorted(found, key=lambda shelf: shelf.name.lower())

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
        known = self._opened.get(shelf.key)
        if known is None or known.edition != now:
            known = self._opened[shelf.key] = Opened(now, Dataset.open(shelf.root))
        return known


def _named(argument: str) -> Shelf:
    root = dataset_root(argument)
    if (root / INFO).is_file() or (Workspace.place(root) / "pending").is_dir():
        return Shelf.of(root)
    raise DatasetNotFoundError(
        f"{argument!r} is neither a dataset nor a folder with pending episodes",
        hint="lerotool view without a name shows everything in the LeRobot home",
    )
