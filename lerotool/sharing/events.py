"""What push and pull tell while they work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Begun:
    """Files begin to be sent or fetched: how much of it there is."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """Some of it is done."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done now, in words."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The Hub asks to wait, or did not answer and is asked again."""

    reason: str  # why, in words
    seconds: float  # how long


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that is good to know."""

    text: str


Event = Begun | Advanced | Step | Waiting | Noted
Listener = Callable[[Event], None]


def ignore_event(event: Event) -> None:
    """Listen to nothing."""
    del event
