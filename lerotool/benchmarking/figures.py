"""What a benchmark finds: figures with a unit, all their repeats, and whether they were measured. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median


class Better(StrEnum):
    """Which way a figure is better."""

    LESS = "less"
    MORE = "more"
    ZERO = "zero"
    """It must be zero."""
    NEITHER = "neither"


class Basis(StrEnum):
    """Where a figure comes from."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    """Calculated from others that were measured in the same run."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity."""

    group: str  # what kind of work, such as ``recording``
    case: str  # which of it, such as ``batch 5``
    name: str  # what was measured, such as ``wait per take``
    unit: str  # of the values
    values: tuple[float, ...]  # one for each repeat, at least one
    better: Better = Better.LESS  # which way it is better
    basis: Basis = Basis.MEASURED  # whether it was measured

    @property
    def key(self) -> tuple[str, str, str]:
        """What the figure is, the same in every run."""
        return self.group, self.case, self.name

    @property
    def typical(self) -> float:
        """The median of the repeats."""
        return float(median(self.values))

    @property
    def spread(self) -> float:
        """Largest less smallest, as a share of the median; 0 for a single value."""
        size = abs(self.typical)
        return (max(self.values) - min(self.values)) / size if size else 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be measured because what was to be measured failed."""

    group: str
    case: str
    reason: str


@dataclass(slots=True)
class Found:
    """What has been found so far, in the order in which it was."""

    figures: dict[tuple[str, str, str], Figure] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, figures: Iterable[Figure]) -> None:
        """Take in figures; one that is there already gets further repeats."""
        for figure in figures:
            known = self.figures.get(figure.key)
            values = (*known.values, *figure.values) if known else figure.values
            self.figures[figure.key] = Figure(
                *figure.key, figure.unit, values, better=figure.better, basis=figure.basis
            )

    def __iter__(self) -> Iterator[Figure]:
        return iter(self.figures.values())

    def get(self, group: str, case: str, name: str) -> Figure | None:
        """Return a figure, or None if it is not there."""
        return self.figures.get((group, case, name))

    def typical(self, group: str, case: str, name: str) -> float | None:
        """Return a figure's median, or None if it is not there."""
        figure = self.get(group, case, name)
        return figure.typical if figure else None

    def cases(self, group: str) -> list[str]:
        """Return the cases of a group, in order."""
        return list(dict.fromkeys(figure.case for figure in self if figure.group == group))

    @property
    def groups(self) -> list[str]:
        """All groups, in order."""
        return list(dict.fromkeys(figure.group for figure in self))
