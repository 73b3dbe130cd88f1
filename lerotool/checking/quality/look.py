"""Looks at a recording, episode by episode; of pictures the first of each camera is decoded."""

from __future__ import annotations

from collections.abc import Iterator

from lerotool.checking.columns import Marks
from lerotool.checking.quality.cameras import blurred, exposures, sharpnesses
from lerotool.checking.quality.episodes import copies, odd_lengths, row_marks, waits, wrong_rate
from lerotool.checking.quality.joints import (
    Following,
    dead,
    following,
    frozen,
    glitches,
    jumps,
    lags,
    offsets,
    saturated,
)
from lerotool.checking.quality.motion import Case, joints_of, labels_of, motion_features, motions, usual
from lerotool.checking.quality.report import Accepted, QualityReport, findings_of
from lerotool.dataset.dataset import Dataset
from lerotool.execution import Progress, ignore_progress
from lerotool.features import STATE


def look_at_quality(
    dataset: Dataset, accepted: Accepted | None = None, on_progress: Progress = ignore_progress
) -> QualityReport:
    """Report what is doubtful in a recording."""
    cases = list(_cases(dataset, on_progress))
    fresh, known = (accepted or Accepted()).split(cases, dataset.num_episodes)
    return QualityReport(dataset.root, findings_of(dataset, fresh), findings_of(dataset, known))


def _cases(dataset: Dataset, on_progress: Progress) -> Iterator[Case]:
    if not dataset.num_episodes:
        return
    names = motion_features(dataset)
    known = usual(dataset, names)
    follows: list[Following] = []
    marks: list[Marks] = []
    sharp: list[dict[str, float]] = []
    joints = joints_of(dataset)
    for motion in motions(dataset, names):
        if len(motion):
            yield from waits(motion, known)
            yield from frozen(motion, known)
            yield from dead(motion, known, joints)
            yield from saturated(motion, known, joints)
            if STATE in motion.values:
                labels = labels_of(dataset.features[STATE])
                yield from glitches(motion, known, labels)
                yield from jumps(motion, known, labels)
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
