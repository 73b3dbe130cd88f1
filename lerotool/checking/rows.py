"""One data file, looked at by itself: a job. What its rows say is summed up by runs of rows of one episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.checking.columns import Fingerprints, Marks, check_plausible, check_type, metadata_problem, read_values
from lerotool.checking.report import Problem
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.parquet import arrow_schema, column_names, open_parquet, stored_paths
from lerotool.dataset.reading.footerless import has_footer
from lerotool.errors import CorruptDatasetError
from lerotool.features import Feature, Kind, columns
from lerotool.findings import Code, Loading
from lerotool.wording import counted

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_BATCH = 1 << 16
_HIDES_VALUES = (Code.COLUMN_MISSING, Code.COLUMN_TYPE, Code.MISSING_VALUES)
_COUNTERS = ("episode_index", "frame_index", "index", "task_index")


@dataclass(frozen=True, slots=True)
class DataJob:
    """A data file to look at."""

    path: Path  # of the file
    features: Mapping[str, Feature]  # of the dataset
    fps: float  # frames a second
    version: FormatVersion  # of the format


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Rows of a file that stand side by side and have the same episode_index; all arrays are (runs,)."""

    episode: Ints  # their number
    start: Ints  # first row in the file
    length: Ints  # rows
    first_index: Ints  # the column ``index`` in the first row
    is_counted: npt.NDArray[np.bool_]  # whether ``index`` goes up by one from row to row
    is_framed: npt.NDArray[np.bool_]  # whether ``frame_index`` is 0, 1, 2, …
    off_grid_s: Floats  # by how much a timestamp differs from frame number / fps, at worst
    first_time: Floats  # the first timestamp
    tasks: tuple[tuple[int, ...], ...]  # the task numbers in each, in order of appearance
    is_permuted: bool = False  # whether ``index`` has consecutive numbers, but not in their order
    is_indexed: bool = True  # whether there is a column ``index``

    def __len__(self) -> int:
        return len(self.episode)


@dataclass(frozen=True, slots=True, eq=False)
class DataFileFacts:
    """What a data file holds."""

    path: Path  # of the file
    rows: int  # how many; 0 where it cannot be read
    problems: tuple[Problem, ...]  # what is wrong with it by itself
    runs: Runs | None = None  # None where the columns that number the rows are missing or cannot be read
    # Smallest value of each dimension of each numeric feature by run, (runs, d).
    low: Mapping[str, Floats] = field(default_factory=dict)
    high: Mapping[str, Floats] = field(default_factory=dict)  # largest value, likewise
    row_group_starts: Ints = field(default_factory=lambda: np.empty(0, np.int64))  # first row of each row group
    # Fingerprint of all numeric values of each run, (runs,); None where a column cannot be read.
    marks: Marks | None = None

    @property
    def episodes(self) -> list[int]:
        """The episode of each run; empty where they are unknown."""
        return [] if self.runs is None else self.runs.episode.tolist()


def look_at_data(jobs: Sequence[DataJob]) -> list[DataFileFacts]:
    """Look at some data files."""
    return [_look(job) for job in jobs]


def _look(job: DataJob) -> DataFileFacts:
    if job.path.is_dir():
        return DataFileFacts(job.path, 0, (Problem(Code.DATA_DAMAGED, "it is a folder, expected a file"),))
    try:
        with open_parquet(job.path) as file:
            return _Look(job, file).facts()
    except CorruptDatasetError as error:
        text = str(error).removeprefix(f"{job.path}: ")
        if not job.path.exists():
            return DataFileFacts(job.path, 0, (Problem(Code.DATA_MISSING, "the file is missing"),))
        is_cut = job.path.stat().st_size > 0 and not has_footer(job.path)
        return DataFileFacts(job.path, 0, (Problem(Code.DATA_NO_FOOTER if is_cut else Code.DATA_DAMAGED, text),))


