"""What is to be merged and how: values, what the command line's texts mean in Python, and back for messages."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lerotool.choices import FileMode, Fill, Units
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.selection import Selection, split_argument
from lerotool.errors import UsageError
from lerotool.rewriting.rewriting import TargetFormat
from lerotool.workspace import dataset_name, dataset_root

_PLAIN = ("pad", "ignore-names", "retime", "reencode", "keep-sizes", "gr00t")
_NUMBERS = ("fps",)
_TEXTS = ("to", "fill-camera", "robot-type", "units")
_SCOPED = ("rename", "source-units", "calibration")
_LISTS = ("drop", *_SCOPED)
_QUOTED = r"'[^']*'|\"[^\"]*\""
_VALUE = rf"(?:{_QUOTED}|[^\s,;()'\"])*(?:{_QUOTED}|[^\s,;:()'\"])"
_OPTION = rf"--(?:(?:{'|'.join(_PLAIN)})(?![\w-])|(?:{'|'.join((*_NUMBERS, *_TEXTS, *_LISTS))})(?: {_VALUE}|(?![\w-])))"
_OPTIONS = re.compile(rf"{_OPTION}(?: {_OPTION})*")
_NUMBERED = re.compile(r"(\d+):(.+)")


@dataclass(frozen=True, slots=True)
class SourceArgument:
    """A dataset to merge, as it was named."""

    label: str  # as typed, without the episodes
    root: Path  # its folder
    episodes: Selection | slice | None = None  # which of its episodes, in the order wanted; None is all

    @classmethod
    def whole(cls, name: str | Path) -> SourceArgument:
        """Return all of a dataset; its name is taken as it is."""
        return cls(str(name), _absolute(str(name)))

    @classmethod
    def parse(cls, text: str | Path) -> SourceArgument:
        """Understand ``folder``, ``user/name`` or either of them with ``:0-9,15``, ``:-1`` or ``:success``."""
        name, episodes = split_argument(str(text))
        return cls(name, _absolute(name), episodes)


def _absolute(text: str) -> Path:
    return Path(os.path.abspath(dataset_root(text)))  # noqa: PTH100 - links must stay as they are


@dataclass(frozen=True, slots=True)
class Rename:
    """Another name of a feature."""

    source: int | None  # number, from 0, of the one source that it is meant for; None is every source
    old: str
    new: str

    def applies(self, source: int) -> bool:
        """Whether it is meant for a source."""
        return self.source is None or self.source == source


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How differences are settled and files are made."""

    version: FormatVersion = FormatVersion.V30  # format of the target, v3.0 or v2.1
    files: FileMode = FileMode.PACK  # what becomes of video files
    renames: tuple[Rename, ...] = ()  # of features
    drop: frozenset[str] = frozenset()  # features, after renaming, that are left out
    # Vectors of different widths become as wide as the widest, aligned by the names of their dimensions.
    pad: bool = False
    ignore_names: bool = False  # vectors are aligned by position whatever their dimensions are called
    fill_camera: Fill | None = None  # for cameras that some sources lack
    robot_type: str | None = None  # of the result where the sources differ
    fps: float | None = None  # of the result; sources with other rates are resampled by the nearest row
    units: Units | None = None  # of the joints of SO arms in the result
    # By number of the source: what its units are, where the dataset does not show them.
    source_units: Mapping[int, Units] = field(default_factory=dict)
    # By number of the source: LeRobot's calibration file of the arm, needed to convert units.
    calibrations: Mapping[int, Path] = field(default_factory=dict)
    retime: bool = False  # timestamps become frame number / fps where a source has other ones
    reencode: bool = False  # videos that do not fit the first source's are encoded again
    keep_sizes: bool = False  # pictures of one camera may have several sizes
    data_files_size_in_mb: float = 100  # limit of a data file of v3.0, MB of 1024²
    video_files_size_in_mb: float = 200  # limit of a video file of v3.0
    chunks_size: int = 1000  # files of a chunk (v3.0), episodes of a chunk (v2.1)
    gr00t: bool = False  # also write what GR00T reads: ``meta/stats.json`` in v2.1, and ``meta/modality.json``

    @property
    def format(self) -> TargetFormat:
        """The format of the target."""
        return TargetFormat(self.version, self.data_files_size_in_mb, self.video_files_size_in_mb, self.chunks_size)


