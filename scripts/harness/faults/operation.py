"""What is put to the test, and how the outcome is judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

State = Any
"""What is there, as values that JSON can hold."""


class Outcome(StrEnum):
    """What is found after a fault."""

    OLD = "old"
    NEW = "new"
    PART = "part"
    """Of a recording in progress at least what had been promised; of several episodes each is old or new."""
    BROKEN = "broken"
    """Neither; or something is lost, changed that must not be, or left behind."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known from a run without a fault.

    Attributes:
        old: the state before.
        new: the state after.
        names: all files that are there in the end, relative.
        findings: what `lerotool check` says in the end.
    """

    old: State
    new: State
    names: tuple[str, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One run of an operation.

    Attributes:
        folder: with the old state.
        begun: from `Operation.begin`.
        mark: notes a promise that has been made, see `Operation.judge`.
    """

    folder: Path
    begun: Any = None
    mark: Callable[[str], object] = str


class Operation(ABC):
    """Something that changes files and must not lose any.

    Attributes:
        name: for people.
        sources: folders, relative, that the operation must not change.
        dataset: folder, relative, that is a dataset before or after.
        is_durable: whether a power cut after it may take nothing back.
        is_repeatable: whether `finish` leads to the new state; not so for recording.
        looks_only: whether `look` must change nothing; not so where it salvages a take.
        harmless: parts of the names of files that may stay behind.
    """

    name: ClassVar[str]
    sources: ClassVar[tuple[str, ...]] = ()
    dataset: ClassVar[str]
    is_durable: ClassVar[bool] = True
    is_repeatable: ClassVar[bool] = True
    looks_only: ClassVar[bool] = True
    harmless: ClassVar[tuple[str, ...]] = (".lock",)

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Make the old state in an empty folder."""

    def begin(self, folder: Path) -> Any:
        """Do what comes before the operation and is not put to the test; return what `run` needs of it."""
        return folder

    @abstractmethod
    def run(self, case: Case) -> None:
        """Do the operation."""

    @abstractmethod
    def look(self, folder: Path) -> State:
        """Return what is there, read as a user would."""

    @abstractmethod
    def finish(self, folder: Path) -> None:
        """Bring the operation to its end, whatever had become of it."""

    def judge(self, found: State, expected: Expected, marks: Sequence[str], *, has_returned: bool) -> Outcome:
        """Return what has become of the operation.

        Args:
            found: from `look`.
            expected: from a run without a fault.
            marks: the promises made.
            has_returned: whether `run` came back without an error: then only the new state will do.
        """
        del marks
        if found == expected.new:
            return Outcome.NEW
        return Outcome.OLD if found == expected.old and not has_returned else Outcome.BROKEN