class _Look:
    def __init__(self, job: DataJob, file: pq.ParquetFile) -> None:
        self._job = job
        self._file = file
        self._names = column_names(file, job.path)
        self._schema = arrow_schema(file, job.path)
        self._rows = int(file.metadata.num_rows)
        self._problems: list[Problem] = []
        self._bad: dict[str, Problem] = {}  # columns with values that cannot be used
        check_plausible(file, job.path)

    def facts(self) -> DataFileFacts:
        usable = self._check_columns()
        sizes = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        starts = np.cumsum([0, *sizes], dtype=np.int64)
        if self._rows != starts[-1]:
            raise CorruptDatasetError(f"{self._job.path}: {self._rows} rows are declared, the row groups have another")
        runs = self._runs(usable)
        marks = Fingerprints(runs.start, self._rows) if runs is not None else None
        low, high = self._ranges(usable, runs, marks)
        found = tuple(self._problems)
        are_known = marks is not None and bool(low) and not any(p.code in _HIDES_VALUES for p in found)
        known = marks.marks if marks is not None and are_known else None
        return DataFileFacts(self._job.path, self._rows, found, runs, low, high, starts[:-1], known)

    def _check_columns(self) -> list[str]:
        features, version = self._job.features, self._job.version
        wanted = columns(features)
        extra = [name for name in self._names if name not in wanted]
        if extra and not version.has_files_of_episodes:
            text = f"columns that info.json does not declare: {', '.join(extra[:4])}"
            self._problems.append(Problem(Code.COLUMN_EXTRA, text, column=extra[0]))
        usable = []
        for name in wanted:
            if name not in self._names:
                self._problems.append(Problem(Code.COLUMN_MISSING, "the column is missing", column=name))
                continue
            problem = check_type(name, features[name], self._schema.field(name).type)
            if problem is None and version.has_files_of_episodes:
                problem = self._check_counter(name)
            if problem is None:
                usable.append(name)
            else:
                self._problems.append(problem)
        found = metadata_problem(self._schema, features, version)
        if found is not None:
            self._problems.append(found)
        self._problems += self._missing_pictures()
        return usable

    def _check_counter(self, name: str) -> Problem | None:
        """LeRobot 0.3 does not cast columns, and makes file names of these numbers."""
        found = self._schema.field(name).type
        if name not in _COUNTERS or pa.types.is_integer(found):
            return None
        self._problems.append(Problem(Code.COLUMN_TYPE, f"it is {found}, expected int64", name, harms=Loading.WRONG))
        return None

    def _missing_pictures(self) -> Iterator[Problem]:
        """Count rows without a picture by what the footer says."""
        cameras = [name for name, feature in self._job.features.items() if feature.kind is Kind.IMAGE]
        metadata, paths = self._file.metadata, stored_paths(self._file)
        for name in cameras:
            missing = 0
            own = [number for number, path in enumerate(paths) if path in (name, f"{name}.bytes")]
            for group in range(self._file.num_row_groups):
                # Arrow ends the process over the damaged description of a column, unless reading has refused it before.
                next(self._batches([name], 1, [group]), None)
                for chunk in (metadata.row_group(group).column(number) for number in own):
                    if chunk.is_stats_set:
                        missing += chunk.statistics.null_count or 0
            if missing:
                yield Problem(Code.MISSING_VALUES, f"no picture in {counted(missing, 'row')}", column=name)

    def _batches(
        self, names: Sequence[str], size: int = _BATCH, groups: Sequence[int] | None = None
    ) -> Iterator[pa.Table]:
        try:
            for batch in self._file.iter_batches(size, row_groups=groups, columns=list(names)):
                table = pa.Table.from_batches([batch])
                table.validate(full=True)
                yield table
        except MemoryError:
            raise
        except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            first = str(error).split("\n", 1)[0][:200]
            raise CorruptDatasetError(f"{self._job.path}: the parquet file is damaged: {first}") from error

    def _values(self, names: Sequence[str]) -> Iterator[tuple[int, str, npt.NDArray[Any]]]:
        """Yield columns in batches of rows: the first row, the name, the values; what is bad is noted once."""
        first = 0
        for table in self._batches(names) if names else ():
            for name in (name for name in names if name not in self._bad):
                values, problem = read_values(table[name], name, self._job.features[name])
                if problem is not None:
                    self._bad[name] = problem
                if values is not None:
                    yield first, name, values
            first += table.num_rows
        self._problems += [problem for name, problem in self._bad.items() if name in names]

    def _runs(self, usable: Sequence[str]) -> Runs | None:
        """Read the columns that number and time the rows, and sum them up."""
        names = [name for name in (*_COUNTERS, "timestamp") if name in usable]
        parts = {name: [np.empty(0, np.float64 if name == "timestamp" else np.int64)] for name in names}
        for _, name, values in self._values(names):
            parts[name].append(values)
        arrays = {name: np.concatenate(own) for name, own in parts.items() if name not in self._bad}
        return sum_up(arrays, self._job.fps) if "episode_index" in arrays else None

    def _ranges(
        self, usable: Sequence[str], runs: Runs | None, marks: Fingerprints | None
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Read all other columns of numbers and texts, and keep the smallest and largest values of each run."""
        features = self._job.features
        names = [n for n in usable if n not in (*_COUNTERS, "timestamp")]
        names = [n for n in names if features[n].kind in (Kind.NUMERIC, Kind.STRING)]
        ranges = {n: _Ranges(runs) for n in names if features[n].kind is Kind.NUMERIC} if runs is not None else {}
        not_finite: dict[str, tuple[int, int]] = {}
        for first, name, values in self._values(names):
            if features[name].kind is Kind.STRING:
                continue
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                rows = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
                count, where = not_finite.get(name, (0, first + int(rows[0])))
                not_finite[name] = (count + len(rows), where)
            if name in ranges:
                ranges[name].add(first, values)
            if marks is not None:
                marks.add(name, first, values)
        for name, (count, where) in not_finite.items():
            text = f"NaN or infinite numbers in {counted(count, 'row')}"
            self._problems.append(Problem(Code.NOT_FINITE, text, column=name, row=where))
        good = {name: found for name, found in ranges.items() if name not in self._bad and found.is_complete}
        return {n: r.low for n, r in good.items()}, {n: r.high for n, r in good.items()}


class _Ranges:
    """The smallest and largest values of each run, gathered from batches of rows."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self.low: Floats = np.empty((0, 0))
        self.high: Floats = np.empty((0, 0))
        self.is_complete = False

    def add(self, first: int, values: npt.NDArray[Any]) -> None:
        with np.errstate(invalid="ignore"):  # a signalling NaN makes numpy warn
            flat = values.reshape(len(values), -1).astype(np.float64)
        if not self.is_complete:
            self.low = np.full((len(self._runs), flat.shape[1]), np.inf)
            self.high = np.full((len(self._runs), flat.shape[1]), -np.inf)
            self.is_complete = True
        stops = self._runs.start + self._runs.length
        begin = int(np.searchsorted(stops, first, side="right"))
        end = int(np.searchsorted(self._runs.start, first + len(flat), side="left"))
        if begin >= end:
            return
        cuts = np.maximum(self._runs.start[begin:end] - first, 0)
        with np.errstate(invalid="ignore"):
            self.low[begin:end] = np.fmin(self.low[begin:end], np.fmin.reduceat(flat, cuts))
            self.high[begin:end] = np.fmax(self.high[begin:end], np.fmax.reduceat(flat, cuts))


def sum_up(arrays: Mapping[str, npt.NDArray[Any]], fps: float) -> Runs:
    """Sum up the columns that number and time the rows of a file; ``episode_index`` must be among them."""
    episode = arrays["episode_index"].astype(np.int64)
    rows = len(episode)
    starts = np.flatnonzero(np.concatenate([[True], episode[1:] != episode[:-1]])) if rows else np.empty(0, np.int64)
    lengths = np.diff(np.append(starts, rows))
    within = np.arange(rows) - np.repeat(starts, lengths)

    def all_of(wrong: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        return ~np.logical_or.reduceat(wrong, starts) if rows else np.empty(0, np.bool_)

    index = arrays.get("index", np.arange(rows)).astype(np.int64)
    first_index = index[starts]
    frames = arrays.get("frame_index", within)
    times = arrays.get("timestamp", within / fps).astype(np.float64)
    grid = within / fps
    # Far from zero float32 cannot tell the tolerance itself.
    off = np.maximum(np.abs(times - grid) - np.spacing(grid.astype(np.float32)).astype(np.float64) / 2, 0.0)
    tasks = arrays.get("task_index", np.zeros(rows, np.int64))
    return Runs(
        episode[starts],
        starts,
        lengths,
        first_index,
        all_of(index != np.repeat(first_index, lengths) + within),
        all_of(frames != within),
        np.maximum.reduceat(np.where(np.isnan(off), np.inf, off), starts) if rows else np.empty(0),
        times[starts],
        tuple(
            tuple(dict.fromkeys(tasks[start : start + length].tolist()))
            for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
        ),
        _is_permuted(index),
        "index" in arrays,
    )


def _is_permuted(index: Ints) -> bool:
    steps = np.diff(index)
    return not (steps == 1).all() and bool((np.diff(np.sort(index)) == 1).all())


def harm_of_times(version: FormatVersion, has_videos: bool) -> Loading | None:
    """Return what LeRobot does about wrong timestamps where it does less than the code says."""
    return None if has_videos or version.has_files_of_episodes else Loading.RIGHT
