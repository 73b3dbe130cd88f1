"""The tables of a broken dataset are made anew, in one step; as they were they are kept beside it.

Videos are not touched. Episodes whose rows and pictures are there keep their place; where others before them cannot be
kept, they move up. Rows and pictures that are loose leave the tables, because they come back as new episodes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.documents import read_object
from lerotool.dataset.info import INFO, DatasetInfo
from lerotool.dataset.layout import STATS, Layout
from lerotool.dataset.writing.episode_tables import EpisodeRow, episodes_schema, episodes_table
from lerotool.dataset.writing.measures import episode_stats, measured, merged
from lerotool.dataset.writing.numbering import FileNumber
from lerotool.dataset.writing.staging import Staging, verify_rows
from lerotool.dataset.writing.state import episodes_files, numbered, stats_shape
from lerotool.dataset.writing.tables import data_schema, data_table, default_columns
from lerotool.encoding.rescue.findings import KeptEpisode, RescuePlan
from lerotool.encoding.rescue.ledger import LEDGER, TakenEpisode, ledger_document, new_folder
from lerotool.encoding.rescue.measure import measure_pictures
from lerotool.errors import CorruptDatasetError, MetadataError
from lerotool.features import cameras
from lerotool.moments import FeatureStats
from lerotool.workspace import Workspace

Pictures = Mapping[tuple[int, str], FeatureStats]


def restore(plan: RescuePlan, taken: Sequence[TakenEpisode], executor: Executor) -> Path:
    """Make the tables of a broken dataset anew; the caller holds the writing lock.

    Args:
        plan: what stays in the dataset.
        taken: the episodes that have become pending ones.
        executor: where the pictures of episodes are measured whose statistics are lost.

    Returns:
        The folder in which the tables are kept as they were.

    Raises:
        CorruptDatasetError: a file is not named as LeRobot names it, or a video cannot be read.
        OSError: the disk is full or fails; the dataset is as before.
    """
    pictures = _measure(plan, executor)
    staging = Staging(Workspace(plan.root))
    try:
        tables = _Tables(plan, staging, pictures)
        tables.stage()
        documents = [asdict(finding) for finding in plan.findings]
        staging.write_json(tables.originals / LEDGER, ledger_document(taken, documents))
        staging.commit(removals=tables.removals)
    except BaseException:
        staging.discard()
        raise
    return tables.originals


class _Tables:
    def __init__(self, plan: RescuePlan, staging: Staging, pictures: Pictures) -> None:
        self._plan = plan
        self._staging = staging
        self._pictures = pictures
        self._schema = data_schema(plan.info.features)
        self._rows: list[EpisodeRow] = []
        self._frames = 0
        self.originals = new_folder(plan.root)
        self.removals: list[Path] = []

    def stage(self) -> None:
        root, info = self._plan.root, self._plan.info
        for file in self._plan.files:
            episodes = [episode for episode in self._plan.kept if episode.file is file]
            self._stage_data(file.path, episodes, is_whole=file.lost_bytes is None and len(episodes) == len(file.spans))
        target = Layout.of(root, info).episodes_path(0, 0)
        for path in episodes_files(root):
            self._keep_original(path)
            if path != target or not self._rows:
                self.removals.append(path)
        if self._rows:
            schema = episodes_schema(info.features, measured(info.features))
            self._staging.write_table(target, episodes_table(self._rows, schema, FileNumber(0, 0), info.fps))
        self._stage_documents(info)

    def _stage_documents(self, info: DatasetInfo) -> None:
        root = self._plan.root
        self._keep_original(root / INFO)
        stats = merged({}, [row.stats for row in self._rows]) if self._rows else {}
        if (root / STATS).exists():
            self._keep_original(root / STATS)
            stats |= self._known_pictures(root / STATS)
        self._staging.write_json(root / STATS, {name: entry.to_json() for name, entry in stats.items()})
        counts: dict[str, Any] = {
            "total_episodes": len(self._rows),
            "total_frames": self._frames,
            "total_tasks": len(self._plan.tasks),
            "splits": {"train": f"0:{len(self._rows)}"},
        }
        self._staging.write_json(root / INFO, info.model_copy(update=counts).to_json())

    def _known_pictures(self, path: Path) -> dict[str, FeatureStats]:
        """Return the statistics of cameras that LeRobot took of all these pictures before they were encoded."""
        info = self._plan.info
        if (len(self._rows), self._frames) != (info.total_episodes, info.total_frames):
            return {}
        known: dict[str, FeatureStats] = {}
        document = read_object(path)
        for key in cameras(info.features):
            with contextlib.suppress(MetadataError):
                found = FeatureStats.from_json(document.get(key, {}))
                if found.mean.shape == stats_shape(info.features[key]):
                    # LeRobot's streaming encoder counts pixels; only frames can be weighed against frames.
                    known[key] = replace(found, count=min(found.count, self._frames))
        return known

    def _stage_data(self, path: Path, episodes: Sequence[KeptEpisode], *, is_whole: bool) -> None:
        number = numbered(path)
        if number is None:
            raise CorruptDatasetError(f"{path}: expected a name such as chunk-000/file-000.parquet")
        first = len(self._rows)
        tables = [self._add(episode, number) for episode in episodes]
        if is_whole and [episode.number for episode in episodes] == list(range(first, len(self._rows))):
            return
        self._keep_original(path)
        if not tables:
            self.removals.append(path)
            return
        target = self._staging.file(path)
        with pq.ParquetWriter(target, self._schema, compression="snappy") as writer:
            for table in tables:
                writer.write_table(table, row_group_size=table.num_rows)
        verify_rows(target, sum(table.num_rows for table in tables))

    def _add(self, episode: KeptEpisode, number: FileNumber) -> pa.Table:
        info = self._plan.info
        rows = episode.file.rows(episode.span, info.features)
        task_numbers = rows["task_index"].to_pylist()
        defaults = default_columns(episode.span.length, info.fps, len(self._rows), self._frames, task_numbers)
        known = {key: self._pictures.get((episode.number, key)) or episode.stats[key] for key in episode.places}
        tasks = tuple(self._plan.tasks[task] for task in dict.fromkeys(task_numbers))
        places = {key: (place.file, place.start) for key, place in episode.places.items()}
        stats = episode_stats(info.features, rows, defaults, known)
        length = episode.span.length
        self._rows.append(EpisodeRow(len(self._rows), self._frames, length, tasks, number, places, stats))
        self._frames += length
        return data_table(rows, self._schema, defaults)

    def _keep_original(self, path: Path) -> None:
        self._staging.duplicate(path, self.originals / path.relative_to(self._plan.root))


def _measure(plan: RescuePlan, executor: Executor) -> dict[tuple[int, str], FeatureStats]:
    """Measure the pictures of kept episodes whose statistics cannot be read."""
    layout = Layout.of(plan.root, plan.info)
    jobs: dict[tuple[int, str], Future[dict[str, Any]]] = {}
    for episode, key in _unmeasured(plan):
        place = episode.places[key]
        path = layout.video_path(key, place.file.chunk, place.file.file)
        feature = plan.info.features[key]
        jobs[episode.number, key] = executor.submit(
            measure_pictures, path, place.start, episode.span.length, plan.info.fps, feature
        )
    return {name: FeatureStats.from_json(job.result()) for name, job in jobs.items()}


def _unmeasured(plan: RescuePlan) -> Iterator[tuple[KeptEpisode, str]]:
    for episode in plan.kept:
        yield from ((episode, key) for key in cameras(plan.info.features) if key not in episode.stats)
