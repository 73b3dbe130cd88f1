"""What pages know of a dataset, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lerotool.features import CAMERA_PREFIX, DEFAULT_FEATURES, STATE, Feature, Kind
from lerotool.media.video_codecs import VIDEO_CODECS
from lerotool.workspace import repository_of

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset
    from lerotool.dataset.marks import Marks
    from lerotool.dataset.reading.episodes import Episode

_MS = 1e6
_MOST_LINES = 64
"""Dimensions of a feature that are drawn; a flattened picture in a column is not a chart."""
_TYPES: Mapping[str, str] = {
    codec.name: f'video/mp4; codecs="{codec.browser}"' for codec in VIDEO_CODECS if codec.browser is not None
}
"""What a browser is asked whether it can play it, by codec; all others are sent as frames."""
_PLAIN_FORMATS = frozenset(["yuv420p", "yuvj420p"])


def dataset_line(dataset: Dataset) -> dict[str, Any]:
    """Return what the list of datasets shows of one; reads no rows."""
    return {
        "robot": dataset.robot_type,
        "version": dataset.version.value,
        "fps": dataset.fps,
        "episodes": dataset.num_episodes,
        "seconds": dataset.num_frames / dataset.fps,
        "tasks": len(dataset.tasks),
        "task": dataset.tasks[0] if dataset.tasks else "",
        "cameras": [short(name) for name in dataset.cameras],
        "thumbnail": 0 if dataset.num_episodes and dataset.cameras else None,
    }


def dataset_page(dataset: Dataset, marks: Marks) -> dict[str, Any]:
    """Return what the page of a dataset needs, all episodes included: a few bytes each."""
    numbers = {task: number for number, task in enumerate(dataset.tasks)}
    texts = list(dataset.tasks)
    tasks = []
    for episode in dataset.episodes:
        for text in episode.tasks:
            if text not in numbers:
                numbers[text] = len(texts)
                texts.append(text)
        tasks.append([numbers[text] for text in episode.tasks])
    return {
        **dataset_line(dataset),
        "cameras": [{"name": name, "label": short(name)} for name in dataset.cameras],
        "tasks": texts,
        "frames": dataset.num_frames,
        "lengths": dataset.episodes.lengths.tolist(),
        "episode_tasks": tasks,
        "marks": {number: mark.to_json() for number, mark in marks.by_episode.items()},
        "unmatched_marks": marks.unmatched,
        "can_mark": repository_of(dataset.root) is None,
        "warning": dataset.unfinished,
    }


def traits(dataset: Dataset) -> dict[str, Any]:
    """Return per episode how far its joints move (share of the dataset's range) and how bright each camera is (0..1).

    Both come from the statistics of the episodes; None where there are none.
    """
    movement: list[float | None] = []
    brightness: list[float | None] = []
    whole = dataset.stats.get(STATE)
    span = None if whole is None else np.asarray(whole.max - whole.min, float).ravel()
    for episode in dataset.episodes:
        stats = episode.stats
        own = stats.get(STATE)
        moved = None
        if own is not None and span is not None and span.size and (span > 0).any():
            moved = float((np.ravel(own.max - own.min)[span > 0] / span[span > 0]).max())
        movement.append(moved)
        means = [float(np.mean(stats[name].mean)) for name in dataset.cameras if name in stats]
        brightness.append(min(means) if means else None)
    return {"movement": movement, "brightness": brightness}


def episode_page(dataset: Dataset, episode: Episode, marks: Marks) -> dict[str, Any]:
    """Return what the page of an episode needs before its rows."""
    mark = marks.by_episode.get(episode.index)
    return {
        "episode": episode.index,
        "episodes": dataset.num_episodes,
        "fps": dataset.fps,
        "frames": episode.length,
        "tasks": list(episode.tasks),
        "cameras": [_camera(dataset, episode, number, name) for number, name in enumerate(dataset.cameras)],
        "mark": mark.to_json() if mark else {},
        "can_mark": repository_of(dataset.root) is None,
    }


def _camera(dataset: Dataset, episode: Episode, number: int, name: str) -> dict[str, Any]:
    feature = dataset.features[name]
    found: dict[str, Any] = {"number": number, "name": name, "label": short(name), "depth": feature.is_depth}
    found["width"], found["height"] = _size(feature)
    span = episode.videos.get(name) if feature.kind is Kind.VIDEO else None
    if span is None:
        return {**found, "type": None, "is_there": feature.kind is Kind.IMAGE, "is_converted": False}
    if not span.path.is_file():
        return {**found, "type": None, "is_there": False, "is_converted": False}
    return {
        **found,
        "type": video_type(feature, span.path),
        "is_there": True,
        "is_converted": not feature.is_depth,
        # A frame is shown from k/fps on; the table's own times may be off by some microseconds.
        "from": span.start_frame / dataset.fps,
    }


def video_type(feature: Feature, path: Path) -> str | None:
    """Return what a browser has to be able to play for a video; None where none can."""
    codec, pixels = feature.info.get("video.codec"), feature.info.get("video.pix_fmt")
    if not isinstance(codec, str) or not isinstance(pixels, str):
        from lerotool.media.probe import probe

        video = probe(path)
        codec, pixels = video.codec, video.pix_fmt
    return _TYPES.get(codec) if pixels in _PLAIN_FORMATS and not feature.is_depth else None


def _size(feature: Feature) -> tuple[int, int]:
    shape = feature.shape
    if len(shape) != 3:
        return 4, 3
    channels_first = shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)
    return (shape[2], shape[1]) if channels_first else (shape[1], shape[0])


def episode_rows(dataset: Dataset, index: int) -> dict[str, Any]:
    """Return the numbers of an episode's rows by feature, and its measured times."""
    episode = dataset.episodes[index]
    names = [name for name, feature in dataset.features.items() if is_drawn(name, feature)]
    values = {name: dataset.numpy(name, episode.dataset_from, episode.dataset_to) for name in names}
    timing = dataset.timing(index)
    columns = {} if timing is None else {name: _numbers(timing[name]) for name in timing.column_names}
    return {
        "features": [series(name, dataset.features[name], values[name]) for name in names],
        "timing": timing_strip(columns, dataset.fps, dataset.features.get(STATE)),
    }


def is_drawn(name: str, feature: Feature) -> bool:
    """Whether a feature's values are drawn as lines over time."""
    is_numeric = feature.kind is Kind.NUMERIC and name not in DEFAULT_FEATURES
    return is_numeric and int(np.prod(feature.shape)) <= _MOST_LINES


def series(name: str, feature: Feature, values: np.ndarray) -> dict[str, Any]:
    """Return a feature's values as one list per dimension, null where a value is not finite."""
    table = values.reshape(len(values), -1).astype(np.float64)
    names = feature.dimension_names or tuple(str(number) for number in range(table.shape[1]))
    return {"name": name, "dimensions": list(names), "values": [_finite(column) for column in table.T]}


def _finite(column: np.ndarray) -> list[float | None]:
    """Return plain numbers of six digits, which JSON can hold."""
    return [
        float(f"{value:.6g}") if is_finite else None
        for value, is_finite in zip(column.tolist(), np.isfinite(column).tolist(), strict=True)
    ]


def timing_strip(columns: Mapping[str, np.ndarray | None], fps: float, state: Feature | None) -> dict[str, Any] | None:
    """Return what the strip under the charts shows; None where no times were measured.

    ``late_ms`` per row how long after it was due the state was read; ``stale`` per row how many joints were not
    fresh; ``ages`` per camera and row the milliseconds since its picture was taken.
    """
    due, observed = columns.get("tick_ns"), columns.get("observed_ns")
    if due is None or observed is None:
        return None
    stale = [columns.get(name) for name in ("stale", "stale_action")]
    bits = [np.array([int(value).bit_count() for value in each.tolist()]) for each in stale if each is not None]
    prefix = "picture_age_ns/"
    return {
        "period_ms": 1000 / fps,
        "late_ms": _milliseconds(observed - due),
        "stale": sum(bits, np.zeros(len(due), np.int64)).tolist(),
        "joints": 0 if state is None else int(np.prod(state.shape)),
        "ages": {
            short(name.removeprefix(prefix)): _milliseconds(values)
            for name, values in columns.items()
            if name.startswith(prefix) and values is not None
        },
    }


def _milliseconds(nanoseconds: np.ndarray) -> list[float]:
    return [round(value / _MS, 1) for value in nanoseconds.tolist()]


def _numbers(column: Any) -> np.ndarray | None:
    return None if column.null_count else np.asarray(column.to_numpy())


def short(name: str) -> str:
    """Return what a camera is called on screen."""
    return name.removeprefix(CAMERA_PREFIX)
