"""The file of the commit journal: a dataset changes in one step, whatever interrupts it.

Every new file is written complete and synced somewhere inside the dataset's folder. A commit
(`lerotool.dataset.writing.journal`) then writes ``.lerotool/journal.json``, which lists what is to happen, and carries
it out: renames, removals, ``meta/info.json`` last; pending episodes that are now part of the dataset are marked; then
the journal goes, and the rest is tidied up.

What a commit replaces or removes is kept in ``before`` in its staging folder until the journal has gone. So as long as
there is a journal, readers see the dataset as it was before (`lerotool.dataset.reading.changes`), and change nothing.
The next process that writes to the dataset repeats the list to its end. The moment at which the journal is on the disk
decides that this will happen; the moment at which it goes, what readers see.

A journal may come with a dataset from anywhere. It counts only if every file that it moves is there or in its place,
with the size and the check sum that the journal states; anything else is ignored by readers and refused by writers.

Every step can be repeated. A source is a name that nothing else is ever moved to, so a source that is gone has been
moved.

    {"schema": 2,
     "renames": [{"source": ".lerotool/staging/1f3a9c0e/data.parquet", "target": "data/chunk-000/file-003.parquet",
                  "size": 43611, "sha256": "…"}, …],
     "replaced": ["meta/info.json", …],
     "removals": ["data/chunk-000/file-004.parquet", …],
     "consumed": [".lerotool/pending/episode-000012-1f3a9c0e", …],
     "staging": ".lerotool/staging/1f3a9c0e"}

Schema 1, of the first release, has neither sizes nor sums nor ``replaced``, and kept nothing: readers refuse the
dataset where such a commit was interrupted in the middle.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, TypeAdapter, ValidationError

from lerotool.dataset.layout import check_relative, inside_for_writing
from lerotool.errors import CorruptDatasetError
from lerotool.wording import problems
from lerotool.workspace import Workspace

_BEFORE = "before"
_OWN = ".lerotool"
_LARGEST_BYTES = 64 << 20


def _inside(text: str) -> str:
    check_relative(text, "the journal")
    if "\\" in text:
        raise ValueError(f"{text!r} is not a path inside the dataset")
    return text


def _in_pending(text: str) -> str:
    if PurePosixPath(text).parts[:-1] != (_OWN, "pending"):
        raise ValueError(f"{text!r} is not a pending episode")
    return text


def _in_staging(text: str) -> str:
    if PurePosixPath(text).parts[:-1] != (_OWN, "staging"):
        raise ValueError(f"{text!r} is not a staging folder")
    return text


_Inside = Annotated[str, AfterValidator(_inside)]


@dataclass(frozen=True, slots=True)
class Rename:
    """One file that gets its place: both paths relative to the dataset's folder, with forward slashes."""

    source: _Inside
    target: _Inside
    # What shows that the file to be moved is the one that the journal means; not in a journal of the first release.
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """A change of a dataset; all paths relative to its folder, with forward slashes."""

    # Complete new files and where they go; what is there is replaced. No target is another one's source.
    renames: tuple[Rename, ...]
    removals: tuple[_Inside, ...]  # files that belong to the dataset no more; a target is not among them
    # Pending episodes that the dataset contains from now on.
    consumed: tuple[Annotated[_Inside, AfterValidator(_in_pending)], ...]
    # The folder in which the new files were made; it is removed at the end.
    staging: Annotated[_Inside, AfterValidator(_in_staging)]
    replaced: tuple[_Inside, ...] = ()  # targets that are kept as they were
    schema: Literal[1, 2] = 2

    @property
    def keeps(self) -> bool:
        """Whether the state before is kept."""
        return self.schema == 2

    def before(self, name: str) -> str:
        """Return where a file is kept that is replaced or removed."""
        return f"{self.staging}/{_BEFORE}/{name}"


_PARSER = TypeAdapter(Commit)


def size_and_sum(path: Path) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file."""
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


def read_journal(workspace: Workspace) -> Commit | None:
    """Return what the journal states, None without one."""
    path = workspace.journal
    try:
        if (size := path.stat().st_size) > _LARGEST_BYTES:
            raise CorruptDatasetError(f"{path}: {size} bytes, expected the list of a change")
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    change = parse_journal(path, text)
    check_links(workspace.root, change)
    if (problem := _strangeness(workspace.root, change)) is not None:
        raise CorruptDatasetError(f"{path}: this list of a change does not belong to the dataset: {problem}")
    return change


def _strangeness(root: Path, change: Commit) -> str | None:
    """Return what shows that a journal is not this dataset's; None if it is."""
    if not change.renames:
        return "it moves nothing"
    for rename in change.renames:
        if not change.keeps and not is_own(rename.source) and not is_own(rename.target):
            return f"{rename.source!r} is not a new file"
        if not any(_is_meant(root / name, rename) for name in (rename.source, rename.target)):
            return f"neither {rename.source!r} nor {rename.target!r} is the file that it means"
    kept = (*change.replaced, *(name for name in change.removals if not (root / name).exists()))
    if change.keeps and (lost := [name for name in kept if not (root / change.before(name)).exists()]):
        return f"{change.before(lost[0])!r} is missing"
    return None


def _is_meant(path: Path, rename: Rename) -> bool:
    if not path.is_file() or rename.sha256 is None:
        return path.is_file()
    return path.stat().st_size == rename.size and size_and_sum(path)[1] == rename.sha256


def is_own(name: str) -> bool:
    """Whether a path lies in lerotool's own folder."""
    return name.startswith(f"{_OWN}/")


def check_links(root: Path, change: Commit) -> None:
    """Refuse a change that reaches outside through a link; journals and links may come from anywhere with a dataset."""
    paths = [path for rename in change.renames for path in (rename.source, rename.target)]
    paths += [change.before(rename.target) for rename in change.renames]
    paths += [path for name in change.removals for path in (name, change.before(name))]
    folders = {PurePosixPath(path).parent for path in paths}
    folders.update(PurePosixPath(path) for path in (*change.consumed, change.staging))
    for name in folders:
        inside_for_writing(root, name.as_posix())


def parse_journal(path: Path, text: bytes) -> Commit:
    """Return what the text of a journal states; ``path`` is for messages."""
    try:
        change = _PARSER.validate_json(text)
    except ValidationError as error:
        raise CorruptDatasetError(f"{path}: {problems(error)[0]}") from None
    if change.keeps and any(rename.size is None or rename.sha256 is None for rename in change.renames):
        raise CorruptDatasetError(f"{path}: renames: expected the size and the check sum of every file")
    return change


def is_decided(workspace: Workspace) -> bool:
    """Whether a change of this dataset waits to be finished."""
    return read_journal(workspace) is not None
