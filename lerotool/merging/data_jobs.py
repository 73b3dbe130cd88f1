"""The data jobs of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.info import DATA_PATH
from lerotool.dataset.parquet import arrow_schema, open_parquet
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.features import Kind
from lerotool.merging.data_job import DataJob
from lerotool.merging.data_part import DataPart
from lerotool.merging.plan import Contribution, DataFile, Plan, data_path
from lerotool.merging.rows import file_slices

Ints = npt.NDArray[np.int64]
_EPISODES_PER_JOB = 64


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Episodes of one source that stand side by side in it, and go into one data job.

    Attributes:
        contribution: they belong to.
        first: number of the first in the target.
        source_first: number of the first in the source.
        source_lengths: frames of each there.
    """

    contribution: Contribution
    first: int
    source_first: int
    source_lengths: Ints


def stretches(plan: Plan, first: int, stop: int) -> Iterator[Stretch]:
    """Yield where the episodes ``first`` to ``stop`` of the target come from, in order."""
    for contribution in plan.contributions:
        begin = max(first, contribution.first_episode) - contribution.first_episode
        end = min(stop, contribution.first_episode + len(contribution.lengths)) - contribution.first_episode
        if begin >= end:
            continue
        numbers = contribution.source.episodes[begin:end]
        lengths = contribution.source.lengths[begin:end]
        edges = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]
        for a, b in pairwise(edges):
            yield Stretch(contribution, contribution.first_episode + begin + a, int(numbers[a]), lengths[a:b])


def data_jobs(plan: Plan, root: Path, blocks: Path) -> Iterator[tuple[DataJob, DataFile]]:
    """Yield the jobs of a plan and the first data file of each, in order.

    Args:
        plan: of the merge.
        root: where the dataset is built.
        blocks: the folder for what is learnt about episodes.
    """
    language = language_types(plan)
    starts = cumulated(plan.lengths)
    for number, files in enumerate(_divided(plan)):
        first, stop = files[0].first, files[-1].stop
        yield (
            DataJob(
                plan.options.version,
                tuple(root / data_path(plan.options.version, DATA_PATH, file.number) for file in files),
                blocks / f"{number:06d}.npz",
                tuple(_part(stretch, plan) for stretch in stretches(plan, first, stop)),
                plan.features,
                language,
                plan.fps,
                first,
                int(starts[first]),
                sum(file.bytes for file in files),
            ),
            files[0],
        )


def _divided(plan: Plan) -> Iterator[list[DataFile]]:
    if not plan.options.version.has_files_of_episodes:
        yield from ([file] for file in plan.data)
        return
    files = iter(plan.data)
    while batch := list(islice(files, _EPISODES_PER_JOB)):
        yield batch


def _part(stretch: Stretch, plan: Plan) -> DataPart:
    contribution = stretch.contribution
    dataset = contribution.source.dataset
    starts = dataset.episodes.starts
    stop = stretch.source_first + len(stretch.source_lengths)
    return DataPart(
        contribution.source.label,
        file_slices(dataset, int(starts[stretch.source_first]), int(starts[stop])),
        dataset.features,
        stretch.source_first,
        stretch.source_lengths,
        contribution.rules,
        contribution.tasks,
        dataset.fps,
        contribution.resampling,
        plan.options.retime,
    )


def language_types(plan: Plan) -> Mapping[str, pa.DataType]:
    """Return types of the language columns that fit all files of all sources: they differ from file to file.

    Raises:
        CorruptDatasetError: a data file cannot be read.
    """
    names = [name for name, feature in plan.features.items() if feature.kind is Kind.LANGUAGE]
    if not names:
        return {}
    schemas: list[pa.Schema] = []
    for contribution in plan.contributions:
        dataset, originals = contribution.source.dataset, contribution.source.originals
        for number in range(len(dataset.data_files)):
            path = dataset.data_files.path(number)
            with open_parquet(path) as file:
                schema = arrow_schema(file, path)
            own = [(name, schema.field(originals[name]).type) for name in names if originals.get(name) in schema.names]
            schemas.append(pa.schema(own))
    unified = pa.unify_schemas(schemas, promote_options="permissive")
    return {name: unified.field(name).type for name in names if name in unified.names}


def video_batches(outputs: int) -> Iterator[range]:
    """Yield ranges of small video files that one job makes."""
    for first in range(0, outputs, _EPISODES_PER_JOB):
        yield range(first, min(first + _EPISODES_PER_JOB, outputs))
