"""What was found in a recording: values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.checking.quality.case import Case
from lerotool.dataset.dataset import Dataset
from lerotool.findings import Code, Finding, FindingPlace
from lerotool.wording import as_argument, of_episodes, ranges

TRIM = "lerotool edit trim DATASET --still --episodes {numbers}"
DELETE = "lerotool edit delete DATASET {numbers}"
_TRIMMED = frozenset([Code.IDLE_START, Code.IDLE_END])
_WHOLE = "it is so in all episodes: {advice}"
_KEYFRAMES = "this format cuts videos at keyframes only: convert first, lerotool merge DATASET -o TARGET --to v3.0"


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What was found in a recording.

    Attributes:
        root: the dataset.
        findings: each with its episodes, a figure and, as ``own_advice``, what to do: a command where one acts on it.
        accepted: findings that a person has looked at, likewise.
    """

    root: Path
    findings: tuple[Finding, ...]
    accepted: tuple[Finding, ...] = ()

    def command(self, finding: Finding) -> str:
        """Return the command line that acts on a finding, "" where none does."""
        return self.advice(finding) if finding.own_advice.startswith("lerotool ") else ""

    def advice(self, finding: Finding) -> str:
        """Return what to do about a finding, with the dataset's name in it."""
        target = as_argument(f"{self.root}-new")
        return finding.advice.replace("DATASET", as_argument(self.root)).replace("TARGET", target)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "findings": [self._entry(finding) for finding in self.findings],
            "accepted": [self._entry(finding) for finding in self.accepted],
        }

    def _entry(self, finding: Finding) -> dict[str, Any]:
        return {**finding.to_json(), "advice": self.advice(finding), "command": self.command(finding)}


def findings_of(dataset: Dataset, cases: Sequence[Case]) -> tuple[Finding, ...]:
    """Return one finding for each code and feature, in the order of the codes."""
    order = {code: place for place, code in enumerate(Code)}
    groups: dict[tuple[Code, str], list[Case]] = {}
    for case in sorted(cases, key=lambda case: (order[case.code], case.feature, case.episode)):
        groups.setdefault((case.code, case.feature), []).append(case)
    return tuple(_finding(dataset, code, feature, own) for (code, feature), own in groups.items())


def _finding(dataset: Dataset, code: Code, feature: str, cases: Sequence[Case]) -> Finding:
    episodes = tuple(sorted({case.episode for case in cases}))
    worst = max(cases, key=lambda case: case.size)
    text = f"{of_episodes(episodes)}: {worst.text}"
    if len(episodes) > 1:
        text = f"{of_episodes(episodes)}; most in episode {worst.episode}: {worst.text}"
    place = FindingPlace("data" if feature not in dataset.cameras else "videos")
    labels = tuple(dict.fromkeys(case.dimension for case in cases if case.dimension))
    advice = _advice(dataset, code, episodes)
    features = (feature,) if feature else ()
    return Finding(code, place, text, episodes, own_advice=advice, features=features, dimensions=labels)


def _advice(dataset: Dataset, code: Code, episodes: Sequence[int]) -> str:
    numbers = {"numbers": ranges(episodes)}
    if code in _TRIMMED:
        has_own_videos = dataset.version.has_files_of_episodes and any(
            dataset.features[camera].dtype == "video" for camera in dataset.cameras
        )
        return _KEYFRAMES if has_own_videos else TRIM.format(**numbers)
    if len(episodes) == dataset.num_episodes:
        return _WHOLE.format(advice=Finding(code, FindingPlace(), "").advice)
    return DELETE.format(**numbers)


def by_code(findings: Sequence[Finding]) -> Mapping[Code, tuple[int, ...]]:
    """Return the episodes of each code, as a file for ``--accept`` has them."""
    found: dict[Code, set[int]] = {}
    for finding in findings:
        found.setdefault(finding.code, set()).update(finding.episodes)
    return {code: tuple(sorted(episodes)) for code, episodes in found.items()}
