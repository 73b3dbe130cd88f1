"""Merging end to end: lerotool, the row-by-row reference and a plain copy on the same sources, in turn."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.benchmarking.bench import Signs, wall_s
from lerotool.benchmarking.effort import MergeSize
from lerotool.benchmarking.figures import Better, Figure
from lerotool.benchmarking.rowwise import merge_row_by_row
from lerotool.benchmarking.sets import WIDTHS, make_clip, make_set
from lerotool.choices import FileMode
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.formats import FormatVersion
from lerotool.errors import CorruptDatasetError
from lerotool.execution import ProgressFile
from lerotool.merging.options import MergeOptions, MergeRequest, SourceArgument
from lerotool.merging.run import merge_datasets
from lerotool.rewriting.events import Advanced, Event

GROUP = "merging"
OURS, REFERENCE, COPY, RATIO = "lerotool", "row by row", "plain copy", "times faster"
_TOLERANCE = 1e-5
_COMPARED = 25


@dataclass(frozen=True, slots=True)
class MergeJob:
    """What is to be merged, once."""

    folder: Path
    size: MergeSize
    signs: Signs


@dataclass(slots=True)
class _Progress:
    """Adds up episodes over several merges."""

    file: ProgressFile
    before: int = 0

    def reference(self, done: int) -> None:
        self.file.report(self.before + done)


def case_of(size: MergeSize) -> str:
    """Return what a merge of a size is called."""
    return f"{size.name}, {size.episodes} episodes"


def measure_merge(job: MergeJob) -> list[Figure]:
    """Make the sources, then merge them both ways as often as asked for; results are compared every time."""
    size = job.size
    each = size.episodes // 2
    progress = _Progress(ProgressFile(job.signs.progress, 2 * size.repeats * size.episodes, job.signs.stop))
    progress.reference(0)
    clip, camera = make_clip(job.folder)
    sources = []
    for width in WIDTHS:
        sources.append(job.folder / f"arm{width}")
        make_set(sources[-1], each, width, clip, camera)
    rounds = [_round(job, sources, progress) for _ in range(size.repeats)]
    case = case_of(size)
    reference, ours, copy = (tuple(times) for times in zip(*rounds, strict=True))
    return [
        Figure(GROUP, case, REFERENCE, "s", reference, Better.NEITHER),
        Figure(GROUP, case, OURS, "s", ours),
        Figure(GROUP, case, COPY, "s", copy, Better.NEITHER),
        Figure(GROUP, case, RATIO, "x", tuple(a / b for a, b in zip(reference, ours, strict=True)), Better.MORE),
    ]


def _round(job: MergeJob, sources: list[Path], progress: _Progress) -> tuple[float, float, float]:
    naive, ours, copy = (job.folder / name for name in ("naive", "ours", "copy"))
    copy_s = wall_s(lambda: [shutil.copytree(source, copy / source.name) for source in sources])
    naive_s = wall_s(lambda: merge_row_by_row(sources, naive, progress.reference))
    progress.before += job.size.episodes
    ours_s = wall_s(lambda: _merge(sources, ours, progress))
    progress.before += job.size.episodes
    check_equal(ours, naive)
    for made in (naive, ours, copy):
        shutil.rmtree(made)
    return naive_s, ours_s, copy_s


def _merge(sources: list[Path], target: Path, progress: _Progress) -> None:
    done = 0

    def listen(event: Event) -> None:
        nonlocal done
        if isinstance(event, Advanced):
            done += event.episodes
            progress.reference(done)

    arguments = tuple(SourceArgument.parse(str(source)) for source in sources)
    request = MergeRequest(arguments, target, MergeOptions(version=FormatVersion.V21, files=FileMode.KEEP, pad=True))
    merge_datasets(request, listen)


def check_equal(ours: Path, reference: Path) -> None:
    """Compare two merged datasets: all rows, and of some episodes spread over all the statistics and videos."""
    one, other = Dataset.open(ours), Dataset.open(reference)
    place = f"{ours.name} and {reference.name}: merged differently"
    if (one.num_episodes, one.num_frames, one.tasks) != (other.num_episodes, other.num_frames, other.tasks):
        raise CorruptDatasetError(f"{place}: {one!r}, {other!r}")
    for name, feature in one.features.items():
        if not feature.is_camera and not np.array_equal(one.numpy(name), other.numpy(name)):
            raise CorruptDatasetError(f"{place}: column {name!r}")
    for number in range(0, one.num_episodes, max(1, one.num_episodes // _COMPARED)):
        mine, theirs = one.episodes[number], other.episodes[number]
        for camera in one.cameras:
            if mine.videos[camera].path.read_bytes() != theirs.videos[camera].path.read_bytes():
                raise CorruptDatasetError(f"{place}: video of episode {number}")
        for name, expected in theirs.stats.items():
            found = mine.stats[name]
            for statistic in ("min", "max", "mean", "std"):
                a, b = getattr(found, statistic), getattr(expected, statistic)
                if not np.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE):
                    raise CorruptDatasetError(f"{place}: {statistic} of {name!r} in episode {number}")
