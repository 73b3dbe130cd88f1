"""What carrying out tells while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begun:
    """The work begins: how much of it there is."""

    episodes: int
    bytes: int
    clips: int
    frames_to_encode: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """Some of it is done: episodes whose rows are written, bytes of rows and videos, frames encoded."""

    episodes: int = 0
    bytes: int = 0
    clips: int = 0
    frames_encoded: int = 0


@dataclass(frozen=True, slots=True)
class Finishing:
    """Everything is written; tables and statistics are made, and it is brought safely to the disk."""

    step: str


Event = Begun | Advanced | Finishing
Listener = Callable[[Event], None]
