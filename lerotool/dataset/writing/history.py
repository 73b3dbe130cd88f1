"""What changes of a dataset have replaced, and the way back: ``.lerotool/history/<number>-<time>/``, one a change.

In such a folder, its *entry*, lie the files as they were, under the paths that they had in the dataset and with
``.kept`` behind their names: LeRobot 0.3 counts every ``.parquet`` and ``.mp4`` below a dataset. Beside them is
``change.json``, which appears in the same step as the change itself:

    {"schema": 1,
     "command": "lerotool check DATASET --repair",
     "kept": ["meta/info.json", …],
     "written": {"meta/info.json": "<sha256>", …},
     "details": {…},
     "is_undone": false}

``written`` has the files that the change made, as it left them; those that are not in ``kept`` did not exist before.
A change of several commits has one entry, which each of them extends. Whoever takes a change back commits the kept
files and ``change.json`` with ``is_undone`` in one step; then the entry is removed.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from lerotool.dataset.journal_file import size_and_sum
from lerotool.dataset.layout import check_relative
from lerotool.dataset.writing import journal
from lerotool.dataset.writing.staging import Staging
from lerotool.errors import CorruptDatasetError
from lerotool.storage import write_json
from lerotool.wording import problems
from lerotool.workspace import Workspace

LEDGER = "change.json"
DATASET = "DATASET"
"""Stands in the command of an entry for the dataset, which may be moved."""
LEFT_OUT = "left_out"
"""The key in the details of an entry whose change has left out rows or pictures because somebody wanted that."""
_FORGOTTEN = "forgotten-"
KEPT = ".kept"
"""Stands behind the names of kept files."""


def _in_dataset(text: str) -> str:
    check_relative(text, LEDGER)
    if "\\" in text or text.split("/", maxsplit=1)[0] == ".lerotool":
        raise ValueError(f"{text!r} is not a file of the dataset")
    return text


_Name = Annotated[str, AfterValidator(_in_dataset)]


class _Ledger(BaseModel):
    version: Literal[1] = Field(alias="schema")
    command: str
    kept: list[_Name]
    written: dict[_Name, str]
    details: dict[str, Any]
    is_undone: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A change that can be taken back."""

    folder: Path  # of the entry
    command: str  # that made the change
    kept: tuple[str, ...] = ()  # files that it replaced or removed
    written: Mapping[str, str] = field(default_factory=dict)  # check sums of the files that it made, by name
    details: Mapping[str, Any] = field(default_factory=dict)  # what else the command wants to know of it

    def original(self, name: str) -> Path:
        """Return where a file is kept as it was."""
        path = self.folder / name
        return path.with_name(path.name + KEPT)

    @property
    def leaves_out(self) -> bool:
        """Whether rows or pictures that are not in the dataset any more were left out on purpose."""
        return LEFT_OUT in self.details

    @property
    def made(self) -> str:
        """When the change was made, such as 2026-11-29T08-51-00Z."""
        return self.folder.name.partition("-")[2]

    @property
    def added(self) -> tuple[str, ...]:
        """Files that did not exist before the change."""
        return tuple(name for name in self.written if name not in set(self.kept))

    def document(self, *, is_undone: bool = False) -> dict[str, Any]:
        """Return what ``change.json`` holds."""
        return {
            "schema": 1,
            "command": self.command,
            "kept": list(self.kept),
            "written": dict(self.written),
            "details": dict(self.details),
            "is_undone": is_undone,
        }


def new_folder(workspace: Workspace, suffix: str = "") -> Path:
    """Return a free name for an entry, which sorts behind all others; the folder is not made."""
    names = [path.name for path in workspace.history.iterdir()] if workspace.history.is_dir() else []
    numbers = [int(number) for name in names if (number := name.partition("-")[0]).isdecimal()]
    now = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    return workspace.history / f"{max(numbers, default=0) + 1:06d}-{now}{suffix}"


def read_entries(workspace: Workspace) -> list[Entry]:
    """Return the changes that can be taken back, oldest first."""
    return [entry for entry, is_undone in _read(workspace) if not is_undone]


def read_undone(workspace: Workspace) -> list[Entry]:
    """Return the changes that have been taken back, and whose entries an interruption has left; raises likewise."""
    return [entry for entry, is_undone in _read(workspace) if is_undone]


def _read(workspace: Workspace) -> Iterator[tuple[Entry, bool]]:
    for path in sorted(workspace.history.glob(f"*/{LEDGER}")):
        try:
            ledger = _Ledger.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise CorruptDatasetError(
                f"{path}: cannot be understood: {problems(error)[0]}",
                hint="it says what a change of the dataset has replaced; restore it or move its folder away",
            ) from None
        entry = Entry(path.parent, ledger.command, tuple(ledger.kept), ledger.written, ledger.details)
        yield entry, ledger.is_undone


