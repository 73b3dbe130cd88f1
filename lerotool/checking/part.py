"""A dataset of which only a part is here: what is here is looked at, and nothing else is missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lerotool.checking.cameras import check_videos, video_jobs
from lerotool.checking.data import named_paths
from lerotool.checking.gathering import Gathering
from lerotool.checking.rows import DataFileFacts, DataJob
from lerotool.checking.table import CameraColumns, EpisodeTable
from lerotool.checking.videos import VideoFacts, VideoJob
from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.layout import Layout
from lerotool.dataset.partial import Partial, partial_path
from lerotool.findings import Code
from lerotool.wording import counted

LookAtData = Callable[[Sequence[DataJob]], Sequence[DataFileFacts]]
LookAtVideos = Callable[[Sequence[VideoJob]], Sequence[VideoFacts]]


def note_part(partial: Partial, gathering: Gathering) -> None:
    """Note what of the dataset is here."""
    text = f"{partial}; the rest is on the Hub: {partial.command}"
    gathering.add(Code.PARTIAL, partial_path(gathering.root), text)


def check_part(
    info: DatasetInfo,
    layout: Layout,
    table: EpisodeTable,
    partial: Partial,
    gathering: Gathering,
    look_at_data: LookAtData,
    look_at_videos: LookAtVideos,
) -> None:
    """Note what is wrong with the files of the episodes that are here."""
    here = _only(table, np.isin(table.numbers, partial.episodes))
    if not len(here):
        return
    paths = dict.fromkeys(named_paths(info, layout, here, gathering) or ())
    for path in [path for path in paths if not path.is_file()]:
        gathering.add(Code.DATA_MISSING, path, "the file is missing, and it has episodes that should be here")
    jobs = [DataJob(path, info.features, info.fps, info.codebase_version) for path in paths if path.is_file()]
    facts = look_at_data(jobs)
    for fact in facts:
        gathering.add_problems(fact.path, fact.problems)
    _check_lengths(here, facts, gathering)
    videos, _ = video_jobs(info, layout, here, None, gathering)
    check_videos(info, look_at_videos(videos), (), gathering)


def _only(table: EpisodeTable, rows: np.ndarray) -> EpisodeTable:
    """Return some rows of a table."""
    kept = np.flatnonzero(rows).tolist()
    videos = {
        camera: CameraColumns(c.chunk[rows], c.file[rows], c.start[rows], c.stop[rows])
        for camera, c in table.videos.items()
    }
    return replace(
        table,
        numbers=table.numbers[rows],
        lengths=table.lengths[rows],
        tasks=None if table.tasks is None else [table.tasks[row] for row in kept],
        ranges=None if table.ranges is None else table.ranges[rows],
        data=None if table.data is None else table.data[rows],
        videos=videos,
        places=[table.places[row] for row in kept] if table.places else (),
        rows=[table.rows[row] for row in kept] if table.rows else (),
    )


def _check_lengths(table: EpisodeTable, facts: Sequence[DataFileFacts], gathering: Gathering) -> None:
    """Compare the rows of each episode that is here with the table."""
    if any(fact.runs is None for fact in facts):
        return
    found: dict[int, int] = {}
    for fact in facts:
        assert fact.runs is not None
        for number, length in zip(fact.runs.episode.tolist(), fact.runs.length.tolist(), strict=True):
            found[number] = found.get(number, 0) + length
    wrong = [
        number
        for number, length in zip(table.numbers.tolist(), table.lengths.tolist(), strict=True)
        if found.get(number, 0) != length
    ]
    if wrong and facts:
        text = f"episode {wrong[0]} has {counted(found.get(wrong[0], 0), 'row')}, the table says otherwise"
        gathering.add(Code.ROW_COUNT, facts[0].path, text, episodes=wrong)
