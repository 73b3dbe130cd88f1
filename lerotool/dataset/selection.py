"""Which episodes of a dataset are meant: numbers, ranges and marks, written the same everywhere.

    7    0-9,15    -1    5--1    success    flagged

A number below 0 counts from the end: -1 is the last episode. Words are those of `lerotool.dataset.marks.SELECTIONS`.

Where a text has a sign of comparison, it is a condition: ``length < 30``, ``task ~ cube and mark = success``. It is
read, never evaluated as code. Columns are ``length`` (frames), ``duration`` (seconds), ``task`` (one of the episode's
texts) and ``mark`` (one of those words). Numbers are compared by ``< <= > >= = !=``, texts by ``= !=``, and tasks by
``~``, which means that one contains something, whatever the case of its letters. ``and`` binds closer than ``or``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.marks import SELECTIONS, Mark, load_marks, selected
from lerotool.errors import UsageError
from lerotool.wording import as_argument
from lerotool.workspace import dataset_root

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset

Ints = npt.NDArray[np.int64]
Chosen = npt.NDArray[np.bool_]
_NUMBER = r"-?\d{1,12}"
_RANGE = rf"{_NUMBER}(?:-{_NUMBER})?"
GRAMMAR = rf"{_RANGE}(?:,{_RANGE})*|{'|'.join(SELECTIONS)}"
"""A regular expression of all that `Selection.parse` takes, without blanks."""
_PARTS = re.compile(rf"(?P<first>{_NUMBER})(?:-(?P<last>{_NUMBER}))?")
_WHOLE = re.compile(GRAMMAR)
_NAMED = re.compile(rf"(?P<name>.+):(?P<episodes>{GRAMMAR})")
_MOST_LISTED = 5
_OPERATOR = re.compile(r"<=|>=|!=|==|<|>|=|~")
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_NUMBERS, _TEXTS = ("length", "duration"), ("task", "mark")
_WORD = re.compile(r"""\s*(?:(<=|>=|!=|==|<|>|=|~)|"([^"]*)"|'([^']*)'|([^\s<>=!~"']+))""")
_HINT = "such as 'length < 30', 'duration >= 2.5 and mark = success' or 'task ~ cube'"


@dataclass(frozen=True, slots=True)
class Term:
    """A column compared with a value."""

    column: str
    sign: str
    value: str | float

    def choose(self, dataset: Dataset) -> Chosen:
        """Return of which episodes it is true: bool, (episodes,)."""
        if self.column in _NUMBERS:
            numbers = dataset.episodes.lengths / (1 if self.column == "length" else dataset.fps)
            chosen: Chosen = _COMPARE[self.sign](numbers, self.value)
            return chosen
        if self.column == "mark":
            marks, means = load_marks(dataset).by_episode, SELECTIONS[str(self.value)]
            found = [means(marks.get(number, Mark())) for number in range(dataset.num_episodes)]
        else:
            found = [self._is_in(episode.tasks) for episode in dataset.episodes]
        return np.array(found, np.bool_) ^ (self.sign == "!=")

    def _is_in(self, tasks: tuple[str, ...]) -> bool:
        if self.sign == "~":
            return any(str(self.value).lower() in task.lower() for task in tasks)
        return self.value in tasks


@dataclass(frozen=True, slots=True)
class Condition:
    """What is true of episodes: all terms of one of the groups."""

    text: str  # as it was written
    groups: tuple[tuple[Term, ...], ...]  # of terms

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Understand a condition."""
        words = _words(text)
        groups: list[list[Term]] = [[]]
        for start in range(0, len(words) + 1, 4):
            groups[-1].append(_term(text, words[start : start + 3]))
            joint = words[start + 3 : start + 4]
            if not joint:
                break
            if joint[0] == "or":
                groups.append([])
            elif joint[0] != "and":
                raise UsageError(f"{text!r}: expected 'and' or 'or', found {joint[0]!r}", hint=_HINT)
        return cls(" ".join(text.split()), tuple(map(tuple, groups)))

    def choose(self, dataset: Dataset) -> Chosen:
        """Return of which episodes it is true: bool, (episodes,)."""
        chosen = np.zeros(dataset.num_episodes, np.bool_)
        for group in self.groups:
            chosen |= np.logical_and.reduce([term.choose(dataset) for term in group])
        return chosen


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
        if _OPERATOR.search(text):
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


def _words(text: str) -> list[str]:
    words, place = [], 0
    while text[place:].strip():
        match = _WORD.match(text, place)
        if match is None:
            raise UsageError(f"{text!r} cannot be understood from {text[place:].strip()!r} on", hint=_HINT)
        words.append(next(group for group in match.groups() if group is not None))
        place = match.end()
    return words


def _term(text: str, words: list[str]) -> Term:
    if len(words) < 3:
        raise UsageError(f"{text!r} ends too early: expected a column, a sign and a value", hint=_HINT)
    column, sign, value = words
    if column not in (*_NUMBERS, *_TEXTS):
        raise UsageError(f"{text!r}: {column!r} cannot be asked for, but {', '.join((*_NUMBERS, *_TEXTS))}", hint=_HINT)
    allowed = _COMPARE if column in _NUMBERS else ("=", "==", "!=", "~")[: 4 if column == "task" else 3]
    if sign not in allowed:
        raise UsageError(f"{text!r}: {column} is compared by {' '.join(allowed)}, found {sign!r}", hint=_HINT)
    if column == "mark" and value not in SELECTIONS:
        raise UsageError(f"{text!r}: {value!r} is not a mark: {', '.join(SELECTIONS)}")
    if column not in _NUMBERS:
        return Term(column, sign, value)
    try:
        return Term(column, sign, float(value))
    except ValueError:
        raise UsageError(f"{text!r}: {column} is compared with a number, found {value!r}", hint=_HINT) from None
