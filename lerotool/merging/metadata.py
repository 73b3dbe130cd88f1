"""The metadata of the target: episode table, tasks, statistics, what lies beside it, and ``info.json`` last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lerotool.dataset.info import DATA_PATH, FormatVersion
from lerotool.dataset.layout import EPISODE_LINES, EPISODE_STATS_LINES
from lerotool.dataset.reading.columns import to_numpy
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.dataset.writing.measures import measured, picture_size
from lerotool.dataset.writing.whole import (
    EpisodesWriter,
    LineWriter,
    whole_info,
    write_all_tasks,
    write_info,
    write_stats,
)
from lerotool.features import DEFAULT_FEATURES, Feature, Kind
from lerotool.merging.beside import Reports, modality, provenance, write_document, write_timing
from lerotool.merging.blocks import Block, load_block
from lerotool.merging.camera_stats import CameraBlock, CameraStats, total_of
from lerotool.merging.episode_columns import read_episode_columns
from lerotool.merging.episode_table import EpisodeBlock, line_entries, stats_entries, table_rows
from lerotool.merging.plan import Contribution, DataFile, Plan, data_path
from lerotool.merging.rows import FileSlice, RowStream
from lerotool.merging.totals import Pool, default_totals, exact_quantiles
from lerotool.moments import FeatureStats
from lerotool.workspace import Workspace

Ints = npt.NDArray[np.int64]
Present = npt.NDArray[np.bool_]
_ROWS_AT_A_TIME = 1000
_VALUES_AT_A_TIME = 262_144


@dataclass(frozen=True, slots=True)
class BlockFile:
    """Where something is known about some episodes.

    Attributes:
        path: of the block.
        file: the first data file that they are in.
        first: number of the first episode.
        episodes: how many there are.
    """

    path: Path
    file: DataFile
    first: int
    episodes: int


def write_metadata(
    plan: Plan, root: Path, blocks: Sequence[BlockFile], clip_stats: Mapping[str, Mapping[Path, FeatureStats]]
) -> None:
    """Write everything but data and videos.

    Args:
        plan: of the merge.
        root: where the dataset is built.
        blocks: what is known of the episodes, in order.
        clip_stats: picture statistics of clips, by camera and path of the clip.

    Raises:
        CorruptDatasetError: statistics of a source cannot be read.
        OSError: the disk is full or fails.
    """
    totals = _Totals(plan)
    parts = _episode_blocks(plan, blocks, clip_stats, totals)
    if plan.options.version is FormatVersion.V30:
        _write_table(plan, root, parts)
        write_stats(root, totals.stats(root))
    else:
        _write_lines(plan, root, parts)
    write_timing(plan, root)
    write_all_tasks(root, plan.options.version, plan.tasks)
    write_document(Workspace(root).sidecar / "merge.json", provenance(plan))
    if plan.options.gr00t:
        write_document(root / "meta" / "modality.json", modality(plan.features))
    options = plan.options
    sizes = (options.chunks_size, options.data_files_size_in_mb, options.video_files_size_in_mb)
    counts = (plan.episodes, plan.frames, len(plan.tasks))
    write_info(
        root, whole_info(options.version, plan.fps, plan.robot_type, plan.features, counts, sizes, plan.info_keys)
    )


def _write_table(plan: Plan, root: Path, parts: Iterable[EpisodeBlock]) -> None:
    reports = Reports(plan, root)
    index = 0
    options = plan.options
    with EpisodesWriter(root, options.data_files_size_in_mb, options.chunks_size) as writer:
        for part in parts:
            number = writer.add(table_rows(plan, part, index))
            reports.note(number, part.first, part.count)
            index += int(part.block.lengths.sum())
    reports.write()


def _write_lines(plan: Plan, root: Path, parts: Iterable[EpisodeBlock]) -> None:
    with ExitStack() as stack:
        lines = stack.enter_context(LineWriter(root / EPISODE_LINES))
        stats = stack.enter_context(LineWriter(root / EPISODE_STATS_LINES))
        for part in parts:
            lines.add(line_entries(plan, part))
            stats.add(stats_entries(plan, part))


def _episode_blocks(
    plan: Plan,
    blocks: Sequence[BlockFile],
    clip_stats: Mapping[str, Mapping[Path, FeatureStats]],
    totals: _Totals,
) -> Iterator[EpisodeBlock]:
    """Yield the episodes of the target, those of one source and data file together, and count them into the totals."""
    pictures = _Pictures(plan, clip_stats)
    for file in blocks:
        whole = load_block(file.path)
        totals.add_tasks(whole)
        for start in range(0, file.episodes, _ROWS_AT_A_TIME):
            stop = min(file.episodes, start + _ROWS_AT_A_TIME)
            first = file.first + start
            shares = list(_shares(plan, first, file.first + stop))
            block = _part(whole, start, stop)
            part = EpisodeBlock(first, file.file, block, pictures.take(shares), _extra(plan, shares))
            totals.add(shares, part)
            yield part


@dataclass(frozen=True, slots=True, eq=False)
class _Share:
    """Some episodes of one source, side by side in the target: ``place`` is the number of the first among its own."""

    contribution: Contribution
    place: int
    count: int


def _shares(plan: Plan, first: int, stop: int) -> Iterator[_Share]:
    """Yield whose the episodes ``first`` to ``stop`` of the target are."""
    firsts = [contribution.first_episode for contribution in plan.contributions]
    number = int(np.searchsorted(firsts, first, side="right")) - 1
    while first < stop:
        contribution = plan.contributions[number]
        end = min(stop, contribution.first_episode + len(contribution.lengths))
        if end > first:
            yield _Share(contribution, first - contribution.first_episode, end - first)
        first, number = max(first, end), number + 1


def _extra(plan: Plan, shares: Sequence[_Share]) -> dict[str, Any]:
    parts = []
    for share in shares:
        source = share.contribution.source
        numbers = source.episodes[share.place : share.place + share.count]
        parts.append(read_episode_columns(source, plan.episode_columns, numbers))
    return {name: pa.concat_arrays([part[name] for part in parts]) for name in plan.episode_columns}


def _part(block: Block, start: int, stop: int) -> Block:
    begin, end = block.task_starts[[start, stop]].tolist()
    return Block(
        block.lengths[start:stop],
        block.tasks[begin:end],
        block.task_starts[start : stop + 1] - begin,
        {name: values[:, start:stop] for name, values in block.stats.items()},
        block.task_rows,
    )


class _Pictures:
    """Picture statistics of the target's episodes: taken over, measured while clips were encoded, or black."""

    def __init__(self, plan: Plan, clips: Mapping[str, Mapping[Path, FeatureStats]]) -> None:
        self._plan = plan
        self._clips = clips
        self._features = {name: f for name, f in plan.features.items() if f.is_camera}
        self._of_source: dict[int, CameraStats] = {}

    def take(self, shares: Sequence[_Share]) -> dict[str, CameraBlock]:
        """Return those of some episodes; they must be asked for in order."""
        if not self._features:
            return {}
        taken = [self._take(share) for share in shares]
        return {name: CameraBlock.joined([blocks[name] for blocks in taken]) for name in self._features}

    def _take(self, share: _Share) -> dict[str, CameraBlock]:
        contribution, place, count = share.contribution, share.place, share.count
        source = contribution.source
        if source.place not in self._of_source:
            own = {name: f for name, f in self._features.items() if name in source.features}
            self._of_source = {source.place: CameraStats(source, own)}
        blocks = self._of_source[source.place].take(count)
        lengths = contribution.lengths[place : place + count].tolist()
        for name, feature in self._features.items():
            if name not in blocks:
                blocks[name] = CameraBlock.black(lengths, picture_size(feature)[2])
            if name in self._clips:
                self._put_clips(name, blocks[name], contribution.first_episode + place, lengths)
        return blocks

    def _put_clips(self, name: str, block: CameraBlock, first: int, lengths: Sequence[int]) -> None:
        camera = self._plan.cameras[name]
        clips = self._clips[name]
        for k, length in enumerate(lengths):
            output = camera.outputs[int(camera.output_of[first + k])]
            begin = int(camera.first_frame[first + k])
            # The parts of a file lie end to end; the one that begins where the episode does is its own.
            starts = cumulated([part.frames for part in output.parts])
            part = output.parts[int(np.searchsorted(starts, begin, side="right")) - 1]
            if part.is_clip and part.path in clips:
                block.put(k, clips[part.path], length)


