"""The data jobs of a rewriting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import pyarrow as pa

from lerotool.dataset.parquet import arrow_schema, compression_of, open_parquet
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.features import Kind
from lerotool.rewriting.data_job import DataJob
from lerotool.rewriting.data_part import DataPart, Rows
from lerotool.rewriting.rewriting import Contribution, DataFile, Rewriting
from lerotool.rewriting.row_stream import file_slices

_EPISODES_PER_JOB = 64


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Pieces whose rows follow one another in one source, and which go into one data job."""

    contribution: Contribution  # they belong to
    first: int  # number in the target of the episode that the first becomes
    rows: Rows  # whose they are
    first_row: int  # number of the first row in the source


def stretches(work: Rewriting, first: int, stop: int) -> Iterator[Stretch]:
    """Yield where the episodes ``first`` to ``stop`` of the target come from, in order."""
    for contribution in work.contributions:
        source, own = contribution.source, contribution.first_episode
        begin = max(first, own) - own
        end = min(stop, own + len(contribution.lengths)) - own
        for a, b in source.stretches(begin, end) if begin < end else ():
            rows = Rows(source.episodes[a:b], source.starts[a:b], source.lengths[a:b])
            yield Stretch(contribution, own + a, rows, int(source.first_rows(a, b)[0]))


def data_jobs(work: Rewriting, root: Path, blocks: Path) -> Iterator[tuple[DataJob, DataFile]]:
    """Yield the jobs of a rewriting and the first data file of each, in order; ``blocks`` is a folder for results."""
    language = language_types(work)
    compression = _compression(work)
    starts = cumulated(work.lengths)
    for number, files in enumerate(_divided(work)):
        first, stop = files[0].first, files[-1].stop
        yield (
            DataJob(
                work.format.version,
                None if files[0].stays else tuple(root / work.format.version.data_file(file.number) for file in files),
                blocks / f"{number:06d}.npz",
                tuple(map(part_of, stretches(work, first, stop))),
                work.features,
                language,
                work.fps,
                first,
                int(starts[first]),
                sum(file.bytes for file in files),
                compression,
            ),
            files[0],
        )


def _compression(work: Rewriting) -> str:
    source = work.contributions[0].source
    files = source.dataset.data_files
    return compression_of(files.path(files.find(int(source.first_rows(0, 1)[0]))))


def _divided(work: Rewriting) -> Iterator[list[DataFile]]:
    if not work.format.version.has_files_of_episodes:
        yield from ([file] for file in work.data)
        return
    for _, run in groupby(work.data, key=lambda file: file.stays is not None):
        while batch := list(islice(run, _EPISODES_PER_JOB)):
            yield batch


def part_of(stretch: Stretch) -> DataPart:
    """Return what a data job needs to know of a stretch."""
    contribution = stretch.contribution
    dataset = contribution.source.dataset
    start, stop = stretch.first_row, stretch.first_row + int(stretch.rows.lengths.sum())
    return DataPart(
        contribution.source.label,
        file_slices(dataset, start, stop),
        dataset.features,
        stretch.rows,
        {name: rule.of_rows(start, stop) for name, rule in contribution.rules.items()},
        contribution.tasks,
        dataset.fps,
        contribution.resampling,
        contribution.retime,
    )


def language_types(work: Rewriting) -> Mapping[str, pa.DataType]:
    """Return types of the language columns that fit all files of all sources: they differ from file to file."""
    names = [name for name, feature in work.features.items() if feature.kind is Kind.LANGUAGE]
    if not names:
        return {}
    schemas: list[pa.Schema] = []
    for contribution in work.contributions:
        dataset, originals = contribution.source.dataset, contribution.source.originals
        for number in range(len(dataset.data_files)):
            path = dataset.data_files.path(number)
            with open_parquet(path) as file:
                schema = arrow_schema(file, path)
            own = [(name, schema.field(originals[name]).type) for name in names if originals.get(name) in schema.names]
            schemas.append(pa.schema(own))
    unified = pa.unify_schemas(schemas, promote_options="permissive")
    return {name: unified.field(name).type for name in names if name in unified.names}


def video_batches(work: Rewriting, count: int) -> Iterator[range]:
    """Yield which video files one job makes: small ones together."""
    size = _EPISODES_PER_JOB if work.format.version.has_files_of_episodes else 1
    yield from (range(first, min(first + size, count)) for first in range(0, count, size))
