"""What was found, where: values only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lerotool.checking.codes import MEANINGS, Code, Loading, Meaning, Remedy, Severity

MOST_LISTED = 4
_MOST_ALIKE = 3
_ORDER = (Loading.RIGHT, Loading.WRONG, Loading.REFUSED)
_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found.

    Attributes:
        file: relative to the dataset, with forward slashes; "" is the dataset as a whole.
        episode: its number, if it is about one.
        row: first row in the file that it is about, if it is about rows.
        column: column, feature or key, if it is about one.
    """

    file: str
    episode: int | None = None
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        parts = [self.file or "the dataset"]
        parts += [f"episode {self.episode}"] if self.episode is not None else []
        parts += [f"row {self.row}"] if self.row is not None else []
        parts += [repr(self.column)] if self.column is not None else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        code: what it is; `lerotool.checking.codes` has its meaning.
        place: where; the first place where there are several.
        text: what was found and what was expected.
        episodes: all episodes that it concerns; empty if it is about none or all.
        harms: what LeRobot does with it here, where that depends on the dataset; None is what the code says.
    """

    code: Code
    place: Place
    text: str
    episodes: tuple[int, ...] = ()
    harms: Loading | None = None

    @property
    def meaning(self) -> Meaning:
        """What the code stands for."""
        return MEANINGS[self.code]

    @property
    def severity(self) -> Severity:
        """How bad it is; it is an error where LeRobot does not get along with it, else at most a warning."""
        usual = self.meaning.severity
        if self.harms is None:
            return usual
        if self.harms is not Loading.RIGHT:
            return Severity.ERROR
        return Severity.WARNING if usual is Severity.ERROR else usual

    @property
    def loading(self) -> Loading:
        """What LeRobot does with it."""
        return self.meaning.loading if self.harms is None else self.harms

    @property
    def remedy(self) -> Remedy:
        """Which command mends it."""
        return self.meaning.remedy

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        place = self.place
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "loading": self.loading.value,
            "file": place.file,
            "episode": place.episode,
            "row": place.row,
            "column": place.column,
            "text": self.text,
            "meaning": self.meaning.text,
            "remedy": self.remedy.value,
            "advice": self.meaning.advice,
            "episodes": list(self.episodes),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What checking a dataset has found.

    Attributes:
        root: the dataset.
        version: its format, None where it could not be told.
        episodes: how many there are, as far as could be told.
        frames: likewise.
        findings: the worst first.
    """

    root: Path
    version: str | None
    episodes: int
    frames: int
    findings: tuple[Finding, ...]

    @property
    def loading(self) -> Loading:
        """What the LeRobot that reads this format does with the dataset; `RIGHT` also where there is none yet."""
        return max((finding.loading for finding in self.findings), key=_ORDER.index, default=Loading.RIGHT)

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found that is an error."""
        return not self.count(Severity.ERROR)

    @property
    def codes(self) -> frozenset[Code]:
        """What was found."""
        return frozenset(finding.code for finding in self.findings)

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "root": str(self.root),
            "codebase_version": self.version,
            "episodes": self.episodes,
            "frames": self.frames,
            "loading": self.loading.value,
            "errors": self.count(Severity.ERROR),
            "warnings": self.count(Severity.WARNING),
            "notes": self.count(Severity.NOTE),
            "findings": [finding.to_json() for finding in self.findings],
        }


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, the worst first; of many that differ in their place only, one is made."""
    groups: dict[tuple[Code, str | None, Loading | None], list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        groups.setdefault((finding.code, finding.place.column, finding.harms), []).append(finding)
    found = [finding for group in groups.values() for finding in (group if len(group) <= _MOST_ALIKE else _one(group))]
    return tuple(sorted(found, key=lambda finding: _RANK[finding.severity]))


def _one(group: Sequence[Finding]) -> list[Finding]:
    first = group[0]
    files = len({finding.place.file for finding in group})
    text = f"{first.text}; the same in {files - 1} more files" if files > 1 else f"{first.text}; {len(group) - 1} more"
    episodes = sorted({episode for finding in group for episode in finding.episodes})
    return [replace(first, text=text, episodes=tuple(episodes))]


def listed(items: Sequence[Any], most: int = MOST_LISTED) -> str:
    """Return a list in words, cut after some."""
    shown = ", ".join(map(str, items[:most]))
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown
