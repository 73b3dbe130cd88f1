"""Adding episodes to a v3.0 dataset: one writer at a time, every batch in one step, small files packed at the end."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import INFO, DatasetInfo, new_info
from lerotool.dataset.layout import STATS
from lerotool.dataset.writing.batch import stage_batch
from lerotool.dataset.writing.journal import redo
from lerotool.dataset.writing.measures import MOST_VALUES, column_stats, numeric, stats_text
from lerotool.dataset.writing.new_episode import NewEpisode, StagedVideo, check_fit
from lerotool.dataset.writing.packing import PackReport
from lerotool.dataset.writing.packing_tables import pack_tables
from lerotool.dataset.writing.packing_videos import pack_videos
from lerotool.dataset.writing.staging import Staging, sweep
from lerotool.dataset.writing.state import WriterState, data_files, empty_state, read_state
from lerotool.dataset.writing.tables import data_schema
from lerotool.errors import CorruptDatasetError, DatasetNotFoundError, TargetExistsError, UsageError
from lerotool.features import Feature, cameras
from lerotool.storage import SPARE_BYTES, ProcessLock, check_space, write_atomic
from lerotool.workspace import Workspace

__all__ = ["DatasetAppender", "NewEpisode", "StagedVideo"]

_PURPOSE = "writing the dataset"


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
        check_fit(state, episodes)
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
