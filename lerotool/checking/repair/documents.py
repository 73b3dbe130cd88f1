"""``info.json``, ``stats.json`` and the tasks, brought up to date."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lerotool.checking.repair.kept import Keeper
from lerotool.checking.repair.tables import NewRow
from lerotool.dataset.documents import read_object
from lerotool.dataset.info import DATA_PATH, INFO, VIDEO_PATH, DatasetInfo
from lerotool.dataset.layout import DATA_PATH_V21, STATS, TASKS, VIDEO_PATH_V21
from lerotool.dataset.parquet import column_names, open_parquet, read_groups, whole_numbers
from lerotool.dataset.writing.batch import write_tasks
from lerotool.dataset.writing.staging import Staging
from lerotool.errors import CorruptDatasetError, DatasetError, MetadataError
from lerotool.features import DEFAULT_FEATURES, cameras
from lerotool.moments import merge_stats


def stage_info(info: DatasetInfo, root: Path, totals: tuple[int, int, int], staging: Staging, keeper: Keeper) -> None:
    """Stage ``info.json`` with other totals, and with every key that LeRobot writes.

    Args:
        info: as it is.
        root: the dataset.
        totals: numbers of episodes, frames and tasks.
        staging: of the repair.
        keeper: of the old files.
    """
    episodes, frames, tasks = totals
    has_videos = bool(cameras(info.features))
    is_old = info.codebase_version.has_files_of_episodes
    counts: dict[str, Any] = {"total_episodes": episodes, "total_frames": frames, "total_tasks": tasks}
    if is_old:
        counts["total_videos"] = episodes * len(cameras(info.features))
        counts["total_chunks"] = -(-episodes // info.chunks_size)
    if not info.splits or set(info.splits) == {"train"}:
        counts["splits"] = {"train": f"0:{episodes}"}
    defaults: dict[str, Any] = {
        "robot_type": None,
        "chunks_size": info.chunks_size,
        "data_path": DATA_PATH_V21 if is_old else DATA_PATH,
        "video_path": (VIDEO_PATH_V21 if is_old else VIDEO_PATH) if has_videos else None,
    }
    if not is_old:
        defaults |= {"data_files_size_in_mb": 100, "video_files_size_in_mb": 200}
    missing = {key: value for key, value in defaults.items() if not info.states(key)}
    keeper.keep(root / INFO)
    staging.write_json(root / INFO, info.model_copy(update={**missing, **counts}).to_json())


def stage_stats(root: Path, rows: Sequence[NewRow], *, whole: bool, staging: Staging, keeper: Keeper) -> None:
    """Stage ``stats.json`` with the merged statistics of the episodes.

    Args:
        root: the dataset.
        rows: all episodes.
        whole: of all features, not only of LeRobot's own columns. Features of which an episode has none keep theirs.
        staging: of the repair.
        keeper: of the old files.
    """
    path = root / STATS
    try:
        document = read_object(path) if path.is_file() else {}
    except DatasetError:
        document = {}
    for name in dict.fromkeys(name for row in rows for name in row.measured):
        if not (whole or name in DEFAULT_FEATURES or not document) or any(name not in row.measured for row in rows):
            continue
        try:
            document[name] = merge_stats([row.measured[name] for row in rows]).to_json()
        except MetadataError:
            continue  # shapes differ; `lerotool stats --write` measures them
    keeper.keep(path)
    staging.write(path, (json.dumps(document, indent=4, ensure_ascii=False) + "\n").encode())


def true_tasks(root: Path) -> list[str]:
    """Return the task texts of v3.0 by the numbers that stand beside them.

    Raises:
        CorruptDatasetError: the numbers are not 0, 1, 2, …, or there are no texts.
    """
    path = root / TASKS
    with open_parquet(path) as file:
        names = column_names(file, path)
        column = next((name for name in ("task", "__index_level_0__") if name in names), None)
        if column is None or "task_index" not in names:
            raise CorruptDatasetError(f"{path}: expected columns 'task_index' and 'task', found {names}")
        table = read_groups(file, path, range(file.num_row_groups), ["task_index", column])
    numbers = whole_numbers(table["task_index"], str(path)).tolist()
    texts = table[column].to_pylist()
    found = dict(zip(numbers, texts, strict=True))
    if sorted(numbers) != list(range(len(numbers))) or not all(isinstance(text, str) for text in texts):
        raise CorruptDatasetError(f"{path}: the tasks are not numbered 0 to {len(numbers) - 1}, each once")
    return [found[number] for number in range(len(numbers))]


def stage_tasks(root: Path, tasks: Sequence[str], staging: Staging, keeper: Keeper) -> None:
    """Stage the tasks as pandas writes them, the text as the index."""
    keeper.keep(root / TASKS)
    write_tasks(staging.file(root / TASKS), root / "meta" / "none", tasks)
