"""Adding episodes to a v3.0 dataset: one writer at a time, every batch in one step, small files packed at the end."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import INFO, DatasetInfo, new_info
from lerotool.dataset.layout import STATS
from lerotool.dataset.marks import Mark
from lerotool.dataset.tasks import TASK
from lerotool.dataset.writing.batch import stage_batch
from lerotool.dataset.writing.journal import redo
from lerotool.dataset.writing.measures import MOST_VALUES, column_stats, numeric, stats_text
from lerotool.dataset.writing.packing import PackReport
from lerotool.dataset.writing.packing_tables import pack_tables
from lerotool.dataset.writing.packing_videos import pack_videos
from lerotool.dataset.writing.staging import Staging, sweep
from lerotool.dataset.writing.state import WriterState, data_files, empty_state, read_state
from lerotool.dataset.writing.tables import column_problems, data_schema
from lerotool.errors import (
    CorruptDatasetError,
    DatasetNotFoundError,
    IncompatibleDatasetError,
    MediaError,
    TargetExistsError,
    UsageError,
)
from lerotool.features import Feature, Kind, cameras, columns, picture_size, recorded_features
from lerotool.media.probe import count_packets, probe
from lerotool.moments import FeatureStats
from lerotool.storage import SPARE_BYTES, ProcessLock, check_space, write_atomic
from lerotool.workspace import Workspace

_PURPOSE = "writing the dataset"
_MOST_LISTED = 10
_RATE_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class StagedVideo:
    """A finished mp4 of one episode and camera."""

    path: Path  # the file; it is moved into the dataset if it lies in the dataset's folder, else copied
    frames: int  # pictures in it, at exactly k/fps from 0
    # What goes into the feature's ``info`` block if this is the dataset's first video of the camera.
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewEpisode:
    """An episode that is to become part of a dataset."""

    rows: pa.Table  # the recorded features that are columns, and ``task``; one row per frame
    videos: Mapping[str, StagedVideo] = field(default_factory=dict)  # by camera
    # Statistics of the cameras; those of image features may be left out.
    stats: Mapping[str, FeatureStats] = field(default_factory=dict)
    timing: pa.Table | None = None  # measured times, one row per frame
    recording: Mapping[str, Any] | None = None  # report of the recording; ``recording_id`` names it
    # The pending episode that this one was made from, removed when the dataset contains it.
    consumed: Path | None = None
    mark: Mark = field(default_factory=Mark)  # what a person has said about it


class DatasetAppender:
    """The one writer of a dataset. Made by `create` or `open`, which take the writing lock; `close` gives it back.

    Nothing is changed but by a commit (see `lerotool.dataset.journal_file`): after any interruption the dataset is
    the old one or the new one, and the next to write to it finishes what was decided.
    """

    def __init__(self, root: Path, lock: ProcessLock, fresh: DatasetInfo | None) -> None:
        self._workspace = Workspace(root)
        self._lock = lock
        self._fresh = fresh
        self._state: WriterState | None = None

    @classmethod
    def create(cls, root: Path, fps: float, features: Mapping[str, Feature], robot_type: str | None) -> Self:
        """Begin a new dataset; its files come with the first episodes: one without episodes cannot be loaded."""
        root = Path(os.path.abspath(root))  # noqa: PTH100 - links must stay as they are
        info = new_info(FormatVersion.V30, fps, features, robot_type)
        data_schema(info.features)
        _check_empty(root)
        return cls._locked(root, info)

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open a v3.0 dataset to add to it; an interrupted change is finished first."""
        root = Path(os.path.abspath(root))  # noqa: PTH100
        if not (root / INFO).is_file() and not Workspace(root).journal.exists():
            raise DatasetNotFoundError(f"{str(root)!r} is not a dataset: it has no meta/info.json")
        return cls._locked(root, None)

    @classmethod
    def _locked(cls, root: Path, fresh: DatasetInfo | None) -> Self:
        lock = Workspace(root).lock_for_writing(_PURPOSE)
        lock.acquire()
        appender = cls(root, lock, fresh)
        try:
            if fresh is not None:
                _check_empty(root)  # again: another process may have been quicker
            appender._current()
        except BaseException:
            lock.release()
            raise
        return appender

    @property
    def root(self) -> Path:
        """The dataset's folder."""
        return self._workspace.root

    @property
    def info(self) -> DatasetInfo:
        """The dataset's info as it stands."""
        return self._current().info

    @property
    def num_episodes(self) -> int:
        """Episodes in the dataset."""
        return self.info.total_episodes

    @property
    def recorded_ids(self) -> frozenset[str]:
        """The recordings (``recording_id``) that the dataset contains."""
        return self._current().recorded_ids

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about adding to this dataset."""
        return self._current().warnings

    def append(self, episodes: Sequence[NewEpisode]) -> range:
        """Add episodes in one step; on return they survive a power cut and their pending folders are gone.

        Returns their numbers in the dataset. `IncompatibleDatasetError`: listing everything that does not fit; nothing
        has changed. `MediaError`: a picture of an image feature cannot be decoded; nothing has changed. `OSError`: the
        disk is full or fails. The dataset is the old one, or the next writer makes it the new one.
        """
        state = self._current()
        first = state.info.total_episodes
        if not episodes:
            return range(first, first)
        _check_fit(state, episodes)
        check_space(self.root, SPARE_BYTES + sum(_bytes_to_write(self.root, e) for e in episodes), "adding episodes")
        with Staging(self._workspace) as staging:
            after = stage_batch(state, episodes, staging)
            staging.write(self._workspace.measure, b"")
            self._state = None
            staging.commit(consumed=[e.consumed for e in episodes if e.consumed is not None])
        self._state = after
        return range(first, first + len(episodes))

    def finalize(self) -> PackReport:
        """Pack small files into large ones, and recompute the numeric statistics from all the data.

        Statistics are recomputed if anybody has added episodes since they were last, and as long as the dataset has no
        more than `MOST_VALUES` numbers: its quantiles are then numpy's. Those of pictures stay the count-weighted
        average over the episodes.

        Where the disk has no room to pack, files stay as they are and the report says so. `OSError`: the disk fails.
        The dataset is sound: the old one, or the next to write to it finishes it.
        """
        state = self._current()
        if not state.info.total_episodes:
            return PackReport()
        report = PackReport()
        steps: list[Callable[[Workspace, WriterState], PackReport]] = [pack_tables]
        steps += [partial(pack_videos, key=key) for key in cameras(state.features)]
        for step in steps:
            state, self._state = self._current(), None
            try:
                report += step(self._workspace, state)
            except OSError as error:
                if error.errno != errno.ENOSPC or self._workspace.journal.exists():
                    raise
                report += PackReport(notes=(f"small files were not packed: {error}",))
        return report + PackReport(notes=self.measure_again() if self._workspace.measure.exists() else ())

    def measure_again(self) -> tuple[str, ...]:
        """Take the numeric statistics from all the data, as long as there is not too much; return what went wrong."""
        state = self._current()
        numbers = sum(math.prod(feature.shape) for feature in numeric(state.features).values())
        notes = self._measure(state) if numbers * state.info.total_frames <= MOST_VALUES else []
        self._workspace.measure.unlink(missing_ok=True)
        return tuple(notes)

    def _measure(self, state: WriterState) -> list[str]:
        stats, notes = dict(state.stats), []
        for name, feature in numeric(state.features).items():
            try:
                stats[name] = column_stats(data_files(self.root), name, feature, state.info.fps)
            except CorruptDatasetError as error:
                notes.append(f"statistics of {name!r} are merged, not taken from the data: {error}")
        self._state = replace(state, stats=stats)
        write_atomic(self.root / STATS, stats_text(self._state.stats, self._state.other_stats))
        return notes

    def close(self) -> None:
        """Give the writing lock back."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _current(self) -> WriterState:
        """Return the state, read again after a change that may not have come to its end."""
        if not self._lock.is_held:
            raise UsageError(f"the writer of {str(self.root)!r} is closed")
        if self._state is None:
            redo(self._workspace)
            sweep(self._workspace)
            if self._fresh is not None and not (self.root / INFO).exists():
                self._state = empty_state(self.root, self._fresh)
            else:
                self._state = read_state(self.root)
        return self._state


