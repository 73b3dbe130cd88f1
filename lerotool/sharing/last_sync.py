"""What this machine and the Hub last had in common: ``.lerotool/hub.json``, by repository and branch.

Without it nobody could tell whether the Hub has something newer, or this machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from lerotool.dataset.documents import read_object
from lerotool.errors import CorruptDatasetError, MetadataError
from lerotool.storage import make_directory, write_json
from lerotool.workspace import Workspace

_NAME = "hub.json"


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