def parse_scoped(text: str, sources: Sequence[SourceArgument]) -> tuple[int | None, str]:
    """Split ``SOURCE:value`` where SOURCE names one of the sources; else the value is for all of them.

    SOURCE is a source as it was typed, the last part of its path, or its number from 1.
    """
    for place, source in enumerate(sources, start=1):
        for name in (source.label, dataset_name(source.root), str(place)):
            if name and text.startswith(f"{name}:"):
                return place - 1, text[len(name) + 1 :]
    return None, text


def parse_renames(texts: Iterable[str], sources: Sequence[SourceArgument]) -> dict[Any, Any]:
    """Return what ``old=new`` and ``SOURCE:old=new`` are in Python: new names by old ones, of all or by source."""
    renames: dict[Any, Any] = {}
    for text in texts:
        source, pair = parse_scoped(text, sources)
        old, sign, new = pair.partition("=")
        if not sign or not old or not new or "/" in new:
            raise UsageError(f"--rename {text!r}: expected old=new or SOURCE:old=new, without '/' in the new name")
        (renames if source is None else renames.setdefault(source, {}))[old] = new
    return renames


def parse_source_units(texts: Iterable[str], sources: Sequence[SourceArgument]) -> dict[int, Units]:
    """Return the units of each source out of ``degrees``, ``range`` and either of them behind ``SOURCE:``."""
    found = _by_source(texts, sources)
    for name in found.values():
        if name not in list(Units):
            raise UsageError(f"--source-units {name!r}: expected [SOURCE:]{' or [SOURCE:]'.join(Units)}")
    return {place: Units(name) for place, name in found.items()}


def parse_calibrations(texts: Iterable[str], sources: Sequence[SourceArgument]) -> dict[int, Path]:
    """Return the calibration of each source out of ``FILE`` and ``SOURCE:FILE``."""
    return {place: Path(path) for place, path in _by_source(texts, sources).items()}


def _by_source(texts: Iterable[str], sources: Sequence[SourceArgument]) -> dict[int, str]:
    """Return what is said of each source; what is said last counts."""
    found: dict[int, str] = {}
    for text in texts:
        source, value = parse_scoped(text, sources)
        found |= dict.fromkeys(range(len(sources)) if source is None else [source], value)
    return found


def in_python(text: str, labels: Sequence[str] = ()) -> str:
    """Return a message with options as the arguments of `lerotool.merge` that mean the same.

    ``--fps 30`` becomes ``fps=30``, and ``--rename 1:a=b --rename 1:c=d`` ``rename={'ds': {'a': 'b', 'c': 'd'}}``.
    """
    return _OPTIONS.sub(lambda match: _arguments(match[0], labels), text)


def _arguments(options: str, labels: Sequence[str]) -> str:
    found: dict[str, list[str]] = {}
    name = ""
    for word in shlex.split(options):
        if word.startswith("--"):
            name = word.removeprefix("--")
            found.setdefault(name, [])
        else:
            found[name].append(word)
    return ", ".join(_argument(name, values, labels) for name, values in found.items())


def _argument(name: str, values: list[str], labels: Sequence[str]) -> str:
    argument = name.replace("-", "_")
    if name in _PLAIN:
        return f"{argument}=True"
    if not values:
        return argument
    if name == "rename" and "=" not in values[0]:
        return f"{argument} of {values[0]!r}"
    if name in _SCOPED:
        return f"{argument}={_mapping(name, values, labels)!r}"
    if name in _LISTS:
        return f"{argument}={values!r}"
    return f"{argument}={values[0] if name in _NUMBERS else repr(values[0])}"


def _mapping(name: str, values: list[str], labels: Sequence[str]) -> object:
    """Return what the values of an option for some or all sources are in Python."""
    found: dict[object, object] = {}
    for value in values:
        key, rest = _scope(value, labels)
        if name != "rename":
            if key is None:
                return rest
            found[key] = rest
            continue
        old, _, new = rest.partition("=")
        names = found if key is None else found.setdefault(key, {})
        assert isinstance(names, dict)
        names[old] = new
    return found


def _scope(value: str, labels: Sequence[str]) -> tuple[object, str]:
    for label in labels:
        if value.startswith(f"{label}:"):
            return label, value.removeprefix(f"{label}:")
    numbered = _NUMBERED.fullmatch(value)
    if numbered is None:
        return None, value
    place = int(numbered[1]) - 1
    return labels[place] if place < len(labels) else place, numbered[2]
