"""Verification: what a dataset states about itself, compared with what it contains."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from lerotool.checking.stored import StoredStatistics
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.layout import EPISODE_STATS_LINES, STATS
from lerotool.execution import Progress, ignore_progress
from lerotool.findings import Code, Finding, FindingPlace, Severity, count, worst_first
from lerotool.statistics.compare import Context, compare_dataset, compare_episodes
from lerotool.statistics.measure import Measurement, Selection, measured
from lerotool.statistics.sampling import Sampling
from lerotool.statistics.segments import dimension_labels
from lerotool.statistics.tally import Presence, Tally, check_block
from lerotool.statistics.training import check_training


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What verification has found.

    Attributes:
        findings: the worst first.
        features: that have been compared.
        episodes: that have been compared; 0 where the format keeps no statistics of episodes.
        definitions: by feature, how the dataset's quantiles have been taken.
    """

    findings: tuple[Finding, ...]
    features: tuple[str, ...]
    episodes: int
    definitions: dict[str, str]

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return count(self.findings, severity)


def verify(
    dataset: Dataset,
    selection: Selection | None = None,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> VerifyReport:
    """Measure a dataset and compare what it states with that; nothing is written."""
    selection = selection or Selection()
    with measured(dataset, selection, executor, on_progress) as measurement:
        labels = {name: dimension_labels(dataset.features[name], dataset.version) for name in measurement.features}
        context = Context(dataset, measurement, selection.sampling or Sampling(), Tally(labels, dataset.num_episodes))
        names = [n for part in selection.names(dataset) for n in part if n not in measurement.problems]
        presence = Presence(dataset, names)
        definitions = _check_dataset(presence, context)
        compared = _check_episodes(presence, context)
        found = [*_not_measurable(measurement), *presence.findings(), *context.tally.findings()]
        found += check_training(dataset, measurement)
        wanted = [f for f in found if not selection.only or set(f.features) & set(selection.only)]
        return VerifyReport(worst_first(wanted), tuple(measurement.features), compared, definitions)


def _check_dataset(presence: Presence, context: Context) -> dict[str, str]:
    block = _stored(context.dataset).dataset()
    if block is None:
        if context.dataset.version.has_dataset_statistics and context.dataset.num_frames:
            presence.absent(STATS.as_posix())
        return {}
    presence.take(block)
    check_block(block, context.tally)
    return compare_dataset(block, context)


def _check_episodes(presence: Presence, context: Context) -> int:
    compared = 0
    for block in _stored(context.dataset).episodes(range(context.dataset.num_episodes)):
        presence.take(block)
        check_block(block, context.tally)
        compare_episodes(block, context)
        compared += block.rows
    version = context.dataset.version
    is_asked = version.has_episode_statistics and version.has_files_of_episodes and context.dataset.num_episodes
    if not compared and is_asked:
        presence.absent(EPISODE_STATS_LINES.as_posix())
    return compared


def _stored(dataset: Dataset) -> StoredStatistics:
    return StoredStatistics(dataset.layout.files, dataset.version, dataset.features)


def _not_measurable(measurement: Measurement) -> Iterator[Finding]:
    for camera, problems in measurement.problems.items():
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        text = f"those of {len(problems)} episodes cannot be had: {problems[0]}{more}"
        yield Finding(Code.NOT_MEASURABLE, FindingPlace("videos", column=camera), text, features=(camera,))
