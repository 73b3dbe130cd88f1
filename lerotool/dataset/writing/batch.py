"""A batch of encoded episodes on its way into a dataset: its files are built in staging, its next state is computed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.episode_table import EpisodeRow, EpisodeTable
from lerotool.dataset.formats import Totals
from lerotool.dataset.info import INFO, DatasetInfo, recounted
from lerotool.dataset.layout import STATS, Layout
from lerotool.dataset.marks import MARKS, with_marks
from lerotool.dataset.numbering import FileNumber, numbers_after
from lerotool.dataset.sidecar import joined_timing, recording_lines, timing_table
from lerotool.dataset.tasks import TASK, rewrite_task_table
from lerotool.dataset.writing.measures import episode_stats, merged, stats_text
from lerotool.dataset.writing.staging import Staging, verify_rows
from lerotool.dataset.writing.state import WriterState, data_files, episodes_files
from lerotool.dataset.writing.tables import data_schema, data_table, default_columns
from lerotool.errors import IncompatibleDatasetError, TargetExistsError
from lerotool.features import Feature, Kind, cameras
from lerotool.wording import as_argument

if TYPE_CHECKING:
    from lerotool.dataset.writing.appender import NewEpisode, StagedVideo

MB = 1024**2


@dataclass(slots=True)
class _DataFile:
    number: FileNumber
    path: Path
    file: BinaryIO
    writer: pq.ParquetWriter
    rows: int = 0
    timing: list[pa.Table] = field(default_factory=list)


class _DataFiles:
    """Writes data tables one after another, a row group per episode, into as many files as the size limit asks for."""

    def __init__(self, state: WriterState, staging: Staging) -> None:
        self._state = state
        self._staging = staging
        self._schema = data_schema(state.features, state.language)
        self._limit_bytes = state.info.data_files_size_in_mb * MB
        self._last = state.data
        self._open: _DataFile | None = None

    @property
    def schema(self) -> pa.Schema:
        """The schema of the files."""
        return self._schema

    def add(self, table: pa.Table, timing: pa.Table) -> FileNumber:
        """Append an episode and return the number of its file."""
        if self._open is not None:
            # LeRobot's rule (dataset_writer.py:_save_episode_data): estimate by the bytes per row so far.
            size = self._open.file.tell()
            if size + size / self._open.rows * table.num_rows >= self._limit_bytes:
                self.close()
        current = self._open or self._start()
        current.writer.write_table(table, row_group_size=table.num_rows)
        current.rows += table.num_rows
        current.timing.append(timing)
        return current.number

    def close(self) -> None:
        """Finish the open file: footer, measured times beside it, sync, check."""
        current, self._open = self._open, None
        if current is None:
            return
        current.writer.close()
        current.file.close()
        verify_rows(current.path, current.rows)
        timing = joined_timing(current.timing)
        if timing is not None:
            path = self._state.layout.timing_path(current.number.chunk, current.number.file)
            self._staging.write_table(path, timing)

    def abort(self) -> None:
        """Let go of the open file, which will not be used."""
        current, self._open = self._open, None
        if current is None:
            return
        # Whatever goes wrong here must not hide why the batch is given up.
        for part in (current.writer, current.file):
            with contextlib.suppress(OSError, pa.ArrowException):
                part.close()

    def _start(self) -> _DataFile:
        (number,) = numbers_after(self._last, 1, self._state.info.chunks_size)
        layout = self._state.layout
        target = _free(layout.data_path(number.chunk, number.file), layout)
        _check_order(target, data_files(self._state.layout.root))
        path = self._staging.file(target)
        file = path.open("wb")
        writer = pq.ParquetWriter(file, self._schema, compression="snappy")
        self._last, self._open = number, _DataFile(number, path, file, writer)
        return self._open


class _Batch:
    """The files and rows of a batch, episode by episode."""

    def __init__(self, state: WriterState, staging: Staging) -> None:
        self._state = state
        self._staging = staging
        self._files = _DataFiles(state, staging)
        self._tasks = {text: number for number, text in reversed(list(enumerate(state.tasks)))}
        self._new_tasks: list[str] = []
        self._videos = dict(state.videos)
        self._index = state.info.total_episodes
        self._frames = state.info.total_frames
        self._rows: list[EpisodeRow] = []

    def add(self, episode: NewEpisode) -> None:
        """Stage one episode: its rows, measured times and videos."""
        info, features = self._state.info, self._state.features
        texts: list[str] = episode.rows.column(TASK).to_pylist()
        self._learn_tasks(texts)
        length = len(texts)
        defaults = default_columns(length, info.fps, self._index, self._frames, [self._tasks[t] for t in texts])
        table = data_table(episode.rows, self._files.schema, defaults)
        number = self._files.add(table, timing_table(self._index, length, episode.timing))
        videos = {key: (self._add_video(key, episode.videos[key]), 0) for key in cameras(features)}
        stats = episode_stats(features, episode.rows, defaults, episode.stats)
        tasks = tuple(dict.fromkeys(texts))
        self._rows.append(EpisodeRow(self._index, self._frames, length, tasks, number, videos, stats))
        self._index += 1
        self._frames += length

    def finish(self, episodes: Sequence[NewEpisode]) -> WriterState:
        """Stage the metadata and return the state after the commit."""
        self._files.close()
        state, root = self._state, self._state.layout.root
        (number,) = numbers_after(state.episodes, 1, state.info.chunks_size)
        ids = {e.recording.get("recording_id") for e in episodes if e.recording is not None}
        after = replace(
            state,
            info=self._counted_info(episodes[0]),
            tasks=(*state.tasks, *self._new_tasks),
            data=self._rows[-1].data,
            episodes=number,
            videos=self._videos,
            stats=merged(state.stats, [row.stats for row in self._rows]),
            recorded_ids=state.recorded_ids | {text for text in ids if isinstance(text, str)},
        )
        target = _free(after.layout.episodes_path(number.chunk, number.file), after.layout)
        _check_order(target, episodes_files(root))
        table = state.info.codebase_version.completed(EpisodeTable.of(self._rows, state.info.fps))
        self._staging.write_table(target, table.arrow(state.columns, number))
        lines = recording_lines(state.info.total_episodes, [episode.recording for episode in episodes])
        if lines is not None:
            self._staging.write(after.layout.recordings_path(number.chunk, number.file), lines)
        marks = [(row.length, episode.mark) for row, episode in zip(self._rows, episodes, strict=True)]
        if (lines := with_marks(state.layout, state.info.total_episodes, marks)) is not None:
            self._staging.write(root / MARKS, lines)
        path = root / state.info.codebase_version.tasks_path
        if self._new_tasks or not path.exists():
            rewrite_task_table(self._staging.file(path), path, after.tasks)
        self._staging.write(root / STATS, stats_text(after.stats, after.other_stats))
        self._staging.write_json(root / INFO, after.info.to_json())
        return after

    def abort(self) -> None:
        """Let go of open files."""
        self._files.abort()

    def _learn_tasks(self, texts: Sequence[str]) -> None:
        for text in texts:
            if text not in self._tasks:
                self._tasks[text] = len(self._state.tasks) + len(self._new_tasks)
                self._new_tasks.append(text)

    def _add_video(self, key: str, video: StagedVideo) -> FileNumber:
        (number,) = numbers_after(self._videos.get(key), 1, self._state.info.chunks_size)
        layout = self._state.layout
        self._staging.adopt(video.path, _free(layout.video_path(key, number.chunk, number.file), layout))
        self._videos[key] = number
        return number

    def _counted_info(self, first: NewEpisode) -> DatasetInfo:
        info = self._state.info
        counts = recounted(info, Totals(self._index, self._frames, len(self._state.tasks) + len(self._new_tasks)))
        if info.total_episodes == 0:
            counts["features"] = {name: _described(f, first.videos.get(name)) for name, f in info.features.items()}
        return info.model_copy(update=counts)


def _described(feature: Feature, video: StagedVideo | None) -> Feature:
    """Return a camera's feature with the ``info`` block that LeRobot writes for its first episode."""
    if feature.kind is Kind.IMAGE:
        return replace(feature, extra={**feature.extra, "info": {"is_depth_map": feature.is_depth, **feature.info}})
    if video is None or not video.info:
        return feature
    depth = {"is_depth_map": True} if feature.is_depth else {}
    return replace(feature, extra={**feature.extra, "info": {**feature.info, **video.info, **depth}})


def _check_order(target: Path, existing: Sequence[Path]) -> None:
    """Refuse a file that LeRobot, which sorts paths, would take for an earlier one."""
    folder = target.parents[1]
    if existing and (folder != existing[-1].parents[1] or target <= existing[-1]):
        raise IncompatibleDatasetError(
            f"{target} would not come after {existing[-1]}, and LeRobot reads files in the order of their paths",
            hint="merge the dataset into a new one",
        )


def stage_batch(state: WriterState, episodes: Sequence[NewEpisode], staging: Staging) -> WriterState:
    """Build all files of a batch in staging and return the state that the dataset has once they are committed."""
    batch = _Batch(state, staging)
    try:
        for episode in episodes:
            batch.add(episode)
        return batch.finish(episodes)
    except BaseException:
        batch.abort()
        raise


def _free(target: Path, layout: Layout) -> Path:
    if target.exists():
        check = f"lerotool check {as_argument(layout.root)}"
        raise TargetExistsError(f"{target}: a file is in the way of a new one", hint=check)
    return target
