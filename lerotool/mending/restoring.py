"""The tables of a broken dataset are written again, in one step; as they were they are kept in its history.

Videos are not touched. Episodes whose rows and pictures are there keep their place; where others before them cannot be
kept, they move up. Rows and pictures that are loose leave the tables, because they come back as new episodes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from lerotool.dataset.documents import read_object
from lerotool.dataset.layout import STATS, Layout
from lerotool.dataset.writing.history import Entry, KeepingStaging
from lerotool.errors import MetadataError
from lerotool.features import cameras
from lerotool.mending.data_rewrite import new_files, stage_data
from lerotool.mending.episode_rows import Measured, NewRow, new_rows, stage_table
from lerotool.mending.fates import RescuePlan
from lerotool.mending.metadata_rewrite import stage_info, stage_stats
from lerotool.mending.rescue_ending import RESCUE, rescue_details
from lerotool.mending.taken_pictures import TakenEpisode
from lerotool.mending.true_episodes import Truth
from lerotool.moments import FeatureStats
from lerotool.workspace import Workspace


def restore(plan: RescuePlan, taken: Sequence[TakenEpisode], executor: Executor) -> Entry:
    """Write the tables of a broken dataset again; the caller holds the writing lock.

    Returns what is kept of the dataset as it was. `OSError`: the disk is full or fails; the dataset is as before.
    """
    info, layout = plan.info, Layout.of(plan.root, plan.info)
    files = new_files(Truth(plan.sources, plan.kept), info, layout)
    tasks = dict(enumerate(plan.tasks))
    rows = new_rows(info, layout, files, tasks, plan.old, Measured.COLUMNS, executor)
    totals = len(rows), sum(row.true.span.length for row in rows), len(tasks)
    with KeepingStaging(Workspace(plan.root), RESCUE) as staging:
        stage_data(files, info, layout, staging)
        stage_table(info, layout, rows, plan.old, staging)
        stage_stats(plan.root, rows, whole=True, staging=staging, known=_known_pictures(plan, rows))
        stage_info(info, plan.root, totals, {}, staging)
        staging.details = rescue_details(plan, taken, staging)
        entry = staging.record()
    assert entry is not None
    return entry


def _known_pictures(plan: RescuePlan, rows: Sequence[NewRow]) -> Mapping[str, FeatureStats]:
    """Return the statistics of cameras that LeRobot took of all these pictures before they were encoded."""
    info, path = plan.info, plan.root / STATS
    frames = sum(row.true.span.length for row in rows)
    if not rows or not path.exists() or (len(rows), frames) != (info.total_episodes, info.total_frames):
        return {}
    known: dict[str, FeatureStats] = {}
    document = read_object(path)
    for key in cameras(info.features):
        with contextlib.suppress(MetadataError):
            found = FeatureStats.from_json(document.get(key, {}))
            if found.mean.shape == info.codebase_version.statistics_shape(info.features[key]):
                # LeRobot's streaming encoder counts pixels; only frames can be weighed against frames.
                known[key] = replace(found, count=min(found.count, frames))
    return known
