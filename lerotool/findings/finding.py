"""What was found, where: values only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lerotool.findings.codes import Code, Loading, Meaning, Page, Remedy, Severity

_MOST_ALIKE = 3
_ORDER = (Loading.RIGHT, Loading.WRONG, Loading.REFUSED)
_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class FindingPlace:
    """Where something was found.

    Attributes:
        file: relative to the dataset, with forward slashes; "" is the dataset as a whole.
        episode: its number, if it is about one.
        row: first row in the file that it is about, if it is about rows.
        column: column, feature or key, if it is about one.
    """

    file: str = ""
    episode: int | None = None
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        parts = [self.file or "the dataset"]
        parts += [f"episode {self.episode}"] if self.episode is not None else []
        parts += [f"row {self.row}"] if self.row is not None else []
        parts += [repr(self.column)] if self.column else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, in a dataset or on a bus of motors.

    Attributes:
        code: what it is; `lerotool.findings.codes` has its meaning.
        place: where in a dataset; the first place where there are several.
        text: what was found and what was expected.
        episodes: all episodes that it concerns; empty if it is about none or all.
        harms: what LeRobot does with it here, where that depends on the dataset; None is what the code says.
        own_advice: what to do about it here, where that depends on what was found; "" is what the code says.
        own_severity: how bad it is here, where that depends on what was found; None is what the code says.
        features: that it concerns; empty if it is about none or all.
        dimensions: labels of those that it concerns; empty if it is about all.
        motors: ids of those that it concerns, on a bus; empty if it is about the bus.
    """

    code: Code
    place: FindingPlace
    text: str
    episodes: tuple[int, ...] = ()
    harms: Loading | None = None
    own_advice: str = ""
    own_severity: Severity | None = None
    features: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    motors: tuple[int, ...] = ()

    @property
    def meaning(self) -> Meaning:
        """What the code stands for."""
        return self.code.meaning

    @property
    def severity(self) -> Severity:
        """How bad it is; it is an error where LeRobot does not get along with it, else at most a warning."""
        usual = self.own_severity or self.meaning.severity
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

    @property
    def advice(self) -> str:
        """What to do, where no command does it all; ``DATASET`` and ``TARGET`` stand for folders."""
        return self.own_advice or self.meaning.advice

    @property
    def is_of_bus(self) -> bool:
        """Whether it is about motors, not about a dataset."""
        return self.meaning.page is Page.SETUP

    def to_json(self) -> dict[str, Any]:
        """Return plain values, the same keys for every finding in a dataset, and for every one on a bus."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "text": self.text,
            "meaning": self.meaning.text,
            "remedy": self.remedy.value,
            "advice": self.advice,
            **({"motors": list(self.motors)} if self.is_of_bus else self._in_dataset()),
        }

    def _in_dataset(self) -> dict[str, Any]:
        place = self.place
        return {
            "loading": self.loading.value,
            "file": place.file,
            "episode": place.episode,
            "row": place.row,
            "column": place.column,
            "episodes": list(self.episodes),
            "features": list(self.features),
            "dimensions": list(self.dimensions),
        }


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about some findings.

    Attributes:
        codes: the findings.
        command: that mends them; "" where no command does.
        text: what to do, where no command does it all.
    """

    codes: tuple[Code, ...]
    command: str
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"codes": [code.value for code in self.codes], "command": self.command, "text": self.text}


def bus_finding(code: Code, text: str, advice: str, *motors: int) -> Finding:
    """Return what is wrong on a bus, with the motors that it is about."""
    return Finding(code, FindingPlace(), text, own_advice=advice, motors=motors)


def count(findings: Iterable[Finding], severity: Severity) -> int:
    """Return how many findings are of a severity."""
    return sum(finding.severity is severity for finding in findings)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, errors first; else their order stays."""
    return tuple(sorted(findings, key=lambda finding: _RANK[finding.severity]))


def loading_of(findings: Iterable[Finding]) -> Loading:
    """Return what LeRobot does with a dataset that has these findings."""
    return max((finding.loading for finding in findings), key=_ORDER.index, default=Loading.RIGHT)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, the worst first; of many that differ in their place only, one is made."""
    groups: dict[tuple[Code, str | None, Loading | None], list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        groups.setdefault((finding.code, finding.place.column, finding.harms), []).append(finding)
    found = [finding for group in groups.values() for finding in (group if len(group) <= _MOST_ALIKE else _one(group))]
    return worst_first(found)


def _one(group: Sequence[Finding]) -> list[Finding]:
    first = group[0]
    files = len({finding.place.file for finding in group})
    text = f"{first.text}; the same in {files - 1} more files" if files > 1 else f"{first.text}; {len(group) - 1} more"
    episodes = sorted({episode for finding in group for episode in finding.episodes})
    return [replace(first, text=text, episodes=tuple(episodes))]
