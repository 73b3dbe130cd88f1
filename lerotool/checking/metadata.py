"""``meta/info.json`` and the tasks: read as far as they can be, with every defect noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.checking.codes import Code, Loading
from lerotool.checking.gathering import Gathering
from lerotool.dataset.documents import read_lines, read_object, whole_number
from lerotool.dataset.info import INFO, DatasetInfo, FormatVersion, parse_info
from lerotool.dataset.layout import EPISODE_LINES, EPISODES, TASK_LINES, TASKS, Layout, inside
from lerotool.dataset.parquet import open_parquet
from lerotool.errors import CorruptDatasetError, DatasetError, MetadataError, UnsupportedVersionError
from lerotool.features import DEFAULT_FEATURES

_KEYS = ("total_episodes", "total_frames", "total_tasks", "chunks_size", "data_path", "robot_type", "splits")
_KEYS_V30 = ("data_files_size_in_mb", "video_files_size_in_mb")
_NEEDED = frozenset(["timestamp", "episode_index", "index", "task_index"])


def read_info(gathering: Gathering) -> DatasetInfo | None:
    """Read ``info.json``; None if it cannot be understood."""
    path = gathering.root / INFO
    if not path.is_file():
        gathering.add(Code.INFO_MISSING, INFO.as_posix(), "the file is missing")
        return None
    try:
        inside(gathering.root, INFO.as_posix())
        document = read_object(path)
    except DatasetError as error:
        gathering.add_error(Code.INFO_UNREADABLE, path, error)
        return None
    try:
        info = parse_info(document, str(path))
    except UnsupportedVersionError as error:
        is_three = str(document.get("codebase_version")).startswith("v3.")
        gathering.add_error(Code.VERSION, path, error, Loading.RIGHT if is_three else None)
        return None
    except MetadataError as error:
        gathering.add_error(Code.INFO_INVALID, path, error)
        return None
    _check_keys(document, info, gathering)
    return info if _is_of_its_version(info, gathering) else None


def _is_of_its_version(info: DatasetInfo, gathering: Gathering) -> bool:
    lines = (gathering.root / EPISODE_LINES).exists()
    tables = any((gathering.root / EPISODES).glob("*/*.parquet"))
    if lines == tables or tables is (info.codebase_version is FormatVersion.V30):
        return True
    found = "v3.0" if tables else "v2.x"
    text = f"'codebase_version' is {info.codebase_version.value!r}, but the episode table is that of {found}"
    gathering.add(Code.VERSION, INFO.as_posix(), text, column="codebase_version")
    return False


def _check_keys(document: dict[str, Any], info: DatasetInfo, gathering: Gathering) -> None:
    is_new = info.codebase_version is FormatVersion.V30
    missing = [key for key in (*_KEYS, *(_KEYS_V30 if is_new else ())) if key not in document]
    if missing:
        gathering.add(Code.INFO_KEYS, INFO.as_posix(), f"missing: {', '.join(missing)}", column=missing[0])
    for name, expected in DEFAULT_FEATURES.items():
        feature = info.features.get(name)
        if feature is None:
            harms = None if name in _NEEDED else Loading.RIGHT
            gathering.add(
                Code.DEFAULT_FEATURES, INFO.as_posix(), f"feature {name!r} is not declared", column=name, harms=harms
            )
        elif feature.shape != (1,) or feature.dtype not in (expected.dtype, "float64", "int32"):
            text = f"feature {name!r} is {feature.dtype} {list(feature.shape)}, expected {expected.dtype} [1]"
            gathering.add(Code.DEFAULT_FEATURES, INFO.as_posix(), text, column=name)


def read_layout(info: DatasetInfo, gathering: Gathering) -> Layout | None:
    """Return where the files lie; None if the templates do harm."""
    try:
        return Layout.of(gathering.root, info)
    except MetadataError as error:
        gathering.add_error(Code.PATH_TEMPLATE, gathering.root / INFO, error)
        return None


def read_tasks(info: DatasetInfo, gathering: Gathering) -> dict[int, str] | None:
    """Return the task texts by the number by which LeRobot finds them; None if they cannot be read."""
    is_new = info.codebase_version is FormatVersion.V30
    path = gathering.root / (TASKS if is_new else TASK_LINES)
    if not path.is_file():
        if info.total_tasks or info.total_episodes or not info.states("total_episodes"):
            gathering.add(Code.TASKS_MISSING, path, "the file is missing")
        return None
    try:
        inside(gathering.root, path.relative_to(gathering.root).as_posix())
        return _read_table(path, gathering) if is_new else _read_lines(path, gathering)
    except DatasetError as error:
        gathering.add_error(Code.TASKS_UNREADABLE, path, error)
        return None


def _read_lines(path: Path, gathering: Gathering) -> dict[int, str]:
    tasks: dict[int, str] = {}
    for place, entry in read_lines(path):
        number, text = whole_number(entry, "task_index", place), entry.get("task")
        if not isinstance(text, str):
            raise MetadataError(f"{place}: 'task' is {text!r}, expected a text")
        if number in tasks:
            gathering.add(Code.TASKS_ORDER, path, f"task {number} is there twice", column="task_index")
        tasks[number] = text
    return tasks


def _read_table(path: Path, gathering: Gathering) -> dict[int, str]:
    with open_parquet(path):
        pass  # a damaged file is told by its defect
    try:
        # As LeRobot does: pandas decides from the schema metadata what the index is.
        frame = pq.read_table(path, partitioning=None).to_pandas()
        texts = frame.index.tolist()
        columns = {name: frame[name].tolist() for name in ("task", "task_index") if name in frame}
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CorruptDatasetError(f"{path}: the parquet file is damaged: {error}") from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        gathering.add(
            Code.TASKS_INDEX, path, f"pandas cannot make the index: {error!r}", column="task", harms=Loading.REFUSED
        )
        return {}
    if not all(isinstance(text, str) for text in texts):
        text = f"the index is {texts[:3]}, expected the texts (a pandas index called 'task')"
        gathering.add(Code.TASKS_INDEX, path, text, column="task")
        return dict(enumerate(map(str, columns.get("task", texts))))
    numbers = columns.get("task_index")
    if numbers is None:
        gathering.add(Code.TASKS_ORDER, path, "the column 'task_index' is missing", column="task_index")
    elif numbers != list(range(len(texts))):
        wrong = next(place for place, number in enumerate(numbers) if number != place)
        found = f"row {wrong} is task {numbers[wrong]}"
        gathering.add(Code.TASKS_ORDER, path, found, row=wrong, column="task_index")
    return dict(enumerate(texts))
