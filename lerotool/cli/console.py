"""The console that all commands print to: whatever a text holds, the terminal shows it and does not act on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from lerotool.wording import printable


class PlainConsole(Console):
    """Prints texts as they are: no markup, no emoji codes, and what a terminal would act on is escaped.

    Much of what commands print comes from files of other people: names, tasks, robot types, paths. Colours and the
    movements of a live display are Rich's own control segments and stay. Lines are neither wrapped nor cut unless the
    stream is a terminal.
    """

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(file=stream, soft_wrap=not stream.isatty(), markup=False, emoji=False, highlight=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as Rich does; the text of every segment is printable."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
