"""How far a long command is: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from lerotool.cli.output import Output
from lerotool.wording import clock

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_E_contra = TypeVar("_E_contra", contravariant=True)
LINE_S = 10.0
"""How often a line tells the progress where bars cannot be shown."""


class Beat:
    """Says yes once per interval, the first time after ``first_s``, by default a whole one."""

    def __init__(self, interval_s: float = LINE_S, first_s: float | None = None) -> None:
        self._interval_s = interval_s
        self._due_s = time.monotonic() + (interval_s if first_s is None else first_s)

    def __call__(self) -> bool:
        """Return whether it is time again."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return False
        self._due_s = now_s + self._interval_s
        return True


@dataclass(frozen=True, slots=True)
class Bar:
    """How far one thing is; ``total`` is None until it is known."""

    title: str
    done: float
    total: float | None
    figures: str = ""


@dataclass(slots=True)
class Tally(ABC, Generic[_E_contra]):
    """What has been done so far, taken from events."""

    began: float = field(default_factory=time.monotonic, kw_only=True)

    @property
    def elapsed_s(self) -> float:
        """Since the beginning."""
        return max(1e-9, time.monotonic() - self.began)

    @abstractmethod
    def take(self, event: _E_contra) -> str | None:
        """Take in an event; return the line about it that stays on the screen, if there is any."""

    @abstractmethod
    def bars(self) -> Mapping[Hashable, Bar]:
        """Return what is shown on a terminal, by a name that stays."""

    @abstractmethod
    def line(self) -> str:
        """Return the same as one line, for where there are no bars."""


@contextmanager
def show(output: Output, tally: Tally[_E_contra]) -> Iterator[Callable[[_E_contra], None]]:
    """Show progress; gives what listens to the events."""
    progress = _bars(output) if output.shows_progress else None
    shown: dict[Hashable, TaskID] = {}
    is_due = Beat()

    def listen(event: _E_contra) -> None:
        told = tally.take(event)
        if told:
            output.note(told)
        if progress is not None:
            _update(progress, shown, tally.bars())
        elif not told and is_due():
            output.note(tally.line())

    with nullcontext() if progress is None else progress:
        yield listen


def _bars(output: Output) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        TextColumn("{task.fields[figures]}", markup=False),
        console=output.talk,
        transient=True,
        refresh_per_second=5,
    )


def _update(progress: Progress, shown: dict[Hashable, TaskID], bars: Mapping[Hashable, Bar]) -> None:
    for name in shown.keys() - bars.keys():
        progress.remove_task(shown.pop(name))
    for name, bar in bars.items():
        if name not in shown:
            shown[name] = progress.add_task(bar.title, total=bar.total, figures="")
        progress.update(shown[name], description=bar.title, completed=bar.done, total=bar.total, figures=bar.figures)


@contextmanager
def progress(output: Output, doing: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal for what tells steps done of all."""
    if not output.shows_progress:
        yield lambda *_: None
        return
    from rich.progress import Progress

    with Progress(console=output.talk, transient=True) as bars:
        bar = bars.add_task(doing, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def time_left(seconds: float) -> str:
    """Return a time in words: ``1:05 left``."""
    return f"{clock(seconds)} left"
