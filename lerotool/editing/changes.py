"""What an edit does. Values; episodes are chosen as everywhere, see `lerotool.dataset.selection`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from lerotool.dataset.selection import Selection
from lerotool.dataset.writing.history import DATASET

Episodes = Selection | str | int | Sequence[int]
"""Numbers, or a text such as ``0-9,15``, ``-1`` or ``flagged``."""


@dataclass(frozen=True, slots=True)
class DeleteEpisodes:
    """Episodes leave; those behind them move up.

    Attributes:
        episodes: which.
    """

    episodes: Episodes

    @property
    def command(self) -> str:
        """The command that does it."""
        return _command("delete", str(Selection.of(self.episodes)))


@dataclass(frozen=True, slots=True)
class KeepEpisodes:
    """All other episodes leave; the order stays.

    Attributes:
        episodes: which stay.
    """

    episodes: Episodes

    @property
    def command(self) -> str:
        """The command that does it."""
        return _command("keep", str(Selection.of(self.episodes)))


@dataclass(frozen=True, slots=True)
class TrimEpisodes:
    """Frames at the beginning and the end of episodes leave. What is cut is the most that one of these asks for.

    Attributes:
        first: frames cut off at the beginning.
        last: frames cut off at the end.
        still: cut off frames at both ends in which nothing moves, all but one.
        marked: cut to the trim points that a person has marked, where there are some.
        episodes: which; None is all.
    """

    first: int = 0
    last: int = 0
    still: bool = False
    marked: bool = False
    episodes: Episodes | None = None

    @property
    def command(self) -> str:
        """The command that does it."""
        words = ["--first", str(self.first)] if self.first else []
        words += ["--last", str(self.last)] if self.last else []
        words += [f"--{name}" for name, asked in (("still", self.still), ("marked", self.marked)) if asked]
        return _command("trim", *words, *_option(self.episodes))


@dataclass(frozen=True, slots=True)
class SetTask:
    """All rows of episodes get one task.

    Attributes:
        text: of the task.
        episodes: which; None is all.
    """

    text: str
    episodes: Episodes | None = None

    @property
    def command(self) -> str:
        """The command that does it."""
        return _command("task", self.text, *_option(self.episodes))


@dataclass(frozen=True, slots=True)
class RenameTask:
    """A task gets another text; where there is one of that text already, they become one.

    Attributes:
        old: its text.
        new: the other one.
    """

    old: str
    new: str

    @property
    def command(self) -> str:
        """The command that does it."""
        return _command("task", "--rename", f"{self.old}={self.new}")


@dataclass(frozen=True, slots=True)
class RenameFeature:
    """A feature gets another name, a camera's videos with it.

    Attributes:
        old: its name.
        new: the other one.
    """

    old: str
    new: str

    @property
    def command(self) -> str:
        """The command that does it."""
        return _command("rename", f"{self.old}={self.new}")


@dataclass(frozen=True, slots=True)
class DropFeature:
    """A feature leaves, a camera's videos with it.

    Attributes:
        name: of the feature.
    """

    name: str

    @property
    def command(self) -> str:
        """The command that does it."""
        return _command("drop", self.name)


@dataclass(frozen=True, slots=True, eq=False)
class AddFeature:
    """A column comes: numbers, or true and false.

    Attributes:
        name: of the feature.
        values: one for each row of the dataset, or for each episode, which all its rows get: (n,) or (n, *shape); a
            file that has them: .npy, .csv or .parquet.
        names: of the dimensions of a vector; None takes those that the file has, if it has some.
    """

    name: str
    values: npt.NDArray[Any] | Sequence[Any] | str | Path
    names: Sequence[str] | None = None

    @property
    def command(self) -> str:
        """The command that does it; values of a program have no file to name."""
        source = str(self.values) if isinstance(self.values, str | Path) else "values.npy"
        return _command("add", self.name, "--from", source)


@dataclass(frozen=True, slots=True)
class RepackFiles:
    """Pictures that no episode needs leave the videos, and small files are joined; packets are copied."""

    @property
    def command(self) -> str:
        """The command that does it."""
        return _command("repack")


Change = (
    DeleteEpisodes
    | KeepEpisodes
    | TrimEpisodes
    | SetTask
    | RenameTask
    | RenameFeature
    | DropFeature
    | AddFeature
    | RepackFiles
)


def _command(verb: str, *words: str) -> str:
    return shlex.join(["lerotool", "edit", verb, DATASET, *words])


def _option(episodes: Episodes | None) -> list[str]:
    return [] if episodes is None else [f"--episodes={Selection.of(episodes)}"]
