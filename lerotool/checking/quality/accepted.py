"""Findings that a person has looked at: a text file with a code and episodes on each line, comments behind ``#``.

The episodes are numbers and ranges, or ``all``: ``idle-start 3,7-9``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lerotool.checking.quality.case import Case
from lerotool.dataset.selection import Selection
from lerotool.errors import UsageError
from lerotool.findings import Code, Page

_ALL = "all"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Findings that a person has looked at."""

    # A code and the episodes that it is accepted for, None for all of them.
    lines: tuple[tuple[Code, Selection | None], ...] = ()

    @classmethod
    def read(cls, path: Path) -> Accepted:
        """Read a file."""
        lines = []
        for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
            words = line.partition("#")[0].split()
            if words:
                lines.append(_parse(words, f"{path}, line {number}"))
        return cls(tuple(lines))

    def split(self, cases: Iterable[Case], episodes: int) -> tuple[list[Case], list[Case]]:
        """Return the cases that nobody has looked at, and those that somebody has."""
        seen = {(code, number) for code, chosen in self.lines for number in _numbers(chosen, episodes)}
        fresh: list[Case] = []
        known: list[Case] = []
        for case in cases:
            (known if (case.code, case.episode) in seen else fresh).append(case)
        return fresh, known


def _parse(words: Sequence[str], place: str) -> tuple[Code, Selection | None]:
    codes = [code.value for code in Code if code.meaning.page is Page.QUALITY]
    if words[0] not in codes:
        raise UsageError(f"{place}: {words[0]!r} is not a finding of --quality", hint=f"one of {', '.join(codes)}")
    text = "".join(words[1:])
    if text == _ALL:
        return Code(words[0]), None
    try:
        chosen = Selection.parse(text)
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}", hint=f"{words[0]} 3,7-9, or {words[0]} {_ALL}") from error
    if not chosen.ranges:
        raise UsageError(f"{place}: {text!r}, expected numbers of episodes", hint=f"{words[0]} 3,7-9")
    return Code(words[0]), chosen


def _numbers(chosen: Selection | None, episodes: int) -> Iterable[int]:
    if chosen is None:
        return range(episodes)
    found: list[int] = []
    for first, last in chosen.ranges:
        start, stop = (number + episodes if number < 0 else number for number in (first, last))
        found += range(max(start, 0), min(stop + 1, episodes))
    return found
