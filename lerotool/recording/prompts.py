"""Tasks of a session: one for all takes, or a list that takes go through in turn.

Which task belongs to an episode follows from the episode's number alone: a take that is recorded again keeps its task,
and a session that goes on with a dataset goes on in the list.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from lerotool.errors import UsageError
from lerotool.wording import one_line

_COMMENT = "#"


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the robot does, in words, episode by episode."""

    name: str  # what the list is called
    texts: tuple[str, ...]  # the tasks; the first one again after the last
    # Every round through the list has an order of its own, which follows from this number; None keeps the order.
    seed: int | None = None

    def of(self, episode: int) -> str:
        """Return the task of an episode, counted from 0 over the whole dataset."""
        turn, place = divmod(episode, len(self.texts))
        if self.seed is None:
            return self.texts[place]
        order = list(self.texts)
        random.Random(f"{self.seed}/{turn}").shuffle(order)
        return order[place]


def read_prompts(path: Path, seed: int | None = None) -> Prompts:
    """Read a file of tasks: one a line; blank lines and lines that begin with # are passed over."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8 text", hint="save the file as UTF-8") from None
    lines = (line.strip() for line in text.splitlines())
    tasks = tuple(line for line in lines if line and not line.startswith(_COMMENT))
    if not tasks:
        raise UsageError(f"{path}: the file has no task", hint="write one task a line")
    if wrong := next((task for task in tasks if one_line(task) != task), None):
        raise UsageError(f"{path}: {wrong!r} has characters that cannot be shown", hint="write the task again")
    return Prompts(path.stem, tasks, seed)
