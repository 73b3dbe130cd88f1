"""Where the files of a dataset lie: path templates, followed only inside the dataset's own folder.

Templates and names in them come from a file: they are input, not code. A template may name whole numbers and the
camera, nothing else; a path that leaves the root, by itself or through a symbolic link, is refused.
"""

from __future__ import annotations

import glob
import os
import re
import stat
import string
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from lerotool.errors import CorruptDatasetError, MetadataError
from lerotool.wording import as_argument

if TYPE_CHECKING:
    from lerotool.dataset.formats import FormatVersion
    from lerotool.dataset.info import DatasetInfo

LINKED = "LEROTOOL_LINKED_FOLDERS"
"""Folders outside of a dataset that links in it may lead to, for reading; several as in PATH."""
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
TIMING_PATH = "meta/lerotool/timing/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
RECORDINGS = Path("meta", "lerotool", "recordings")
RECORDINGS_PATH = "meta/lerotool/recordings/chunk-{chunk_index:03d}/file-{file_index:03d}.jsonl"

TASKS = Path("meta", "tasks.parquet")
STATS = Path("meta", "stats.json")
EPISODES = Path("meta", "episodes")
EPISODE_LINES = Path("meta", "episodes.jsonl")
EPISODE_STATS_LINES = Path("meta", "episodes_stats.jsonl")

_NUMBER_SPEC = re.compile(r"(0?[1-9])?d?")
_HINT = "correct the template by hand; LeRobot's own is {0!r}"


