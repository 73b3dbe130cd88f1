"""What a power cut leaves on the disk: only what was flushed, as far as anybody may rely on it.

A file's contents are those of its last flush; a file never flushed is empty. A name is where it was when its folder
was last flushed. A rename is one step: it is safe in both folders as soon as one of them has been flushed, as all
journalling file systems have it. Names not yet flushed may have been written all the same, so each cut has variants.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath

from harness.faults.calls import Call


class Names(StrEnum):
    """What has become of names that were not flushed."""

    DROPPED = "dropped"
    HALF = "half"
    """The first half of the changes is on the disk."""
    KEPT = "kept"


@dataclass(eq=False, slots=True)
class _File:
    contents: Path | None = None
    """Where a copy of what was flushed lies; None if nothing was."""


@dataclass(eq=False, slots=True)
class _Folder:
    now: dict[str, _File | _Folder] = field(default_factory=dict)
    safe: dict[str, _File | _Folder] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of names; what is set to None goes."""

    entries: tuple[tuple[_Folder, str, _File | _Folder | None], ...]

    def touches(self, folders: set[int]) -> bool:
        return any(id(folder) in folders for folder, _, _ in self.entries)


@dataclass(frozen=True, slots=True)
class Cut:
    """The disk after a power cut.

    Attributes:
        at: how many calls of the log had been made.
        names: which variant.
        files: contents by path, relative; None is an empty file.
        folders: relative paths of all folders.
    """

    at: int
    names: Names
    files: dict[str, Path | None]
    folders: tuple[str, ...]

    @property
    def signature(self) -> str:
        """The same for the same disk."""
        return hashlib.sha256(repr((sorted(self.files.items()), sorted(self.folders))).encode()).hexdigest()

    def restore(self, folder: Path) -> None:
        """Make the disk as it would be found, in a folder that does not exist yet."""
        folder.mkdir(parents=True)
        for name in self.folders:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, contents in self.files.items():
            if contents is None:
                (folder / name).touch()
            else:
                shutil.copyfile(contents, folder / name)


def power_cuts(before: Path, folder: Path, calls: Sequence[Call], copies: Path) -> Iterator[Cut]:
    """Yield every different disk that a power cut can leave, each with the last call after which it would.

    Args:
        before: the tree as it was when the first call was made, all of it safe.
        folder: where the tree lay when the calls were made.
        calls: all of them, marks included.
        copies: the contents of files when they were flushed, named by the call's number.
    """
    disk = _Disk(before, folder, copies)
    newest: dict[Names, Cut] = {names: disk.cut(0, names) for names in Names}
    for number, call in enumerate(calls):
        if call.error == 0:
            disk.apply(call)
        for names in Names:
            cut = disk.cut(number + 1, names)
            if cut.signature != newest[names].signature:
                yield newest[names]
            newest[names] = cut
    yield from newest.values()


class _Disk:
    """What is there now, and what of it is safe."""

    def __init__(self, before: Path, folder: Path, copies: Path) -> None:
        self._folder = PurePosixPath(folder)
        self._copies = copies
        self._root = _load(before)
        self._open: list[_Change] = []

    def apply(self, call: Call) -> None:
        """Take in a call that succeeded."""
        path, other = self._relative(call.path), self._relative(call.other)
        match call.name:
            case "open" | "stdio" if call.note != "old" and path is not None:
                if self._find(path) is None:
                    self._set((path, _File()))
            case "mkdir" if path is not None:
                self._set((path, _Folder()))
            case "unlink" | "rmdir" if path is not None:
                self._set((path, None))
            case "rename" if path is not None and other is not None:
                self._set((path, None), (other, self._find(path)))
            case "link" if other is not None:
                source = self._find(path) if path is not None else None
                self._set((other, source or _File(Path(call.path))))
            case "sync" if path is not None:
                file = self._find(path)
                if isinstance(file, _File):
                    file.contents = self._copies / str(call.number)
            case "syncdir" if path is not None:
                self._flush(path)
            case "symlink":
                raise NotImplementedError("symbolic links are not followed here")

    def cut(self, at: int, names: Names) -> Cut:
        """Return what is left when the power goes."""
        count = {Names.DROPPED: 0, Names.HALF: len(self._open) // 2, Names.KEPT: len(self._open)}[names]
        changed: dict[int, dict[str, _File | _Folder]] = {}
        for change in self._open[:count]:
            for folder, name, node in change.entries:
                _put(changed.setdefault(id(folder), dict(folder.safe)), name, node)
        files: dict[str, Path | None] = {}
        folders: list[str] = []

        def walk(folder: _Folder, place: str) -> None:
            for name, node in changed.get(id(folder), folder.safe).items():
                if isinstance(node, _File):
                    files[place + name] = node.contents
                else:
                    folders.append(place + name)
                    walk(node, f"{place}{name}/")

        walk(self._root, "")
        return Cut(at, names, files, tuple(folders))

    def _relative(self, path: str) -> PurePosixPath | None:
        inside = PurePosixPath(path)
        if not path or path.endswith(" (deleted)") or not inside.is_relative_to(self._folder):
            return None
        return inside.relative_to(self._folder)

    def _find(self, path: PurePosixPath) -> _File | _Folder | None:
        node: _File | _Folder | None = self._root
        for part in path.parts:
            node = node.now.get(part) if isinstance(node, _Folder) else None
        return node

    def _set(self, *entries: tuple[PurePosixPath, _File | _Folder | None]) -> None:
        found = []
        for path, node in entries:
            parent = self._find(path.parent)
            assert isinstance(parent, _Folder), f"{path} is changed in a folder that is not there"
            _put(parent.now, path.name, node)
            found.append((parent, path.name, node))
        self._open.append(_Change(tuple(found)))

    def _flush(self, path: PurePosixPath) -> None:
        """Make a folder's changes safe, and those before them in the folders that they have to do with."""
        folders = {id(self._find(path))}
        safe: list[_Change] = []
        for change in reversed(self._open):
            if change.touches(folders):
                safe.append(change)
                folders |= {id(folder) for folder, _, _ in change.entries}
        for change in reversed(safe):
            for folder, name, node in change.entries:
                _put(folder.safe, name, node)
        self._open = [change for change in self._open if change not in safe]


def _put(entries: dict[str, _File | _Folder], name: str, node: _File | _Folder | None) -> None:
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node


def _load(path: Path) -> _Folder:
    """Return a tree of which all is safe."""
    folder = _Folder()
    for entry in sorted(path.iterdir()):
        node = _load(entry) if entry.is_dir() else _File(entry)
        folder.now[entry.name] = folder.safe[entry.name] = node
    return folder