class KeepingStaging(Staging):
    """New files of a change that can be taken back: its commit keeps every file that it replaces or removes."""

    def __init__(self, workspace: Workspace, command: str, entry: Entry | None = None) -> None:
        super().__init__(workspace)
        remove_undone(workspace)
        self._root = workspace.root
        self._entry = entry or Entry(new_folder(workspace), command)
        self._removals: dict[Path, None] = {}
        self._keeps: dict[str, str] = {}
        self.details: dict[str, Any] = dict(self._entry.details)

    @property
    def folder(self) -> Path:
        """Where files are kept as they were."""
        return self._entry.folder

    def remove(self, path: Path) -> None:
        """Plan that a file, or every file in a folder, leaves the dataset; one that is staged too is replaced."""
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        self._removals |= dict.fromkeys(file for file in files if file.is_file())

    def removes(self, path: Path) -> bool:
        """Whether a file is planned to leave or to be replaced."""
        return path in self._removals

    def keep(self, path: Path) -> None:
        """Keep a file that stays as it is now, and that a later commit of the same change may replace."""
        self._keeps[self._relative(path)] = check_sum(path)

    def commit(self, removals: Iterable[Path] = (), consumed: Iterable[Path] = ()) -> None:
        """Change the dataset and extend the entry, in one step; without effect where nothing changes."""
        self._record(removals, consumed)

    def record(self) -> Entry | None:
        """Like `commit`; return the entry, or None where nothing changes."""
        return self._record((), ())

    def _record(self, removals: Iterable[Path], consumed: Iterable[Path]) -> Entry | None:
        sources = self.staged()
        leaving = [path for path in dict.fromkeys([*self._removals, *removals]) if self._relative(path) not in sources]
        if not sources and not leaving:
            self.discard()
            return None
        gone = [self._relative(path) for path in leaving]
        known = {*self._entry.kept, *self._entry.written}
        touched = dict.fromkeys([*sources, *gone, *self._keeps])
        kept = [name for name in touched if name not in known and (self._root / name).is_file()]
        written = {**self._entry.written, **self._keeps}
        written |= {name: check_sum(path) for name, path in sources.items()}
        entry = Entry(
            self._entry.folder,
            self._entry.command,
            (*self._entry.kept, *kept),
            {name: digest for name, digest in written.items() if name not in gone},
            self.details,
        )
        for name in kept:
            self.duplicate(self._root / name, entry.original(name))
        self.write_json(entry.folder / LEDGER, entry.document())
        super().commit(leaving, consumed)
        return entry


def check_sum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return size_and_sum(path)[1]


def changed_since(root: Path, entry: Entry) -> list[str]:
    """Return the files that are not as the change left them."""
    changed = [
        name
        for name, digest in entry.written.items()
        if not (root / name).is_file() or check_sum(root / name) != digest
    ]
    return changed + [name for name in entry.kept if name not in entry.written and (root / name).exists()]


def extend(root: Path, entry: Entry, names: Sequence[str]) -> None:
    """Count files that are there now, and did not exist before the change or are kept, as made by it."""
    written = {name: digest for name, digest in entry.written.items() if (root / name).is_file()}
    written |= {name: check_sum(root / name) for name in names}
    extended = Entry(entry.folder, entry.command, entry.kept, written, entry.details)
    write_json(entry.folder / LEDGER, extended.document())


def take_back(workspace: Workspace, entry: Entry, consumed: Iterable[Path] = ()) -> None:
    """Bring back the files as they were before a change, and remove those that it added, in one step.

    The caller holds the writing lock and has seen that nothing has changed since.
    """
    root = workspace.root
    for name in entry.kept:
        if not entry.original(name).is_file():
            raise CorruptDatasetError(f"{entry.original(name)}: the file as it was is missing")
    with Staging(workspace) as staging:
        for name in entry.kept:
            staging.duplicate(entry.original(name), root / name)
        staging.write_json(entry.folder / LEDGER, entry.document(is_undone=True))
        staging.commit([root / name for name in entry.added], consumed)
    remove_undone(workspace)


def remove_undone(workspace: Workspace) -> None:
    """Remove the entries of changes that have been taken back; the caller holds the writing lock."""
    for path in workspace.history.glob(f"*/{LEDGER}"):
        with contextlib.suppress(ValidationError):
            if _Ledger.model_validate_json(path.read_bytes()).is_undone:
                # The ledger goes last: a process that is killed on the way leaves it to tell that the change is undone,
                # and who repeats the undo does not take back the change before it.
                _empty(path.parent)
                remove(workspace, path.parent)


def _empty(entry: Path) -> None:
    """Remove all that an entry keeps, but its ledger."""
    for path in entry.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LEDGER:
            path.unlink()


def remove(workspace: Workspace, entry: Path) -> None:
    """Remove the folder of an entry; the caller holds the writing lock.

    It leaves the history in one step, so that no entry lacks files; what an interruption leaves of it lies in the
    staging folder, which the next process that writes clears.
    """
    away = workspace.staging / f"{_FORGOTTEN}{entry.name}"
    journal.retire(entry, away)
    shutil.rmtree(away)