@dataclass(frozen=True, slots=True)
class Files:
    """Where a reader finds the files of a dataset; names are relative to its folder, with forward slashes."""

    root: Path  # the dataset's folder
    # Names whose file is not the one of that name, and the name of the one that is; where a name did not exist before
    # an interrupted commit, that of a file that does not exist.
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def name(self, name: str) -> str:
        """Return the name under which a file really lies."""
        return self.elsewhere.get(name, name)

    def path(self, name: PurePath | str) -> Path:
        """Return where a file lies, whether it exists or not."""
        return self.root / self.name(PurePath(name).as_posix())

    def glob(self, folder: PurePath, pattern: str) -> list[str]:
        """Return the names of the files in a folder that match a pattern without ``**``, in order."""
        found = {path.relative_to(self.root).as_posix() for path in (self.root / folder).glob(pattern)}
        found -= self.elsewhere.keys()
        whole = PurePosixPath(PurePath(folder).as_posix(), pattern)
        for name, real in self.elsewhere.items():
            path = PurePosixPath(name)
            if len(path.parts) == len(whole.parts) and path.match(str(whole)) and (self.root / real).is_file():
                found.add(name)
        return sorted(found, key=PurePosixPath)


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path template that has been found harmless."""

    text: str  # as in the file, in Python's format notation
    place: str  # where it stands, for messages

    @classmethod
    def parse(cls, text: str, numbers: frozenset[str], place: str, *, usual: str) -> PathTemplate:
        """Check a template."""
        hint = _HINT.format(usual)
        try:
            fields = [(name, spec, by) for _, name, spec, by in string.Formatter().parse(text) if name is not None]
        except ValueError as error:
            raise MetadataError(f"{place}: {text!r} is not a path template: {error}", hint=hint) from error
        for name, spec, conversion in fields:
            allowed = spec == "" if name == "video_key" else name in numbers and _NUMBER_SPEC.fullmatch(spec or "")
            if not allowed or conversion is not None:
                known = ", ".join(sorted(numbers | {"video_key"}))
                raise MetadataError(f"{place}: {text!r} uses {{{name}}}, expected only {known}", hint=hint)
        literal = "".join(part for part, *_ in string.Formatter().parse(text))
        if not literal.strip() and not fields:
            raise MetadataError(f"{place}: the template is empty", hint=hint)
        template = cls(text, place)
        template.fill(dict.fromkeys(numbers, 0), "camera")
        return template

    def fill(self, numbers: dict[str, int], camera: str) -> str:
        """Return the path, relative to the root, with ``/`` between its parts."""
        path = self.text.format(**numbers, video_key=camera)
        check_relative(path, self.place)
        return path

    def pattern(self, camera: str) -> str:
        """Return a glob pattern of all paths that the template has for a camera."""
        parts = []
        for literal, name, *_ in string.Formatter().parse(self.text):
            parts.append(glob.escape(literal))
            if name is not None:
                parts.append(glob.escape(camera) if name == "video_key" else "*")
        return "".join(parts)

    def read(self, path: str, camera: str) -> dict[str, int] | None:
        """Return the numbers in a path that `fill` has made; None for any other path."""
        parts, seen = [], set()
        for literal, name, *_ in string.Formatter().parse(self.text):
            parts.append(re.escape(literal))
            if name == "video_key":
                parts.append(re.escape(camera))
            elif name is not None:
                parts.append(f"(?P={name})" if name in seen else rf"(?P<{name}>\d{{1,18}})")
                seen.add(name)
        found = re.fullmatch("".join(parts), path, re.ASCII)
        return None if found is None else {name: int(digits) for name, digits in found.groupdict().items()}


def check_relative(path: str, place: str) -> None:
    """Refuse a path that is not one below a folder, on any operating system."""
    windows = PureWindowsPath(path)
    is_inside = not (windows.drive or windows.root) and ".." not in windows.parts and windows.parts
    if not is_inside or not path.isprintable() or any(0xD800 <= ord(letter) < 0xE000 for letter in path):
        raise MetadataError(f"{place}: {path!r} is not a path inside the dataset's folder")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one dataset's files. All methods return paths that lie inside the root, whether they exist or not."""

    files: Files
    version: FormatVersion
    chunks_size: int
    data: PathTemplate
    video: PathTemplate

    @classmethod
    def of(cls, root: Path, info: DatasetInfo, files: Files | None = None) -> Layout:
        """Return the layout that ``info.json`` states."""
        version = info.codebase_version
        data, video = (
            PathTemplate.parse(
                text or usual, frozenset(version.path_numbers), f"{root / 'meta' / 'info.json'}, {key!r}", usual=usual
            )
            for key, text, usual in (
                ("data_path", info.data_path, version.data_path),
                ("video_path", info.video_path, version.video_path),
            )
        )
        return cls(files or Files(root), version, info.chunks_size, data, video)

    @property
    def root(self) -> Path:
        """The dataset's folder."""
        return self.files.root

    def data_path(self, chunk_index: int, file_index: int) -> Path:
        """Return a data file's path; in v2.x the file number is the episode's."""
        return self._fill(self.data, chunk_index, file_index, "")

    def video_path(self, camera: str, chunk_index: int, file_index: int) -> Path:
        """Return a video file's path; in v2.x the file number is the episode's."""
        return self._fill(self.video, chunk_index, file_index, camera)

    def data_number(self, path: Path) -> tuple[int, int] | None:
        """Return the chunk and file number of a data file; None where the template has no such path."""
        return self._read(self.data, path, "")

    def video_number(self, camera: str, path: Path) -> tuple[int, int] | None:
        """Return the chunk and file number of a camera's video file; None where the template has no such path."""
        return self._read(self.video, path, camera)

    def videos(self, camera: str) -> dict[tuple[int, int], Path]:
        """Return the video files of a camera that are there, by chunk and file number; none behind a link outside."""
        found = {}
        for path in sorted(self.root.glob(self.video.pattern(camera))):
            number = self.video_number(camera, path)
            if (
                number is None
                or not path.is_file()
                or not leads_inside(self.root, path.relative_to(self.root).as_posix())
            ):
                continue
            if self.video_path(camera, *number) == path:
                found[number] = path
        return found

    def episodes_path(self, chunk_index: int, file_index: int) -> Path:
        """Return the path of a file of the episode table (v3.0)."""
        return self.files.path(EPISODES_PATH.format(chunk_index=chunk_index, file_index=file_index))

    def timing_path(self, chunk_index: int, file_index: int) -> Path:
        """Return the path of the measured times that belong to the data file of the same numbers."""
        return self.files.path(TIMING_PATH.format(chunk_index=chunk_index, file_index=file_index))

    def recordings_path(self, chunk_index: int, file_index: int) -> Path:
        """Return the path of the recording reports that belong to the episodes file of the same numbers."""
        return self.files.path(RECORDINGS_PATH.format(chunk_index=chunk_index, file_index=file_index))

    def _fill(self, template: PathTemplate, chunk_index: int, file_index: int, camera: str) -> Path:
        relative = template.fill(dict(zip(self.version.path_numbers, (chunk_index, file_index), strict=True)), camera)
        return inside(self.root, self.files.name(relative))

    def _read(self, template: PathTemplate, path: Path, camera: str) -> tuple[int, int] | None:
        numbers = template.read(path.relative_to(self.root).as_posix(), camera)
        if numbers is None:
            return None
        chunk, file = self.version.path_numbers
        if file not in numbers:
            return None
        usual = numbers[file] // self.chunks_size if self.version.has_files_of_episodes else 0
        return numbers.get(chunk, usual), numbers[file]


