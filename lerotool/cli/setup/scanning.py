"""Listening to a bus with something to look at, as it can take a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lerotool.cli.output import Output


@contextmanager
def watched(output: Output) -> Iterator[Callable[[str, float], None]]:
    """Show how far something is on a terminal, and nothing afterwards.

    Yields:
        To be called with what is done and how far it is, 0 to 1.
    """
    if not output.shows_progress:
        yield lambda *_: None
        return
    from rich.status import Status

    with Status("", console=output.talk) as status:
        yield lambda text, fraction: status.update(f"{text}: {fraction:.0%}")
