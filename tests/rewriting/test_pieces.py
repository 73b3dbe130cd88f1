"""Pieces of episodes become episodes: their rows, pictures and statistics are exactly those of the frames taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lerotool.choices import FileMode
from lerotool.dataset.dataset import Dataset
from lerotool.features import recorded_features
from lerotool.moments import numeric_stats
from lerotool.rewriting.carrying_out import build
from lerotool.rewriting.data_part import ColumnRule
from lerotool.rewriting.preparing import VideoChoices, contribute, number_tasks, place_cameras
from lerotool.rewriting.rewriting import Rewriting, TargetFormat
from lerotool.rewriting.source import Source
from tests.dataset.writing import FRONT, WRIST
from tests.limits import small_limits
from tests.merging.sets import make_with_cameras

__all__ = ["small_limits"]

Piece = tuple[int, int, int]
PIECES: list[Piece] = [(0, 1, 4), (1, 0, 6), (2, 3, 5), (0, 4, 5)]


def rewriting(root: Path, pieces: list[Piece], files: FileMode) -> Rewriting:
    """Return what takes frames ``start`` to ``stop`` of episodes of a dataset, in order."""
    dataset = Dataset.open(root)
    episodes, starts, stops = (np.array(numbers, np.int64) for numbers in zip(*pieces, strict=True))
    features = recorded_features(dataset.features)
    names = {name: name for name in features}
    source = Source(0, root.name, dataset, episodes, starts, stops - starts, features, names)
    target = TargetFormat()
    tasks, numbers, damage = number_tasks([source])
    cameras, more, _ = place_cameras([source], dataset.features, {}, dataset.fps, target, VideoChoices(files))
    rules = {name: ColumnRule(name) for name, feature in features.items() if name not in cameras}
    contributions, data, rest = contribute([source], [rules], numbers, dataset.fps, target)
    assert not [*damage, *more, *rest]
    return Rewriting(
        target, contributions, dataset.fps, dataset.robot_type, dataset.features, tasks, data, cameras, {}, {}
    )


@pytest.mark.parametrize("files", FileMode)
@pytest.mark.usefixtures("small_limits")
def test_a_piece_has_the_rows_and_pictures_of_its_frames(tmp_path: Path, files: FileMode) -> None:
    root = make_with_cameras(tmp_path / "source", (5, 6, 7))
    build(rewriting(root, PIECES, files), tmp_path / "pieces")
    old, new = Dataset.open(root), Dataset.open(tmp_path / "pieces")
    assert new.episodes.lengths.tolist() == [stop - start for _, start, stop in PIECES]
    for number, (episode, start, stop) in enumerate(PIECES):
        whole, piece = old.episodes[episode], new.episodes[number]
        rows = old.rows(whole.dataset_from + start, whole.dataset_from + stop)
        own = new.rows(piece.dataset_from, piece.dataset_to)
        assert own["observation.state"].equals(rows["observation.state"])
        assert own["frame_index"].to_pylist() == list(range(stop - start))
        assert own["index"].to_pylist() == list(range(piece.dataset_from, piece.dataset_to))
        texts = [old.tasks[task] for task in rows["task_index"].to_pylist()]
        assert [new.tasks[task] for task in own["task_index"].to_pylist()] == texts
        assert list(piece.tasks) == list(dict.fromkeys(texts))
        for camera in (FRONT, WRIST):
            shown = np.stack(list(new.frames(number, camera)))
            assert np.array_equal(shown, np.stack(list(old.frames(episode, camera)))[start:stop])


def test_statistics_of_a_piece_are_those_of_its_frames(tmp_path: Path) -> None:
    root = make_with_cameras(tmp_path / "source", (5, 6, 7))
    build(rewriting(root, PIECES, FileMode.PACK), tmp_path / "pieces")
    old, new = Dataset.open(root), Dataset.open(tmp_path / "pieces")
    for number, (episode, start, stop) in enumerate(PIECES):
        stats = new.episodes[number].stats
        values = new.numpy("observation.state", new.episodes[number].dataset_from, new.episodes[number].dataset_to)
        assert np.array_equal(stats["observation.state"].mean, numeric_stats(values).mean)
        if (start, stop) != (0, len(list(old.frames(episode, FRONT)))):
            pictures = np.stack(list(old.frames(episode, FRONT)))[start:stop]
            assert stats[FRONT].count == stop - start
            np.testing.assert_allclose(stats[FRONT].mean.reshape(-1), pictures.mean((0, 1, 2)) / 255, rtol=1e-9)
            np.testing.assert_array_equal(stats[FRONT].max.reshape(-1), pictures.max((0, 1, 2)) / 255)
        else:
            np.testing.assert_array_equal(stats[FRONT].mean, old.episodes[episode].stats[FRONT].mean)
