"""Which episodes of a dataset are meant: numbers, ranges and marks, written the same everywhere.

    7    0-9,15    -1    5--1    success    flagged

A number below 0 counts from the end: -1 is the last episode. Words are those of `lerotool.dataset.marks.SELECTIONS`.
Where a text has a sign of comparison, it is a condition (`lerotool.dataset.conditions`): ``length < 30``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lerotool.dataset.conditions import OPERATOR, Condition
from lerotool.dataset.marks import SELECTIONS, load_marks, selected
from lerotool.errors import UsageError
from lerotool.wording import as_argument
from lerotool.workspace import dataset_root

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset

Ints = npt.NDArray[np.int64]
_NUMBER = r"-?\d{1,12}"
_RANGE = rf"{_NUMBER}(?:-{_NUMBER})?"
GRAMMAR = rf"{_RANGE}(?:,{_RANGE})*|{'|'.join(SELECTIONS)}"
"""A regular expression of all that `Selection.parse` takes, without blanks."""
_PARTS = re.compile(rf"(?P<first>{_NUMBER})(?:-(?P<last>{_NUMBER}))?")
_WHOLE = re.compile(GRAMMAR)
_NAMED = re.compile(rf"(?P<name>.+):(?P<episodes>{GRAMMAR})")
_MOST_LISTED = 5


@dataclass(frozen=True, slots=True)
class Selection:
    """Some episodes of a dataset."""

    # Of numbers, the last one included, in the order wanted; below 0 from the end.
    ranges: tuple[tuple[int, int], ...] = ()
    marked: str | None = None  # a word of `SELECTIONS` in place of ranges: the episodes that are marked so
    where: Condition | None = None  # a condition in place of ranges: the episodes of which it is true

    @classmethod
    def of(cls, given: Selection | str | int | Sequence[int]) -> Selection:
        """Return what a program means: a text that `parse` understands, a number, or numbers."""
        if isinstance(given, Selection):
            return given
        if isinstance(given, str):
            return cls.parse(given)
        numbers: list[object] = list(given) if isinstance(given, Iterable) else [given]
        if not all(isinstance(number, Integral) and not isinstance(number, bool) for number in numbers):
            raise UsageError(f"episodes are {given!r}, expected numbers, or a text such as '0-9,15'")
        return cls(tuple((int(number), int(number)) for number in numbers))  # type: ignore[call-overload]

    @classmethod
    def parse(cls, text: str) -> Selection:
        """Understand numbers, ranges or a word."""
        if OPERATOR.search(text):
            return cls(where=Condition.parse(text))
        text = "".join(text.split())
        if _WHOLE.fullmatch(text) is None:
            raise UsageError(
                f"{text!r} chooses no episodes",
                hint=f"numbers and ranges such as 0-9,15 or -1, or one of {', '.join(SELECTIONS)}",
            )
        if text in SELECTIONS:
            return cls(marked=text)
        ranges = []
        for part in text.split(","):
            match = _PARTS.fullmatch(part)
            assert match is not None
            first, last = int(match["first"]), int(match["last"] or match["first"])
            if last < first and (first < 0) == (last < 0):
                raise UsageError(f"{text!r}: {part} is not a range of episodes", hint="write the smaller number first")
            ranges.append((first, last))
        return cls(tuple(ranges))

    def __str__(self) -> str:
        """Return the text that `parse` understands."""
        if self.where is not None:
            return self.where.text
        return self.marked or ",".join(_text(first, last) for first, last in self.ranges)

    def choose(self, dataset: Dataset, label: str) -> Ints:
        """Return the numbers of the episodes, each once, in the order wanted: int64, (n,); n is 0 for no ranges."""
        if self.where is not None:
            meant: Ints = np.flatnonzero(self.where.choose(dataset))
            if not len(meant):
                raise UsageError(f"{label!r} has no episodes where {self.where.text}")
            return meant
        if self.marked is not None:
            return _marked(dataset, label, self.marked)
        count = dataset.num_episodes
        found = [
            (first + count if first < 0 else first, last + count if last < 0 else last) for first, last in self.ranges
        ]
        if beyond := [_text(*asked) for asked, (a, b) in zip(self.ranges, found, strict=True) if a < 0 or b >= count]:
            raise UsageError(
                f"{label!r} has episodes 0 to {count - 1}, asked for {', '.join(beyond[:_MOST_LISTED])}"
                if count
                else f"{label!r} has no episodes"
            )
        if falling := [_text(*asked) for asked, (a, b) in zip(self.ranges, found, strict=True) if b < a]:
            raise UsageError(f"{label!r}: {falling[0]} is not a range of its {count} episodes")
        chosen = np.concatenate([np.empty(0, np.int64), *(np.arange(a, b + 1, dtype=np.int64) for a, b in found)])
        if len(np.unique(chosen)) != len(chosen):
            raise UsageError(f"{label!r}: an episode is asked for twice")
        return chosen


def split_argument(text: str) -> tuple[str, Selection | None]:
    """Return the name of a dataset and the episodes that ``name:0-9,15`` or ``name:success`` chooses; None is all."""
    match = _NAMED.fullmatch(text)
    # A folder may have a colon in its name.
    if match is None or dataset_root(text).exists():
        return text, None
    return match["name"], Selection.parse(match["episodes"])


def _text(first: int, last: int) -> str:
    return f"{first}-{last}" if first != last else f"{first}"


def _marked(dataset: Dataset, label: str, word: str) -> Ints:
    chosen = selected(dataset, word)
    if not chosen:
        counts = ", ".join(f"{count} {kind}" for kind, count in load_marks(dataset).count().items())
        raise UsageError(
            f"{label!r} has no episodes that are {word}; marks there: {counts or 'none'}",
            hint=f"lerotool view {as_argument(dataset.root)}",
        )
    return np.array(chosen, np.int64)