def inside(root: Path, relative: str) -> Path:
    """Return ``root / relative`` after making sure that no symbolic link leads out of the root.

    The Hub's own cache, whose files are links into the ``blobs`` folder beside its ``snapshots``, is let through, and
    so are the folders that the user allows by the environment variable `LINKED`.
    """
    path = root / relative
    if not leads_inside(root, relative):
        real = os.path.realpath(path)
        allowed = as_argument(_linked_folder(root, relative))
        raise CorruptDatasetError(
            f"{path}: a symbolic link leads out of the dataset, to {real!r}",
            hint=f"copy the files into the dataset's folder, or allow the other one: export {LINKED}={allowed}",
        )
    return path


def leads_inside(root: Path, relative: str) -> bool:
    """Whether no symbolic link on the way to ``root / relative`` leads to where `inside` lets nobody read."""
    if sys.platform != "win32" and not _has_link(root, relative):
        return True
    real_root = os.path.realpath(root)
    homes = [real_root]
    snapshots = os.path.dirname(real_root)  # noqa: PTH120 - text in, text out
    if os.path.basename(snapshots) == "snapshots":  # noqa: PTH119
        homes.append(os.path.join(os.path.dirname(snapshots), "blobs"))  # noqa: PTH118, PTH120
    homes += [os.path.realpath(home) for home in os.environ.get(LINKED, "").split(os.pathsep) if home]
    return _is_below(os.path.realpath(root / relative), homes)


def inside_for_writing(root: Path, relative: str) -> Path:
    """Return ``root / relative`` after making sure that nobody writes or removes anything outside of the root."""
    path = root / relative
    if sys.platform != "win32" and not _has_link(root, relative):
        return path
    real = os.path.realpath(path)
    if not _is_below(real, [os.path.realpath(root)]):
        raise CorruptDatasetError(
            f"{path}: a symbolic link leads out of the dataset, to {real!r}; nothing is written there",
            hint=f"make a copy of your own first: lerotool merge {as_argument(root)} -o {as_argument(f'{root}-copy')}",
        )
    return path


def _is_below(real: str, homes: list[str]) -> bool:
    return any(real == home or real.startswith(home.rstrip(os.sep) + os.sep) for home in homes)


def _linked_folder(root: Path, relative: str) -> str:
    """Return the folder that the first link on a path leads to, or that holds the file that it leads to."""
    place = root
    for part in Path(relative).parts:
        place /= part
        if place.is_symlink():
            break
    real = os.path.realpath(place)
    return real if os.path.isdir(real) else os.path.dirname(real)  # noqa: PTH112, PTH120 - text in, text out


def _has_link(root: Path, relative: str) -> bool:
    """Whether a part of the path below the root is a symbolic link; far quicker than to resolve all of the path."""
    place = str(root)
    for part in relative.split("/"):
        place = f"{place}{os.sep}{part}"
        try:
            if stat.S_ISLNK(os.lstat(place).st_mode):
                return True
        except OSError:
            return False  # what is not there leads nowhere
    return False