def _check_empty(root: Path) -> None:
    """Refuse to begin a dataset where something is already; lerotool's own folder may be there."""
    if root.exists() and not root.is_dir():
        raise TargetExistsError(f"{str(root)!r} is a file, expected a folder", hint="choose another place")
    foreign = sorted(path.name for path in root.iterdir() if path.name != ".lerotool") if root.is_dir() else []
    journal_waits = Workspace(root).journal.exists()
    if foreign or journal_waits:
        found = "a dataset" if journal_waits or (root / INFO).exists() else ", ".join(map(repr, foreign[:5]))
        raise TargetExistsError(
            f"{str(root)!r} has {found} in it already", hint="add to the dataset, or choose an empty place"
        )


def _bytes_to_write(root: Path, episode: NewEpisode) -> int:
    tables: list[int] = [episode.rows.nbytes, episode.timing.nbytes if episode.timing is not None else 0]
    copied = [v.path.stat().st_size for v in episode.videos.values() if not v.path.is_relative_to(root)]
    return sum(tables) + sum(copied)


def _check_fit(state: WriterState, episodes: Sequence[NewEpisode]) -> None:
    """Make sure that the episodes can be added."""
    problems: list[str] = []
    seen: set[Any] = set(state.recorded_ids)
    for place, episode in enumerate(episodes):
        name = f"new episode {place}"
        if episode.recording is not None:
            recording_id = episode.recording.get("recording_id")
            if recording_id is not None and recording_id in seen:
                problems.append(f"{name}: recording {recording_id!r} is in the dataset already")
            seen.add(recording_id)
        problems += [f"{name}: {problem}" for problem in _problems(state, episode)]
    if problems:
        more = f"; and {len(problems) - _MOST_LISTED} more" if len(problems) > _MOST_LISTED else ""
        raise IncompatibleDatasetError(
            f"{str(state.layout.root)!r} cannot take these episodes: {'; '.join(problems[:_MOST_LISTED])}{more}"
        )


