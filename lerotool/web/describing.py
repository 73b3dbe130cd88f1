"""What pages know of a dataset, as plain values; nothing is measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lerotool.choices import Units
from lerotool.dataset.joints import GRIPPER, Guess, guess_units, is_so_arm
from lerotool.features import ACTION, CAMERA_PREFIX, DEFAULT_FEATURES, STATE, Feature, Kind, picture_size
from lerotool.media.video_codecs import VIDEO_CODECS
from lerotool.moments.feature_stats import VALUES, FeatureStats
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

COLUMNS = ("min", "q01", "mean", "std", "q99", "max")
_JOINT_UNITS = {Units.DEGREES: "°", Units.RANGE: "% of half the range"}
_WORDS = {Units.DEGREES: "degrees", Units.RANGE: "per cent of half their range"}
_COLOURS = ("red", "green", "blue")


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
    tasks = [[numbers.setdefault(text, len(numbers)) for text in episode.tasks] for episode in dataset.episodes]
    return {
        **dataset_line(dataset),
        "cameras": [{"name": name, "label": short(name)} for name in dataset.cameras],
        "tasks": list(numbers),
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
    height, width = picture_size(feature)[:2] if len(feature.shape) == 3 else (3, 4)
    entry = camera_entry(number, name, width, height, is_depth=feature.is_depth)
    span = episode.videos.get(name) if feature.kind is Kind.VIDEO else None
    if span is None or not span.path.is_file():
        return {**entry, "is_there": feature.kind is Kind.IMAGE}
    return {
        **entry,
        "type": video_type(feature, span.path),
        "is_converted": not feature.is_depth,
        # A frame is shown from k/fps on; the table's own times may be off by some microseconds.
        "from": span.start_frame / dataset.fps,
    }


def camera_entry(number: int, name: str, width: int, height: int, *, is_depth: bool) -> dict[str, Any]:
    """Return what the page of an episode needs of a camera whose pictures are sent one by one."""
    return {
        "number": number,
        "name": name,
        "label": short(name),
        "depth": is_depth,
        "width": width,
        "height": height,
        "type": None,
        "is_there": True,
        "is_converted": False,
    }


def video_type(feature: Feature, path: Path) -> str | None:
    """Return what a browser has to be able to play for a video; None where none can."""
    codec, pixels = feature.info.get("video.codec"), feature.info.get("video.pix_fmt")
    if not isinstance(codec, str) or not isinstance(pixels, str):
        from lerotool.media.probe import probe

        video = probe(path)
        codec, pixels = video.codec, video.pix_fmt
    return _TYPES.get(codec) if pixels in _PLAIN_FORMATS and not feature.is_depth else None


def episode_rows(dataset: Dataset, episode: int) -> dict[str, Any]:
    """Return the numbers of an episode's rows by feature, and its measured times."""
    rows = dataset.episodes[episode]
    names = [name for name, feature in dataset.features.items() if is_drawn(name, feature)]
    values = {name: dataset.numpy(name, rows.dataset_from, rows.dataset_to) for name in names}
    timing = dataset.timing(episode)
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
    return {"name": name, "dimensions": list(names), "values": [_plain(column) for column in table.T]}


def _plain(values: np.ndarray) -> list[float | None]:
    """Return plain numbers of six digits, which JSON can hold; None for those that are not finite."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values.tolist()]


def timing_strip(columns: Mapping[str, np.ndarray | None], fps: float, state: Feature | None) -> dict[str, Any] | None:
    """Return what the strip under the charts shows; None where no times were measured.

    ``late_ms`` per row how long after it was due the state was read; ``stale`` per row how many joints were not
    fresh; ``ages`` per camera and row the milliseconds since its picture was taken.
    """
    due, observed = columns.get("tick_ns"), columns.get("observed_ns")
    if due is None or observed is None:
        return None
    stale = [columns.get(name) for name in ("stale", "stale_action")]
    bits = [np.bitwise_count(each).astype(np.int64) for each in stale if each is not None]
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


def statistics_table(dataset: Dataset) -> dict[str, Any]:
    """Return what ``meta/stats.json`` says of each dimension, None for what it does not say."""
    guess = guess_units(dataset) if is_so_arm(dataset) else None
    features = [
        {"name": name, "label": short(name), "frames": stats.count, "lines": _lines(name, feature, stats, guess)}
        for name, feature in dataset.features.items()
        if _is_shown(name, feature) and (stats := dataset.stats.get(name)) is not None
    ]
    return {"columns": list(COLUMNS), "features": features, "units": _told(guess)}


def _is_shown(name: str, feature: Feature) -> bool:
    return is_drawn(name, feature) or (feature.kind is not Kind.NUMERIC and name not in DEFAULT_FEATURES)


def _lines(name: str, feature: Feature, stats: FeatureStats, guess: Guess | None) -> list[dict[str, Any]]:
    rows = dict(zip(VALUES, stats.rows(), strict=True))
    if feature.kind is Kind.NUMERIC:
        labels = feature.dimension_names or tuple(map(str, range(stats.min.size)))
        own = [_joint_unit(label, guess) if name in (STATE, ACTION) else "" for label in labels]
    else:
        labels = ("depth",) if feature.is_depth else _COLOURS
        own = [str(feature.info.get("depth_unit", "")) if feature.is_depth else "of full scale"] * len(labels)
    by_dimension = np.stack([rows[column] for column in COLUMNS], axis=1)
    return [
        {"label": label, "unit": unit, "values": _plain(values)}
        for label, unit, values in zip(labels, own, by_dimension, strict=False)
    ]


def _joint_unit(label: str, guess: Guess | None) -> str:
    if guess is None or guess.units is None:
        return ""
    return "% open" if GRIPPER in label else _JOINT_UNITS[guess.units]


def _told(guess: Guess | None) -> str | None:
    """Return why joints are thought to have their units; None where that is not known."""
    return None if guess is None or guess.units is None else f"joints in {_WORDS[guess.units]}: {guess.reason}"
