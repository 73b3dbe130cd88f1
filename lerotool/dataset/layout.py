"""Where the files of a dataset lie: path templates, followed only inside the dataset's own folder.

Templates and names in them come from a file: they are input, not code. A template may name whole numbers and the
camera, nothing else; a path that leaves the root, by itself or through a symbolic link, is refused.
"""

from __future__ import annotations

import os
import re
import stat
import string
import sys
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from lerotool.dataset.info import DATA_PATH, VIDEO_PATH, DatasetInfo, FormatVersion
from lerotool.errors import CorruptDatasetError, MetadataError

DATA_PATH_V21 = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_PATH_V21 = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
TIMING_PATH = "meta/lerotool/timing/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
RECORDINGS_PATH = "meta/lerotool/recordings/chunk-{chunk_index:03d}/file-{file_index:03d}.jsonl"

TASKS = Path("meta", "tasks.parquet")
TASK_LINES = Path("meta", "tasks.jsonl")
STATS = Path("meta", "stats.json")
EPISODES = Path("meta", "episodes")
EPISODE_LINES = Path("meta", "episodes.jsonl")
EPISODE_STATS_LINES = Path("meta", "episodes_stats.jsonl")

_NUMBER_SPEC = re.compile(r"(0?[1-9])?d?")
_HINT = "correct the template by hand; LeRobot's own is {0!r}"


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path template that has been found harmless.

    Attributes:
        text: as in the file, in Python's format notation.
        place: where it stands, for messages.
    """

    text: str
    place: str

    @classmethod
    def parse(cls, text: str, numbers: frozenset[str], place: str, *, usual: str) -> PathTemplate:
        """Check a template.

        Args:
            text: the template.
            numbers: names of the whole numbers that it may use; the camera is always ``video_key``.
            place: where it stands, for messages.
            usual: LeRobot's own template, for the hint.

        Raises:
            MetadataError: it uses anything but those names, or is no path inside a folder.
        """
        hint = _HINT.format(usual)
        try:
            fields = [(name, spec, by) for _, name, spec, by in string.Formatter().parse(text) if name is not None]
        except ValueError as error:
            raise MetadataError(f"{place}: {text!r} is no path template: {error}", hint=hint) from error
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
        """Return the path, relative to the root, with ``/`` between its parts.

        Raises:
            MetadataError: the path would leave the root.
        """
        path = self.text.format(**numbers, video_key=camera)
        check_relative(path, self.place)
        return path


def check_relative(path: str, place: str) -> None:
    """Refuse a path that is not one below a folder, on any operating system.

    Raises:
        MetadataError: it is absolute, has ``..``, a drive, or characters that no path can have.
    """
    windows = PureWindowsPath(path)
    is_inside = not (windows.drive or windows.root) and ".." not in windows.parts and windows.parts
    if not is_inside or not path.isprintable() or any(0xD800 <= ord(letter) < 0xE000 for letter in path):
        raise MetadataError(f"{place}: {path!r} is not a path inside the dataset's folder")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one dataset's files. All methods return paths that lie inside the root, whether they exist or not."""

    root: Path
    version: FormatVersion
    chunks_size: int
    data: PathTemplate
    video: PathTemplate

    @classmethod
    def of(cls, root: Path, info: DatasetInfo) -> Layout:
        """Return the layout that ``info.json`` states.

        Raises:
            MetadataError: a template is not harmless.
        """
        version = info.codebase_version
        in_episodes = version.has_files_of_episodes
        numbers = frozenset(("episode_chunk", "episode_index") if in_episodes else ("chunk_index", "file_index"))
        usual_data, usual_video = (DATA_PATH_V21, VIDEO_PATH_V21) if in_episodes else (DATA_PATH, VIDEO_PATH)
        data, video = (
            PathTemplate.parse(text or usual, numbers, f"{root / 'meta' / 'info.json'}, {key!r}", usual=usual)
            for key, text, usual in (
                ("data_path", info.data_path, usual_data),
                ("video_path", info.video_path, usual_video),
            )
        )
        return cls(root, version, info.chunks_size, data, video)

    def data_path(self, chunk_index: int, file_index: int) -> Path:
        """Return a data file's path; in v2.x the file number is the episode's.

        Raises:
            MetadataError: the path would leave the root.
            CorruptDatasetError: a symbolic link leads out of the root.
        """
        return self._fill(self.data, chunk_index, file_index, "")

    def video_path(self, camera: str, chunk_index: int, file_index: int) -> Path:
        """Return a video file's path; in v2.x the file number is the episode's.

        Raises:
            MetadataError: the path would leave the root.
            CorruptDatasetError: a symbolic link leads out of the root.
        """
        return self._fill(self.video, chunk_index, file_index, camera)

    def episodes_path(self, chunk_index: int, file_index: int) -> Path:
        """Return the path of a file of the episode table (v3.0)."""
        return self.root / EPISODES_PATH.format(chunk_index=chunk_index, file_index=file_index)

    def timing_path(self, chunk_index: int, file_index: int) -> Path:
        """Return the path of the measured times that belong to the data file of the same numbers."""
        return self.root / TIMING_PATH.format(chunk_index=chunk_index, file_index=file_index)

    def recordings_path(self, chunk_index: int, file_index: int) -> Path:
        """Return the path of the recording reports that belong to the episodes file of the same numbers."""
        return self.root / RECORDINGS_PATH.format(chunk_index=chunk_index, file_index=file_index)

    def _fill(self, template: PathTemplate, chunk_index: int, file_index: int, camera: str) -> Path:
        names = (
            ("episode_chunk", "episode_index") if self.version.has_files_of_episodes else ("chunk_index", "file_index")
        )
        relative = template.fill(dict(zip(names, (chunk_index, file_index), strict=True)), camera)
        return inside(self.root, relative)


def inside(root: Path, relative: str) -> Path:
    """Return ``root / relative`` after making sure that no symbolic link leads out of the root.

    The Hub's own cache, whose files are links into the ``blobs`` folder beside its ``snapshots``, is let through.

    Raises:
        CorruptDatasetError: a link leads out of the root.
    """
    path = root / relative
    if sys.platform != "win32" and not _has_link(root, relative):
        return path
    real_root = os.path.realpath(root)
    real = os.path.realpath(path)
    homes = [real_root]
    snapshots = os.path.dirname(real_root)  # noqa: PTH120 - text in, text out
    if os.path.basename(snapshots) == "snapshots":  # noqa: PTH119
        homes.append(os.path.join(os.path.dirname(snapshots), "blobs"))  # noqa: PTH118, PTH120
    if not any(real == home or real.startswith(home + os.sep) for home in homes):
        raise CorruptDatasetError(
            f"{path}: a symbolic link leads out of the dataset, to {real!r}",
            hint="copy the files into the dataset's folder instead of linking to them",
        )
    return path


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
