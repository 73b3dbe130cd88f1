"""Differences between the sources: what was found, and what will be done about it or which flag settles it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lerotool.wording import listed


class Verdict(StrEnum):
    """Whether a difference is settled."""

    TRIVIAL = "trivial"
    """It means nothing; settled by itself."""
    CHOSEN = "chosen"
    """Settled by a flag that was given."""
    WARNING = "warning"
    """Settled, but the user should look at it."""
    OPEN = "open"
    """Nothing is done before a flag settles it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between the sources, or between a source and what a target can be."""

    what: str  # it is about, e.g. ``fps`` or ``feature 'action'``.
    found: str  # what the sources have
    verdict: Verdict  # whether it is settled
    action: str = ""  # what will be done; empty while it is open
    flags: tuple[str, ...] = ()  # each of them would settle it

    def __str__(self) -> str:
        text = f"{self.what}: {self.found}"
        if self.verdict is Verdict.OPEN:
            return text + (f" (settle it with {' or '.join(self.flags)})" if self.flags else "")
        return f"{text}: {self.action}" if self.action else text


def by_value(values: Iterable[tuple[str, str]]) -> str:
    """Return (source, value) pairs as text, sources with one value together: ``30 in a, b; 10 in c``."""
    groups: dict[str, list[str]] = {}
    for label, value in values:
        groups.setdefault(value, []).append(label)
    return "; ".join(f"{value} in {listed(labels)}" for value, labels in groups.items())
