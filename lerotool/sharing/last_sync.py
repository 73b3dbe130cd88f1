"""Which repository on the Hub a dataset is, and what both last had in common: ``.lerotool/hub.json``, by branch.

Without it nobody could tell whether the Hub has something newer, or this machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from lerotool.dataset.documents import read_object
from lerotool.errors import CorruptDatasetError, MetadataError, UsageError
from lerotool.storage import make_directory, write_json
from lerotool.wording import as_argument
from lerotool.workspace import Workspace, dataset_root, lerobot_home

_NAME = "hub.json"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_LOCAL = "local"
"""The user of datasets that were recorded under no other name; nobody on the Hub."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A commit that was about to be made, and may have been: its parent, and a digest of its names and sizes."""

    parent: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class LastSync:
    """What was last pulled or pushed."""

    commit: str | None = None  # on the Hub; None if there was none
    # What each file held then, by its path, as the Hub names contents.
    files: Mapping[str, str] = field(default_factory=dict)
    attempt: Attempt | None = None  # a push whose end is not known


class _Document(BaseModel):
    """What ``hub.json`` holds."""

    last: str
    repositories: dict[str, dict[str, LastSync]]


class SyncMemory:
    """The memory of one dataset."""

    def __init__(self, root: Path) -> None:
        self._path = Workspace(root).folder / _NAME
        self._document = self._read()

    def _read(self) -> _Document:
        if not self._path.is_file():
            return _Document(last="", repositories={})
        try:
            return _Document.model_validate(read_object(self._path))
        except (ValidationError, MetadataError, CorruptDatasetError):
            raise MetadataError(
                f"{self._path}: expected what was last pulled or pushed, found something else",
                hint="remove the file; then --replace is needed once",
            ) from None

    @property
    def repository(self) -> str | None:
        """The repository that was last pulled from or pushed to."""
        return self._document.last or None

    def last(self, repository: str, branch: str) -> LastSync:
        """Return what was last in common with a branch of a repository."""
        return self._document.repositories.get(repository, {}).get(branch, LastSync())

    def remember(self, repository: str, branch: str, sync: LastSync) -> None:
        """Keep what is in common now, durably."""
        self._take(repository, branch, sync)
        make_directory(self._path.parent)
        write_json(self._path, self._document.model_dump())

    def write_beside(self, repository: str, branch: str, sync: LastSync, folder: Path) -> Path:
        """Write into another folder what `remember` would write, for a commit to put in place; return the file."""
        self._take(repository, branch, sync)
        write_json(folder / _NAME, self._document.model_dump())
        return folder / _NAME

    def _take(self, repository: str, branch: str, sync: LastSync) -> None:
        self._document.repositories.setdefault(repository, {})[branch] = sync
        self._document.last = repository


def digest_of(files: Iterable[tuple[str, int]]) -> str:
    """Return a digest of the names and sizes of files."""
    lines = "".join(f"{path}\0{size}\n" for path, size in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def check_repository(name: str) -> str:
    """Return the name of a repository; refuse what cannot be one."""
    if not _REPOSITORY.fullmatch(name):
        raise UsageError(
            f"{name!r} is not the name of a dataset on the Hub", hint="expected USER/NAME, as in me/pick-cube"
        )
    return name


def repository_for(wanted: str | None, root: Path, last: str | None) -> str:
    """Return ``user/name`` of the repository that a dataset is pushed to."""
    if wanted is not None:
        return check_repository(wanted)
    if last is not None:
        return check_repository(last)
    try:
        name = root.resolve().relative_to(lerobot_home().resolve()).as_posix()
    except ValueError:
        name = ""
    if _REPOSITORY.fullmatch(name) and not name.startswith(f"{_LOCAL}/"):
        return name
    raise UsageError(
        f"{str(root)!r}: nothing tells which dataset on the Hub this is",
        hint=f"lerotool push {as_argument(root)} --repo-id USER/NAME",
    )


def repository_of_argument(argument: str, wanted: str | None) -> str:
    """Return ``user/name`` on the Hub of a dataset argument, whether the dataset is on this machine or not."""
    root = dataset_root(argument)
    if wanted is None and not root.is_dir():
        return check_repository(argument)
    return repository_for(wanted, root, SyncMemory(root).repository if root.is_dir() else None)
