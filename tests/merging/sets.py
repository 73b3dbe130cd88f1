"""Small datasets for the tests of merging, and what is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.features import Feature, Kind
from tests.dataset.writing import FEATURES, FPS, STATE_ONLY, episode

PICK, PLACE = "pick the cube", "place the cube"


def make(
    root: Path,
    lengths: Sequence[int] = (3, 4),
    features: Mapping[str, Feature] = STATE_ONLY,
    *,
    tasks: Sequence[str] = (PICK, PLACE),
    seed: int = 0,
    robot_type: str | None = "so_follower",
    fps: int = FPS,
) -> Path:
    """Make a v3.0 dataset; the task of row k is ``tasks[k % len(tasks)]``."""
    with DatasetAppender.create(root, fps, features, robot_type) as appender:
        for number, length in enumerate(lengths):
            texts = [tasks[k % len(tasks)] for k in range(length)]
            appender.append([episode(root.parent / f"{root.name}-{number}", features, texts, seed + number, fps=fps)])
        appender.finalize()
    return root


def make_with_cameras(root: Path, lengths: Sequence[int] = (3, 4), **options: Any) -> Path:
    """Make a v3.0 dataset with two cameras."""
    return make(root, lengths, FEATURES, **options)


def all_tasks(dataset: Dataset) -> list[str]:
    """Return the task text of every row."""
    return [dataset.tasks[number] for number in dataset.numpy("task_index").tolist()]


def recorded_values(dataset: Dataset) -> dict[str, np.ndarray]:
    """Return all recorded numbers and texts by column."""
    plain = (Kind.NUMERIC, Kind.STRING)
    own = {"index", "episode_index", "task_index"}
    return {n: dataset.numpy(n) for n, f in dataset.features.items() if f.kind in plain and n not in own}


def assert_is_concatenation(target: Path, sources: Sequence[Path]) -> Dataset:
    """Assert that rows, tasks, episodes and pictures are those of the sources, one after another; return the target."""
    merged, parts = Dataset.open(target), [Dataset.open(source) for source in sources]
    assert merged.num_episodes == sum(part.num_episodes for part in parts)
    assert merged.episodes.lengths.tolist() == [n for part in parts for n in part.episodes.lengths.tolist()]
    assert merged.numpy("index").tolist() == list(range(merged.num_frames))
    expected = np.repeat(np.arange(merged.num_episodes), merged.episodes.lengths)
    assert merged.numpy("episode_index").tolist() == expected.tolist()
    assert all_tasks(merged) == [text for part in parts for text in all_tasks(part)]
    values, own = recorded_values(merged), [recorded_values(part) for part in parts]
    for name, found in values.items():
        assert np.array_equal(found, np.concatenate([part[name] for part in own])), name
    place = 0
    for part in parts:
        for number in range(part.num_episodes):
            for camera in merged.cameras:
                found = list(merged.frames(place, camera))
                assert len(found) == part.episodes[number].length
                for a, b in zip(found, part.frames(number, camera), strict=True):
                    assert np.array_equal(a, b), (camera, place)
            place += 1
    return merged
