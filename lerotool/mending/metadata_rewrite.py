"""``info.json``, ``stats.json`` and the tasks, brought up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lerotool.dataset.documents import read_object
from lerotool.dataset.formats import Sizes, Totals
from lerotool.dataset.info import INFO, DatasetInfo, recounted
from lerotool.dataset.layout import STATS, TASKS
from lerotool.dataset.parquet import column_names, open_parquet, read_groups, whole_numbers
from lerotool.dataset.tasks import rewrite_task_table
from lerotool.dataset.writing.staging import Staging
from lerotool.errors import CorruptDatasetError, DatasetError, MetadataError
from lerotool.features import DEFAULT_FEATURES
from lerotool.mending.episode_rows import NewRow
from lerotool.moments import FeatureStats, merge_stats
from lerotool.storage import json_bytes


def stage_info(
    info: DatasetInfo, root: Path, totals: tuple[int, int, int] | None, changes: Mapping[str, Any], staging: Staging
) -> None:
    """Stage ``info.json`` with other totals and entries, and with every key that LeRobot writes."""
    counts = {} if totals is None else recounted(info, Totals(*totals))
    stated = Totals(info.total_episodes, info.total_frames, info.total_tasks)
    usual = info.codebase_version.info_document(info.fps, info.features, None, stated, Sizes(info.chunks_size))
    # What is counted is corrected where everything could be counted, and not made up elsewhere.
    missing = {key: value for key, value in usual.items() if not info.states(key) and not key.startswith("total_")}
    staging.write_json(root / INFO, info.model_copy(update={**missing, **counts, **changes}).to_json())


def stage_stats(
    root: Path,
    rows: Sequence[NewRow],
    *,
    whole: bool,
    staging: Staging,
    known: Mapping[str, FeatureStats] = MappingProxyType({}),
) -> None:
    """Stage ``stats.json`` with the merged statistics of the episodes."""
    path = root / STATS
    try:
        document = read_object(path) if path.is_file() and rows else {}
    except DatasetError:
        document = {}
    for name in dict.fromkeys(name for row in rows for name in row.measured):
        if not (whole or name in DEFAULT_FEATURES or not document) or any(name not in row.measured for row in rows):
            continue
        try:
            document[name] = merge_stats([row.measured[name] for row in rows]).to_json()
        except MetadataError:
            continue  # shapes differ; `lerotool stats --write` measures them
    document |= {name: stats.to_json() for name, stats in known.items()}
    staging.write(path, json_bytes(document, allow_nan=True))


def true_tasks(root: Path) -> list[str]:
    """Return the task texts of v3.0 by the numbers that stand beside them."""
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


def stage_tasks(root: Path, tasks: Sequence[str], staging: Staging) -> None:
    """Stage the tasks as pandas writes them, the text as the index."""
    rewrite_task_table(staging.file(root / TASKS), root / "meta" / "none", tasks)
