"""What verification finds: a code for programs, the rest for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The statistics, or the data they are taken from, are wrong."""
    WARNING = "warning"
    """True, but training may trip over it; or wrong where no policy looks."""


class Code(StrEnum):
    """What is found."""

    MISSING = "missing-statistics"
    NO_QUANTILES = "missing-quantiles"
    SHAPE = "wrong-shape"
    IMPOSSIBLE = "impossible-value"
    COUNT = "wrong-count"
    STALE = "stale"
    MIXED_QUANTILES = "mixed-quantiles"
    STD_OVERFLOW = "picture-std-overflow"
    UNKNOWN = "unknown-feature"
    NOT_MEASURABLE = "not-measurable"
    NOT_FINITE = "not-finite"
    CONSTANT = "constant-dimension"
    STILL = "still-in-episode"
    OUTLIERS = "outliers"
    UNITS = "units-differ"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        code: which.
        severity: how bad.
        place: the file, or "the data".
        features: that it concerns.
        text: what is found, with numbers.
        remedy: what to do about it.
        episodes: that it concerns; empty if it is about the dataset.
        dimensions: labels of those that it concerns; empty if it is about all.
    """

    code: Code
    severity: Severity
    place: str
    features: tuple[str, ...]
    text: str
    remedy: str
    episodes: tuple[int, ...] = ()
    dimensions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "place": self.place,
            "features": list(self.features),
            "text": self.text,
            "remedy": self.remedy,
            "episodes": list(self.episodes),
            "dimensions": list(self.dimensions),
        }


def listed(items: tuple[Any, ...] | list[Any], most: int = 4) -> str:
    """Return a list in words, cut after some."""
    shown = ", ".join(map(str, items[:most]))
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown
