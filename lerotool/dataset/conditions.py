"""Conditions on episodes: ``length < 30``, ``task ~ cube and mark = success``. Read, never evaluated as code.

Columns are ``length`` (frames), ``duration`` (seconds), ``task`` (one of the episode's texts) and ``mark`` (a word of
`lerotool.dataset.marks.SELECTIONS`). Numbers are compared by ``< <= > >= = !=``, texts by ``= !=``, and tasks by ``~``,
which means that one contains something, whatever the case of its letters. ``and`` binds closer than ``or``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lerotool.dataset.marks import SELECTIONS, Mark, load_marks
from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset

Chosen = npt.NDArray[np.bool_]
OPERATOR = re.compile(r"<=|>=|!=|==|<|>|=|~")
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
