"""Looks at a recording, episode by episode: what is doubtful in it, and which of that a person has looked at.

Of pictures the first of each camera and episode is decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerotool.checking.columns import Marks
from lerotool.checking.quality.cameras import blurred, exposures, sharpnesses
from lerotool.checking.quality.episodes import copies, odd_lengths, row_marks, waits, wrong_rate
from lerotool.checking.quality.joints import Following, following, lags, offsets, telemetry
from lerotool.checking.quality.motion import Case, joints_of, labels_of, motion_features, motions, usual
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.selection import Selection
from lerotool.errors import UsageError
from lerotool.execution import Progress, ignore_progress
from lerotool.features import STATE
from lerotool.findings import Code, Finding, FindingPlace, Page
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


def look_at_quality(
    dataset: Dataset, accepted: Accepted | None = None, on_progress: Progress = ignore_progress
) -> QualityReport:
    """Report what is doubtful in a recording."""
    cases = list(_cases(dataset, on_progress))
    fresh, known = (accepted or Accepted()).split(cases, dataset.num_episodes)
    return QualityReport(dataset.root, _findings(dataset, fresh), _findings(dataset, known))


def _cases(dataset: Dataset, on_progress: Progress) -> Iterator[Case]:
    if not dataset.num_episodes:
        return
    names = motion_features(dataset)
    known = usual(dataset, names)
    follows: list[Following] = []
    marks: list[Marks] = []
    sharp: list[dict[str, float]] = []
    joints = joints_of(dataset)
    labels = labels_of(dataset.features[STATE]) if STATE in names else ()
    for motion in motions(dataset, names):
        if len(motion):
            yield from waits(motion, known)
            yield from telemetry(motion, known, joints, labels)
            follows += following(motion, known, joints)
        marks.append(row_marks(motion))
        yield from wrong_rate(dataset, motion.episode)
        yield from exposures(dataset, dataset.episodes[motion.episode])
        sharp.append(sharpnesses(dataset, motion.episode))
        on_progress(motion.episode + 1, dataset.num_episodes)
    yield from odd_lengths(dataset)
    yield from lags(follows, float(dataset.fps))
    yield from offsets(follows)
    yield from copies(marks)
    yield from blurred(sharp)


def _findings(dataset: Dataset, cases: Sequence[Case]) -> tuple[Finding, ...]:
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


_ALL = "all"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Findings that a person has looked at: a text file with a code and episodes on each line, comments behind ``#``.

    The episodes are numbers and ranges, or ``all``: ``idle-start 3,7-9``.
    """

    # A code and the episodes that it is accepted for, None for all of them.
    lines: tuple[tuple[Code, Selection | None], ...] = ()

    @classmethod
    def read(cls, path: Path) -> Accepted:
        """Read a file."""
        lines = []
        for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
            words = line.partition("#")[0].split()
            if words:
                lines.append(_parse(words, f"{path}, line {number}"))
        return cls(tuple(lines))

    def split(self, cases: Iterable[Case], episodes: int) -> tuple[list[Case], list[Case]]:
        """Return the cases that nobody has looked at, and those that somebody has."""
        seen = {(code, number) for code, chosen in self.lines for number in _numbers(chosen, episodes)}
        fresh: list[Case] = []
        known: list[Case] = []
        for case in cases:
            (known if (case.code, case.episode) in seen else fresh).append(case)
        return fresh, known


def _parse(words: Sequence[str], place: str) -> tuple[Code, Selection | None]:
    codes = [code.value for code in Code if code.meaning.page is Page.QUALITY]
    if words[0] not in codes:
        raise UsageError(f"{place}: {words[0]!r} is not a finding of --quality", hint=f"one of {', '.join(codes)}")
    text = "".join(words[1:])
    if text == _ALL:
        return Code(words[0]), None
    try:
        chosen = Selection.parse(text)
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}", hint=f"{words[0]} 3,7-9, or {words[0]} {_ALL}") from error
    if not chosen.ranges:
        raise UsageError(f"{place}: {text!r}, expected numbers of episodes", hint=f"{words[0]} 3,7-9")
    return Code(words[0]), chosen


def _numbers(chosen: Selection | None, episodes: int) -> Iterable[int]:
    if chosen is None:
        return range(episodes)
    found: list[int] = []
    for first, last in chosen.ranges:
        start, stop = (number + episodes if number < 0 else number for number in (first, last))
        found += range(max(start, 0), min(stop + 1, episodes))
    return found
