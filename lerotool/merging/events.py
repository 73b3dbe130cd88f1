"""What a merge tells while it works and in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lerotool.merging.plan import Plan


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


def ignore_event(event: Event) -> None:
    """Listen to nothing."""
    del event


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge has done.

    Attributes:
        target: the new dataset.
        episodes: in it.
        frames: in it.
        bytes: of its files.
        wall_s: seconds that it took, planning left out.
        frames_encoded: pictures that had to be encoded again.
        plan: what was done.
    """

    target: Path
    episodes: int
    frames: int
    bytes: int
    wall_s: float
    frames_encoded: int
    plan: Plan
