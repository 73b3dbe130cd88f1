"""The metadata of the target: episode table, tasks, statistics, what lies beside it, and ``info.json`` last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerotool.dataset.documents import read_object
from lerotool.dataset.formats import Totals
from lerotool.dataset.info import new_info, recounted, write_info
from lerotool.dataset.layout import STATS
from lerotool.dataset.sidecar import merge_notes
from lerotool.dataset.writing.measures import stats_text
from lerotool.execution.places import giving_back
from lerotool.moments import FeatureStats
from lerotool.rewriting.camera_statistics import PictureStatistics
from lerotool.rewriting.dataset_statistics import DatasetStatistics
from lerotool.rewriting.episode_table import EpisodeBlock, episode_table
from lerotool.rewriting.job_results import Block, load_block
from lerotool.rewriting.provenance import provenance
from lerotool.rewriting.rewriting import DataFile, Rewriting, Share
from lerotool.rewriting.sidecar import Reports, reports_of, write_document, write_marks, write_timing
from lerotool.rewriting.source_table import read_episode_columns

_ROWS_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class BlockFile:
    """Where something is known about some episodes."""

    path: Path  # of the block
    file: DataFile  # the first data file that they are in
    first: int  # number of the first episode
    episodes: int  # how many there are


def write_metadata(
    work: Rewriting, root: Path, blocks: Sequence[BlockFile], measured: Mapping[str, Mapping[int, FeatureStats]]
) -> None:
    """Write everything but data and videos; ``measured`` are picture statistics by camera and number of the episode."""
    statistics = DatasetStatistics(work)
    parts = _episode_blocks(work, blocks, measured, statistics)
    _write_episodes(work, root, parts)
    if work.with_stats:
        (root / STATS).write_bytes(stats_text(statistics.stats(root), _other_stats(work)))
    write_timing(work, root)
    write_marks(work, root)
    work.format.version.write_tasks(root, work.tasks)
    if (notes := provenance(work)) is not None:
        write_document(merge_notes(root), notes)
    for path, document in work.documents.items():
        write_document(root / path, document)
    totals = Totals(work.episodes, work.frames, len(work.tasks))
    version, sizes = work.format.version, work.format.sizes
    if work.in_place is None:
        info = new_info(version, work.fps, work.features, work.robot_type, totals, sizes, work.info_keys)
    else:
        info = work.in_place.model_copy(update=recounted(work.in_place, totals))
    write_info(root, info)


def _other_stats(work: Rewriting) -> Mapping[str, Any]:
    """Return what ``stats.json`` says of what nothing is measured of here: it stays where it is."""
    if work.in_place is None:
        return {}
    source = work.contributions[0].source
    path = source.dataset.layout.files.path(STATS)
    known = read_object(path) if path.is_file() else {}
    left = {name for name in source.dataset.features if name not in work.features}
    return {name: entry for name, entry in known.items() if name not in left}


def _write_episodes(work: Rewriting, root: Path, parts: Iterable[EpisodeBlock]) -> None:
    reports = Reports(reports_of(work), root)
    index = 0
    with work.format.version.write_episodes(root, work.format.sizes) as writer:
        for part in parts:
            number = writer.add(episode_table(work, part, index))
            if number is not None:
                reports.note(number, part.first, part.count)
            index += int(part.block.lengths.sum())
    reports.write()


def _episode_blocks(
    work: Rewriting,
    blocks: Sequence[BlockFile],
    measured: Mapping[str, Mapping[int, FeatureStats]],
    totals: DatasetStatistics,
) -> Iterator[EpisodeBlock]:
    """Yield the episodes of the target, those of one source and data file together, and count them into the totals."""
    pictures = PictureStatistics(work, measured)
    for file in giving_back(blocks):
        whole = load_block(file.path)
        totals.add_tasks(whole)
        for start in range(0, file.episodes, _ROWS_AT_A_TIME):
            stop = min(file.episodes, start + _ROWS_AT_A_TIME)
            first = file.first + start
            shares = list(work.shares(first, file.first + stop))
            block = _part(whole, start, stop)
            part = EpisodeBlock(first, file.file, block, pictures.take(shares), _extra(work, shares))
            totals.add(shares, part)
            yield part


def _extra(work: Rewriting, shares: Sequence[Share]) -> dict[str, Any]:
    parts = []
    for share in shares:
        source = share.contribution.source
        parts.append(read_episode_columns(source, work.episode_columns, share.part(source.episodes)))
    return {name: pa.concat_arrays([part[name] for part in parts]) for name in work.episode_columns}


def _part(block: Block, start: int, stop: int) -> Block:
    begin, end = block.task_starts[[start, stop]].tolist()
    return Block(
        block.lengths[start:stop],
        block.tasks[begin:end],
        block.task_starts[start : stop + 1] - begin,
        {name: values[:, start:stop] for name, values in block.stats.items()},
        block.task_rows,
    )
