"""What is to be merged and how: the values that the command line and the Python API fill in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from lerotool.dataset.info import FormatVersion
from lerotool.errors import UsageError
from lerotool.workspace import dataset_root

_T = TypeVar("_T")
_SELECTION = re.compile(r"(?P<name>.+):(?P<episodes>\d+(-\d+)?(,\d+(-\d+)?)*)")


class FileMode(StrEnum):
    """What becomes of video files."""

    PACK = "pack"
    """Packets are copied into few files up to the size limit."""
    KEEP = "keep"
    """Files are copied whole."""
    LINK = "link"
    """Files are hard-linked or reflinked where the file system can, else copied whole."""


class Fill(StrEnum):
    """What becomes of a camera that some sources lack."""

    BLACK = "black"
    DROP = "drop"


class Units(StrEnum):
    """What the joint values of an SO arm mean (LeRobot's ``use_degrees``); the gripper is 0..100 in both."""

    DEGREES = "degrees"
    RANGE = "range"
    """-100..100 of the calibrated range."""


@dataclass(frozen=True, slots=True)
class SourceArgument:
    """A dataset to merge, as it was named.

    Attributes:
        label: as typed, without the episodes.
        root: its folder.
        episodes: ranges of episode numbers, the last one included, in the order wanted; None is all.
    """

    label: str
    root: Path
    episodes: tuple[tuple[int, int], ...] | None = None

    @classmethod
    def parse(cls, text: str | Path) -> SourceArgument:
        """Understand ``folder``, ``user/name`` or either of them with ``:0-9,15``.

        Raises:
            UsageError: a range of episodes descends.
        """
        text = str(text)
        match = _SELECTION.fullmatch(text)
        if match is None or dataset_root(text).exists():
            return cls(text, _absolute(text))
        ranges = []
        for part in match["episodes"].split(","):
            first, _, last = part.partition("-")
            ranges.append((int(first), int(last or first)))
            if ranges[-1][1] < ranges[-1][0]:
                raise UsageError(f"{text!r}: {part} is not a range of episodes", hint="write the smaller number first")
        return cls(match["name"], _absolute(match["name"]), tuple(ranges))


def _absolute(text: str) -> Path:
    return Path(os.path.abspath(dataset_root(text)))  # noqa: PTH100 - links must stay as they are


@dataclass(frozen=True, slots=True)
class Scoped(Generic[_T]):
    """Something that is meant for one source, or for all of them.

    Attributes:
        source: number, from 0; None is every source.
        value: what.
    """

    source: int | None
    value: _T

    def applies(self, source: int) -> bool:
        """Whether it is meant for a source."""
        return self.source is None or self.source == source


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How differences are settled and files are made.

    Attributes:
        version: format of the target, v3.0 or v2.1.
        files: what becomes of video files.
        renames: (old, new) names of features.
        drop: features, after renaming, that are left out.
        pad: vectors of different widths become as wide as the widest, aligned by the names of their dimensions.
        ignore_names: vectors are aligned by position whatever their dimensions are called.
        fill_camera: for cameras that some sources lack.
        robot_type: of the result where the sources differ.
        fps: of the result; sources with other rates are resampled by the nearest row.
        units: of the joints of SO arms in the result.
        source_units: what the sources' are, where that cannot be told.
        calibrations: LeRobot calibration files of the arms, needed to convert units.
        retime: timestamps become frame number / fps where a source has other ones.
        reencode: videos that do not fit the first source's are encoded again.
        data_files_size_in_mb: limit of a data file of v3.0, MB of 1024².
        video_files_size_in_mb: limit of a video file of v3.0.
        chunks_size: files of a chunk (v3.0), episodes of a chunk (v2.1).
        gr00t: also write ``meta/modality.json``.
    """

    version: FormatVersion = FormatVersion.V30
    files: FileMode = FileMode.PACK
    renames: tuple[Scoped[tuple[str, str]], ...] = ()
    drop: frozenset[str] = frozenset()
    pad: bool = False
    ignore_names: bool = False
    fill_camera: Fill | None = None
    robot_type: str | None = None
    fps: float | None = None
    units: Units | None = None
    source_units: tuple[Scoped[Units], ...] = ()
    calibrations: tuple[Scoped[Path], ...] = ()
    retime: bool = False
    reencode: bool = False
    data_files_size_in_mb: float = 100
    video_files_size_in_mb: float = 200
    chunks_size: int = 1000
    gr00t: bool = False


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A merge to plan.

    Attributes:
        sources: in the order of their episodes in the target.
        target: the folder to make.
        options: how.
    """

    sources: tuple[SourceArgument, ...]
    target: Path
    options: MergeOptions = field(default_factory=MergeOptions)


def parse_scoped(text: str, sources: Sequence[SourceArgument]) -> tuple[int | None, str]:
    """Split ``SOURCE:value`` where SOURCE names one of the sources; else the value is for all of them.

    SOURCE is a source as it was typed, the last part of its path, or its number from 1.
    """
    for place, source in enumerate(sources, start=1):
        for name in (source.label, source.root.name, str(place)):
            if name and text.startswith(f"{name}:"):
                return place - 1, text[len(name) + 1 :]
    return None, text


def parse_renames(texts: Iterable[str], sources: Sequence[SourceArgument]) -> tuple[Scoped[tuple[str, str]], ...]:
    """Understand ``old=new`` and ``SOURCE:old=new``.

    Raises:
        UsageError: a text is neither.
    """
    renames = []
    for text in texts:
        source, pair = parse_scoped(text, sources)
        old, sign, new = pair.partition("=")
        if not sign or not old or not new or "/" in new:
            raise UsageError(f"--rename {text!r}: expected old=new or SOURCE:old=new, without '/' in the new name")
        renames.append(Scoped(source, (old, new)))
    return tuple(renames)


def parse_source_units(texts: Iterable[str], sources: Sequence[SourceArgument]) -> tuple[Scoped[Units], ...]:
    """Understand ``degrees``, ``range`` and either of them behind ``SOURCE:``.

    Raises:
        UsageError: a text is none of them.
    """
    found = []
    for text in texts:
        source, name = parse_scoped(text, sources)
        if name not in list(Units):
            raise UsageError(f"--source-units {text!r}: expected [SOURCE:]{' or [SOURCE:]'.join(Units)}")
        found.append(Scoped(source, Units(name)))
    return tuple(found)


def parse_calibrations(texts: Iterable[str], sources: Sequence[SourceArgument]) -> tuple[Scoped[Path], ...]:
    """Understand ``FILE`` and ``SOURCE:FILE``."""
    scoped = (parse_scoped(text, sources) for text in texts)
    return tuple(Scoped(source, Path(path).expanduser()) for source, path in scoped)
