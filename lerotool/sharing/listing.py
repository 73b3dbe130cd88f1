"""Which datasets are on this machine: in the LeRobot home, in the Hub's caches, and in folders that are named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from lerotool.arguments import as_path
from lerotool.dataset.documents import read_object
from lerotool.dataset.info import INFO, parse_info
from lerotool.dataset.partial import load_partial
from lerotool.errors import DatasetNotFoundError, LerotoolError
from lerotool.spool.pending import pending_folders
from lerotool.storage import tree_bytes
from lerotool.workspace import Workspace, cached_datasets, hub_caches, is_committed, lerobot_home

_DEPTH = 3
"""``user/name`` has two parts; recordings are often one folder deeper."""
_SECONDS_PER_HOUR = 3600


class Shelf(StrEnum):
    """Where a dataset was found."""

    HOME = "home"
    """In the LeRobot home: commands take it by ``user/name``."""
    CACHE = "cache"
    """In one of the Hub's caches: read by ``user/name``, never written into."""
    FOLDER = "folder"
    """In a folder that was named."""


@dataclass(frozen=True, slots=True)
class ListedDataset:
    """A dataset on this machine, as its ``info.json`` tells.

    Attributes:
        name: as commands take it: ``user/name``, or a folder.
        root: its folder.
        shelf: where it was found.
        version: its format; None where nothing is encoded yet, or it is unknown.
        episodes: how many there are.
        frames: how many there are.
        hours: how long they are.
        bytes: of its files, without lerotool's own.
        pending: recorded episodes that are not encoded yet.
        changed: when it was last changed, seconds since 1970.
        part: what of it is here, in words; None if that is all of it.
        problem: why it cannot be read; None if it can.
    """

    name: str
    root: Path
    shelf: Shelf
    version: str | None
    episodes: int
    frames: int
    hours: float
    bytes: int
    pending: int
    changed: float
    part: str | None
    problem: str | None


def list_datasets(folders: Iterable[str | Path] | None = None) -> tuple[ListedDataset, ...]:
    """Return the datasets on this machine, ordered by name.

    Args:
        folders: where to look instead of the LeRobot home and the Hub's caches.

    Raises:
        DatasetNotFoundError: a named folder is not there.
    """
    if folders is None:
        found = [_look(root, name, shelf) for name, root, shelf in dataset_places()]
    else:
        found = list(_in_folders([as_path("a folder", each) for each in folders]))
    return tuple(sorted(found, key=lambda dataset: (dataset.name, dataset.shelf)))


def dataset_places() -> Iterator[tuple[str, Path, Shelf]]:
    """Yield name and folder of the datasets in the LeRobot home and the Hub's caches, without opening them."""
    home = lerobot_home()
    caches = tuple(dict.fromkeys(hub_caches()))
    for root in _dataset_folders(home, without=caches):
        yield root.relative_to(home).as_posix(), root, Shelf.HOME
    for cache in caches:
        for name, root in cached_datasets(cache):
            # Other programs keep their datasets there, too.
            if _is_lerobots(root):
                yield name, root, Shelf.CACHE


def _in_folders(folders: Iterable[Path]) -> Iterator[ListedDataset]:
    for folder in folders:
        given = folder.expanduser()
        if not given.is_dir():
            raise DatasetNotFoundError(f"{str(given)!r}: the folder does not exist", hint="name a folder with datasets")
        for root in _dataset_folders(given):
            yield _look(root, str(root), Shelf.FOLDER)


def _dataset_folders(top: Path, without: Iterable[Path] = (), depth: int = _DEPTH) -> Iterator[Path]:
    if is_dataset(top):
        yield top
        return
    if not depth or not top.is_dir():
        return
    for path in sorted(top.iterdir()):
        if path.is_dir() and not path.name.startswith(".") and path not in without:
            yield from _dataset_folders(path, without, depth - 1)


def is_dataset(root: Path) -> bool:
    """Whether a folder has a dataset, or pending episodes of one."""
    return (root / INFO).is_file() or Workspace.place(root).is_dir()


def _is_lerobots(root: Path) -> bool:
    try:
        return "codebase_version" in read_object(root / INFO)
    except LerotoolError:
        return False


def _look(root: Path, name: str, shelf: Shelf) -> ListedDataset:
    facts: dict[str, Any] = {"version": None, "episodes": 0, "frames": 0, "hours": 0.0, "pending": 0, "part": None}
    problem = None
    try:
        facts["pending"] = sum(not is_committed(folder) for folder in pending_folders(root))
        if (root / INFO).is_file():
            info = parse_info(read_object(root / INFO), str(root / INFO))
            facts["version"] = info.codebase_version.value
            facts["episodes"], facts["frames"] = info.total_episodes, info.total_frames
            facts["hours"] = info.total_frames / info.fps / _SECONDS_PER_HOUR
        partial = load_partial(root)
        facts["part"] = None if partial is None else str(partial)
    except LerotoolError as error:
        problem = error.message
    size = tree_bytes(root) - tree_bytes(Workspace.place(root))
    return ListedDataset(name, root, shelf, bytes=size, changed=_changed(root), problem=problem, **facts)


def _changed(root: Path) -> float:
    """Return when a dataset was last changed: every commit writes ``info.json``, every recorded episode ``pending``."""
    places = (root / INFO, Workspace.place(root) / "pending", root)
    return max(path.stat().st_mtime for path in places if path.exists())
