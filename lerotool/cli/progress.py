"""What the progress displays of long commands have in common."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lerotool.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress

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


def make_bars(output: Output) -> Progress:
    """Return bars on stderr with a field ``figures`` behind each; enter them to show them."""
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[figures]}"),
        console=output.talk,
        transient=True,
        refresh_per_second=5,
    )


def time_left(seconds: float) -> str:
    """Return a time in words: ``1:05 left``."""
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f} left"