class _Totals:
    """Statistics of the whole target, collected while its episodes go by."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._numeric = {
            name: feature
            for name, feature in plan.features.items()
            if feature.kind is Kind.NUMERIC and name not in DEFAULT_FEATURES
        }
        self._pools: dict[str, Pool] = {}
        self._pictures: dict[str, list[CameraBlock]] = {}
        self._task_rows: dict[int, int] = {}

    def add_tasks(self, block: Block) -> None:
        """Count the rows of each task."""
        for number, rows in block.task_rows.tolist():
            self._task_rows[number] = self._task_rows.get(number, 0) + rows

    def add(self, shares: Sequence[_Share], part: EpisodeBlock) -> None:
        """Count some episodes in; v2.1 has no statistics of the whole."""
        if self._plan.options.version.has_files_of_episodes:
            return
        counts = [share.count for share in shares]
        for name, feature in self._numeric.items():
            stats = part.block.stats[name]
            pool = self._pools.setdefault(name, Pool(stats.shape[2]))
            present = np.stack([self._present(share.contribution, name, feature) for share in shares])
            pool.add(stats, part.block.lengths, np.repeat(present, counts, axis=0))
        for name, block in part.pictures.items():
            # Black pictures stand for missing ones and say nothing about a camera.
            filled = self._plan.filled.get(name, ())
            is_real = np.repeat([share.contribution.source.place not in filled for share in shares], counts)
            self._pictures.setdefault(name, []).append(block.chosen(is_real))

    def _present(self, contribution: Contribution, name: str, feature: Feature) -> Present:
        """Return which dimensions of a vector the source has."""
        width = feature.shape[-1]
        places = contribution.rules[name].places
        present = np.ones(width, np.bool_)
        if places is not None:
            present[:] = False
            present[list(places)] = True
        return present

    def stats(self, root: Path) -> dict[str, FeatureStats]:
        """Return the statistics by feature; quantiles are taken from the data files."""
        plan = self._plan
        found = default_totals(plan.lengths, self._task_rows, plan.fps)
        for name, feature in self._numeric.items():
            batches = partial(self._batches, root, name, feature)
            quantiles = exact_quantiles(batches, np.dtype(feature.dtype), feature.shape[-1])
            found[name] = self._pools[name].stats(plan.frames, quantiles)
        for name, blocks in self._pictures.items():
            total = total_of(blocks, name)
            if total is not None:
                found[name] = total
        return {name: found[name] for name in measured(plan.features) if name in found}

    def _batches(self, root: Path, name: str, feature: Feature) -> Iterator[tuple[npt.NDArray[np.generic], Present]]:
        """Yield the values of a column as they stand in the new data files, those of one source together."""
        plan = self._plan
        starts = cumulated(plan.lengths)
        slices = []
        for file in plan.data:
            rows = int(starts[file.stop] - starts[file.first])
            slices.append(FileSlice(root / data_path(plan.options.version, DATA_PATH, file.number), 0, rows, rows))
        stream = RowStream(slices, [name], plan.features)
        for present, rows in self._runs(name, feature):
            left = rows
            while left:
                count = min(left, _VALUES_AT_A_TIME)
                values = to_numpy(stream.take(count)[name], name, feature)
                yield values.reshape(-1, feature.shape[-1]), present
                left -= count

    def _runs(self, name: str, feature: Feature) -> Iterator[tuple[Present, int]]:
        """Yield how many rows one after another have the same dimensions."""
        present, rows = None, 0
        for contribution in self._plan.contributions:
            own = self._present(contribution, name, feature)
            if present is not None and not np.array_equal(own, present):
                yield present, rows
                rows = 0
            present, rows = own, rows + int(contribution.lengths.sum())
        if present is not None:
            yield present, rows
