"""Two saved runs side by side: what is faster, what is slower, and what only looks so. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from lerotool.benchmarking.figures import Better, Figure
from lerotool.benchmarking.report import Report

NOISE = 0.1
"""Differences up to this share say nothing, however well they repeat: machines are not quieter."""
_SMALLEST = {"s": 0.05, "ms": 0.5, "ms/frame": 0.05, "MB": 0.5}
"""Differences up to this much, by unit, matter to nobody: half of nothing is nothing."""


class Verdict(StrEnum):
    """How a figure has changed from the first run to the second."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    """Within the spread of the repeats, or within 10 %."""
    OTHER = "other"
    """It is no matter of better or worse, or it is missing in one of the runs."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both runs; one of them may lack it.

    Attributes:
        before: in the first.
        after: in the second.
        verdict: what that means.
    """

    before: Figure | None
    after: Figure | None
    verdict: Verdict

    @property
    def figure(self) -> Figure:
        """What it is about."""
        figure = self.after or self.before
        assert figure is not None
        return figure

    @property
    def ratio(self) -> float | None:
        """The second median by the first."""
        if self.before is None or self.after is None or not self.before.typical:
            return None
        return self.after.typical / self.before.typical


def compare(before: Report, after: Report) -> list[Change]:
    """Return every figure that one of two runs has, in the order of the first."""
    changes = []
    for key in dict.fromkeys([*before.found.figures, *after.found.figures]):
        old, new = before.found.figures.get(key), after.found.figures.get(key)
        changes.append(Change(old, new, _judge(old, new)))
    return changes


def differences(before: Report, after: Report) -> Iterator[str]:
    """Yield what makes two runs hard to compare: another machine, other sizes."""
    sides = (("machine", before.machine, after.machine), ("setting", before.settings, after.settings))
    for kind, old, new in sides:
        for name in dict.fromkeys([*old, *new]):
            if name != "load before" and old.get(name) != new.get(name):
                yield f"{kind}, {name}: {old.get(name, 'not told')} and {new.get(name, 'not told')}"
    if before.effort != after.effort:
        yield f"effort: {before.effort} and {after.effort}"


def _judge(old: Figure | None, new: Figure | None) -> Verdict:
    if old is None or new is None or new.better is Better.NEITHER or old.unit != new.unit:
        return Verdict.OTHER
    difference = new.typical - old.typical
    size = max(abs(old.typical), abs(new.typical))
    if new.better is Better.ZERO:
        threshold = 0.0
    else:
        threshold = max(NOISE * min(abs(old.typical), abs(new.typical)), _SMALLEST.get(new.unit, 0.0))
        if _overlap(old, new):
            threshold = size
    if abs(difference) <= threshold:
        return Verdict.SAME
    is_more = difference > 0
    return Verdict.BETTER if is_more == (new.better is Better.MORE) else Verdict.WORSE


def _overlap(old: Figure, new: Figure) -> bool:
    """Whether repeats of one lie among those of the other; single values tell nothing about that."""
    if len(old.values) < 2 and len(new.values) < 2:
        return False
    return min(old.values) <= max(new.values) and min(new.values) <= max(old.values)
