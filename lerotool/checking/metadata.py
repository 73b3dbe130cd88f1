"""``meta/info.json`` and the tasks: read as far as they can be, with every defect noted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.checking.report import Gathering
from lerotool.dataset.documents import BOM, MOST, read_lines, read_object, whole_number
from lerotool.dataset.info import INFO, DatasetInfo, parse_info
from lerotool.dataset.layout import EPISODE_LINES, EPISODES, Layout, PathTemplate, inside
from lerotool.dataset.parquet import open_parquet
from lerotool.errors import CorruptDatasetError, DatasetError, MetadataError, UnsupportedVersionError
from lerotool.features import DEFAULT_FEATURES, Feature, cameras
from lerotool.findings import Code, Loading

_KEYS = ("total_episodes", "total_frames", "total_tasks", "chunks_size", "data_path", "robot_type", "splits")
_KEYS_V30 = ("data_files_size_in_mb", "video_files_size_in_mb")
_TOTALS = ("total_episodes", "total_frames", "total_tasks")
_DIMENSIONS = 3
_CHANNELS = (1, 3, 4)
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
        if path.read_bytes().startswith(BOM):
            gathering.add(Code.INFO_BOM, path, "the first three bytes are EF BB BF, expected '{'")
    except DatasetError as error:
        gathering.add_error(Code.INFO_UNREADABLE, path, error)
        return None
    try:
        info = parse_info(_without_odd_totals(document, gathering), str(path))
    except UnsupportedVersionError as error:
        is_newer = str(document.get("codebase_version")).startswith("v3.") and "storage_format" not in document
        gathering.add_error(Code.VERSION, path, error, Loading.RIGHT if is_newer else None)
        return None
    except MetadataError as error:
        gathering.add_error(Code.INFO_INVALID, path, error)
        return None
    _check_keys(document, info, gathering)
    check_names(info, gathering)
    return info if _is_of_its_version(info, gathering) else None


def _without_odd_totals(document: dict[str, Any], gathering: Gathering) -> dict[str, Any]:
    """Return the document without totals that are not whole numbers; the rows tell them anyway."""
    kept = dict(document)
    for key in (key for key in _TOTALS if key in document):
        value = document[key]
        if type(value) is int and 0 <= value < MOST:
            continue
        code = Code.COUNTS if key == "total_tasks" else Code.TOTALS
        # LeRobot counts to this one when it loads; True is 1, and a negative number none.
        is_refused = key == "total_episodes" and not isinstance(value, int)
        harms = Loading.REFUSED if is_refused else None
        text = f"{key} is {json.dumps(value)[:40]}, expected a whole number from 0"
        gathering.add(code, INFO.as_posix(), text, column=key, harms=harms)
        del kept[key]
    return kept


def check_names(info: DatasetInfo, gathering: Gathering) -> None:
    """Note cameras without names of their dimensions."""
    for name, feature in info.features.items():
        if feature.is_camera and named_camera(feature) is not feature:
            text = f"'names' of the camera is {str(feature.names)[:60]}, expected three"
            gathering.add(Code.CAMERA_NAMES, INFO.as_posix(), text, column=name)


def named_camera(feature: Feature) -> Feature:
    """Return a camera with names of its dimensions; itself if it has some, or if the shape does not tell them."""
    names = feature.names
    if (isinstance(names, list) and len(names) >= _DIMENSIONS) or len(feature.shape) != _DIMENSIONS:
        return feature
    if feature.shape[2] in _CHANNELS:
        return replace(feature, names=["height", "width", "channels"])
    return replace(feature, names=["channels", "height", "width"]) if feature.shape[0] in _CHANNELS else feature


def _is_of_its_version(info: DatasetInfo, gathering: Gathering) -> bool:
    lines = (gathering.root / EPISODE_LINES).exists()
    tables = any((gathering.root / EPISODES).glob("*/*.parquet"))
    if lines == tables or tables is not info.codebase_version.has_files_of_episodes:
        return True
    found = "v3.0" if tables else "v2.x"
    text = f"'codebase_version' is {info.codebase_version.value!r}, but the episode table is that of {found}"
    gathering.add(Code.VERSION, INFO.as_posix(), text, column="codebase_version")
    return False


def _check_keys(document: dict[str, Any], info: DatasetInfo, gathering: Gathering) -> None:
    is_new = not info.codebase_version.has_files_of_episodes
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
    """Return where the files lie: by LeRobot's own templates where those of the dataset fit none of them.

    None if the templates do harm.
    """
    try:
        layout = Layout.of(gathering.root, info)
    except MetadataError as error:
        gathering.add_error(Code.PATH_TEMPLATE, gathering.root / INFO, error)
        return None
    usual = Layout.of(gathering.root, info.model_copy(update={"data_path": None, "video_path": None}))
    is_read_by_glob = not info.codebase_version.has_files_of_episodes
    if not _has_data(layout) and _has_data(usual):
        _add_template("data_path", layout.data, usual.data, gathering, Loading.RIGHT if is_read_by_glob else None)
        layout = replace(layout, data=usual.data)
    names = cameras(info.features)
    if not any(layout.videos(name) for name in names) and any(usual.videos(name) for name in names):
        _add_template("video_path", layout.video, usual.video, gathering, None)
        layout = replace(layout, video=usual.video)
    return layout


def _has_data(layout: Layout) -> bool:
    found = layout.root.glob(layout.data.pattern(""))
    return any(path.is_file() and layout.data_number(path) is not None for path in found)


def _add_template(
    key: str, wrong: PathTemplate, right: PathTemplate, gathering: Gathering, harms: Loading | None
) -> None:
    text = f"{key} is {wrong.text!r}, the files are where {right.text!r} says"
    gathering.add(Code.TEMPLATE_WRONG, INFO.as_posix(), text, column=key, harms=harms)


def read_tasks(info: DatasetInfo, gathering: Gathering) -> dict[int, str] | None:
    """Return the task texts by the number by which LeRobot finds them; None if they cannot be read."""
    path = gathering.root / info.codebase_version.tasks_path
    if not path.is_file():
        if info.total_tasks or info.total_episodes or not info.states("total_episodes"):
            gathering.add(Code.TASKS_MISSING, path, "the file is missing")
        return None
    try:
        inside(gathering.root, path.relative_to(gathering.root).as_posix())
        return _read_table(path, gathering) if path.suffix == ".parquet" else _read_lines(path, gathering)
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
        pass  # a damaged file has a defect of its own
    try:
        # As LeRobot does: pandas decides from the schema metadata what the index is.
        with path.open("rb") as file:
            frame = pq.ParquetFile(file).read().to_pandas()
        texts = frame.index.tolist()
        columns = {name: frame[name].tolist() for name in ("task", "task_index") if name in frame}
    except MemoryError:
        raise
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
