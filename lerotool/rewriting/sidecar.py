"""What goes along with the episodes of a dataset: measured times and recording reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.documents import read_lines
from lerotool.dataset.layout import RECORDINGS_PATH, TIMING_PATH
from lerotool.dataset.marks import MARKS, Mark, load_marks, mark_lines
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.parquet import arrow_schema, open_parquet, plain_array
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.dataset.writing.episode_writers import LineWriter
from lerotool.rewriting.data_job import batches, resampled_rows
from lerotool.rewriting.data_jobs import Stretch, stretches
from lerotool.rewriting.rewriting import Rewriting
from lerotool.rewriting.row_stream import FileSlice, RowStream
from lerotool.rewriting.source import Source, unbroken
from lerotool.storage import json_bytes
from lerotool.workspace import Workspace

_KEYS = ("episode_index", "frame_index")
_PICTURE_COLUMNS = ("picture/", "picture_age_ns/")


def write_timing(work: Rewriting, root: Path) -> None:
    """Write the measured times beside the data files; rows that were not measured have nulls."""
    schema = _timing_schema(work)
    if schema is None or work.format.version.has_files_of_episodes:
        return
    for file in work.data:
        if file.stays is not None:
            continue
        parts = list(stretches(work, file.first, file.stop))
        if not any(_has_timing(part.contribution.source) for part in parts):
            continue
        path = root / TIMING_PATH.format(chunk_index=file.number.chunk, file_index=file.number.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as sink, pq.ParquetWriter(sink, schema, compression="snappy") as writer:
            for part in parts:
                for table in _timing_of(part, schema):
                    writer.write_table(table, row_group_size=max(1, table.num_rows))


def _has_timing(source: Source) -> bool:
    return (Workspace(source.dataset.root).sidecar / "timing").is_dir()


def _beside(source: Source, kind: str, pattern: str) -> list[Path]:
    files = source.dataset.layout.files
    return [files.path(name) for name in files.glob(PurePath("meta", "lerotool", kind), pattern)]


def _timing_schema(work: Rewriting) -> pa.Schema | None:
    schemas = []
    for contribution in work.contributions:
        source = contribution.source
        for path in _beside(source, "timing", "*/*.parquet"):
            with open_parquet(path) as file:
                found = arrow_schema(file, path)
            schemas.append(pa.schema([pa.field(_renamed(f.name, source), f.type) for f in found]))
    return pa.unify_schemas(schemas, promote_options="permissive") if schemas else None


def _renamed(column: str, source: Source) -> str:
    names = {original: name for name, original in source.originals.items()}
    for prefix in _PICTURE_COLUMNS:
        if column.startswith(prefix):
            camera = column.removeprefix(prefix)
            return prefix + names.get(camera, camera)
    return column


def _timing_of(part: Stretch, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the measured times of a stretch, some episodes at a time."""
    contribution = part.contribution
    resampling = contribution.resampling
    for begin, stop, stream in _timing_streams(part):
        lengths = part.rows.lengths[begin:stop]
        measured = None if stream is None else stream.take(int(lengths.sum()))
        if resampling is not None:
            chosen = resampled_rows(resampling, lengths)
            measured = None if measured is None else measured.take(plain_array(chosen))
            lengths = resampling.lengths(lengths)
        frames = np.arange(int(lengths.sum()))
        columns: dict[str, Any] = {
            "episode_index": plain_array(np.repeat(np.arange(part.first + begin, part.first + stop), lengths)),
            "frame_index": plain_array(frames - np.repeat(cumulated(lengths)[:-1], lengths)),
        }
        if measured is not None:
            columns |= {
                _renamed(name, contribution.source): measured[name]
                for name in measured.column_names
                if name not in _KEYS
            }
        arrays = [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(len(frames), f.type) for f in schema]
        yield pa.Table.from_arrays(arrays, schema=schema)


def _timing_streams(part: Stretch) -> Iterator[tuple[int, int, RowStream | None]]:
    """Yield ranges of the stretch's episodes, and what gives their measured times one after another, or None."""
    dataset, lengths = part.contribution.source.dataset, part.rows.lengths
    files = dataset.data_files
    first_rows = part.first_row + cumulated(lengths)[:-1]
    file_of = np.searchsorted(files.starts, first_rows, side="right") - 1
    for begin, stop in unbroken(np.diff(file_of) != 0, len(lengths)):
        file = int(file_of[begin])
        stream = None
        if files.numbers is not None and not dataset.version.has_files_of_episodes:
            path = dataset.layout.timing_path(*files.numbers[file].tolist())
            if path.is_file():
                count = int(files.starts[file + 1] - files.starts[file])
                with open_parquet(path) as opened:
                    names = arrow_schema(opened, path).names
                start = int(first_rows[begin] - files.starts[file])
                stream = RowStream([FileSlice(path, start, count, count)], names, {})
        for a, b in batches(lengths[begin:stop]):
            yield begin + a, begin + b, stream


class Reports:
    """Recording reports by the number of the episode, one file beside each file of the episode table."""

    def __init__(self, entries: Mapping[int, Mapping[str, Any]], root: Path) -> None:
        self._root = root
        self._entries = entries
        self._pending: dict[FileNumber, list[int]] = {}

    def note(self, number: FileNumber, first: int, count: int) -> None:
        """Say which file of the episode table episodes are in."""
        if self._entries:
            self._pending.setdefault(number, []).extend(range(first, first + count))

    def write(self) -> None:
        """Write all reports."""
        for number, episodes in self._pending.items():
            if not any(episode in self._entries for episode in episodes):
                continue
            path = self._root / RECORDINGS_PATH.format(chunk_index=number.chunk, file_index=number.file)
            with LineWriter(path) as lines:
                lines.add({**self._entries.get(episode, {}), "episode_index": episode} for episode in episodes)


def reports_of(work: Rewriting) -> dict[int, Mapping[str, Any]]:
    """Return the reports of the sources by the numbers that their episodes get."""
    found: dict[int, Mapping[str, Any]] = {}
    for contribution in work.contributions:
        own = reports_in(_beside(contribution.source, "recordings", "*/*.jsonl"))
        numbers = enumerate(contribution.source.episodes.tolist(), contribution.first_episode)
        found |= {new: own[old] for new, old in numbers if old in own}
    return found


def reports_in(paths: Iterable[Path]) -> dict[int, Mapping[str, Any]]:
    """Return the reports in some files by the number of the episode; of several the last counts."""
    entries = (entry for path in paths for _, entry in read_lines(path))
    return {entry["episode_index"]: entry for entry in entries if isinstance(entry.get("episode_index"), int)}


def write_marks(work: Rewriting, root: Path) -> None:
    """Write what people have said about the episodes."""
    marks: dict[int, Mark] = {}
    for contribution in work.contributions:
        source = contribution.source
        own = load_marks(source.dataset).by_episode
        pieces = zip(source.episodes.tolist(), source.starts.tolist(), source.lengths.tolist(), strict=True)
        for place, (number, start, length) in enumerate(pieces if own else ()):
            if number in own:
                mark = own[number].of_piece(start, length)
                is_retimed = contribution.resampling is not None  # trim points count frames
                marks[contribution.first_episode + place] = replace(mark, trim=None) if is_retimed else mark
    marks = {number: mark for number, mark in marks.items() if not mark.is_empty}
    if marks:
        (root / MARKS).parent.mkdir(parents=True, exist_ok=True)
        (root / MARKS).write_bytes(mark_lines(marks, work.lengths))


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document as LeRobot does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json_bytes(document, allow_nan=True))