def _problems(state: WriterState, episode: NewEpisode) -> Iterator[str]:
    length = episode.rows.num_rows
    if length == 0:
        yield "it has no rows"
        return
    yield from _row_problems(state.features, episode.rows)
    yield from _camera_problems(state, episode)
    if episode.timing is not None and episode.timing.num_rows != length:
        yield f"measured times of {episode.timing.num_rows} rows, table of {length}"


def _row_problems(features: Mapping[str, Feature], rows: pa.Table) -> Iterator[str]:
    expected = {n: features[n] for n in columns(recorded_features(features))}
    for name, feature in expected.items():
        if name in rows.column_names:
            yield from column_problems(rows, name, feature)
        elif feature.kind is not Kind.LANGUAGE:
            yield f"column {name!r} is missing"
    for name in rows.column_names:
        if name not in expected and name != TASK:
            yield f"column {name!r} is not among the dataset's features"
    if TASK not in rows.column_names or not pa.types.is_string(rows.column(TASK).type):
        yield f"column {TASK!r} of texts is missing"
    elif rows.column(TASK).null_count:
        yield f"{rows.column(TASK).null_count} rows have no task"


def _camera_problems(state: WriterState, episode: NewEpisode) -> Iterator[str]:
    expected = cameras(state.features)
    for key in expected:
        if key not in episode.videos:
            yield f"camera {key!r} has no video"
        else:
            yield from _video_problems(state, key, episode.videos[key], episode.rows.num_rows)
    yield from (f"camera {key!r} is not among the dataset's features" for key in episode.videos if key not in expected)
    for key, feature in state.features.items():
        if feature.kind is Kind.VIDEO and key not in episode.stats:
            yield f"camera {key!r} has no statistics"
        elif feature.is_camera and key in episode.stats:
            found, expected_shape = episode.stats[key].mean.shape, state.info.codebase_version.statistics_shape(feature)
            if found != expected_shape:
                yield f"camera {key!r}: statistics of shape {found}, expected {expected_shape}"


def _video_problems(state: WriterState, key: str, video: StagedVideo, length: int) -> Iterator[str]:
    if video.frames != length:
        yield f"camera {key!r}: {video.frames} frames, table has {length} rows ({video.path})"
        return
    try:
        found, packets = probe(video.path), count_packets(video.path)
    except (MediaError, FileNotFoundError) as error:
        yield f"camera {key!r}: {error}"
        return
    if packets != length:
        yield f"camera {key!r}: the video has {packets} frames, table has {length} rows ({video.path})"
    height, width, _ = picture_size(state.features[key])
    if (found.height, found.width) != (height, width):
        yield f"camera {key!r}: pictures of {found.width}x{found.height}, expected {width}x{height} ({video.path})"
    if found.start_pts != 0:
        yield f"camera {key!r}: the first frame is at {found.start_pts * found.time_base} s, expected 0 ({video.path})"
    rate = found.fps
    if packets > 1 and rate is not None and abs(float(rate) / state.info.fps - 1) > _RATE_TOLERANCE:
        yield f"camera {key!r}: {float(rate):g} frames/s, expected {state.info.fps:g} ({video.path})"
