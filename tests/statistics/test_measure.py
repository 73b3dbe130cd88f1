"""What is measured is what numpy gives on all rows, wherever files, row groups and episodes begin and end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lerotool.choices import Frames
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.formats import FormatVersion
from lerotool.errors import CorruptDatasetError, UsageError
from lerotool.execution import ThisMachine, open_executor
from lerotool.features import Feature, Kind
from lerotool.moments import QUANTILES, FeatureStats, numeric_stats
from lerotool.statistics import numeric
from lerotool.statistics.measure import Selection, measured, workers
from lerotool.statistics.sampling import Sampling
from tests.dataset.reading import DATA, copy_set
from tests.sampling import examples
from tests.shared import GOLDEN, all_sets, golden_sets
from tests.statistics.sets import arm_set, edit_data, make_set, moving

COLUMNS_ONLY = Selection(sampling=None)


def assert_stats(found: FeatureStats, values: np.ndarray) -> None:
    """``values`` (n, d): what the statistics were taken from."""
    wide = values.astype(np.float64)
    scale = np.abs(wide).max(axis=0, initial=1.0)
    np.testing.assert_array_equal(found.min.ravel(), wide.min(axis=0))
    np.testing.assert_array_equal(found.max.ravel(), wide.max(axis=0))
    assert (np.abs(found.mean.ravel() - wide.mean(axis=0)) <= 1e-14 * scale).all()
    assert (np.abs(found.std.ravel() - wide.std(axis=0)) <= 1e-12 * scale).all()
    for name, fraction in QUANTILES.items():
        np.testing.assert_array_equal(found.quantiles[name].ravel(), np.quantile(wide, fraction, axis=0))


def values_of(dataset: Dataset, name: str) -> np.ndarray:
    """Return a column as the statistics take it."""
    values = dataset.numpy(name)
    if name == "timestamp" and "frame_index" in dataset.features:
        exact = dataset.numpy("frame_index") / dataset.fps
        values = exact if np.array_equal(exact.astype(values.dtype), values) else values
    width = int(np.prod(dataset.version.statistics_shape(dataset.features[name])))
    return values.reshape(-1, width)


@pytest.mark.parametrize("root", all_sets())
def test_columns_of_every_known_set_are_numpys(root: Path) -> None:
    dataset = Dataset.open(root)
    with measured(dataset, COLUMNS_ONLY) as measurement:
        names = [name for name, feature in dataset.features.items() if feature.kind is Kind.NUMERIC]
        assert list(measurement.features) == names
        for name in names:
            found = measurement.features[name]
            assert found.stats.count == dataset.num_frames
            assert found.stats.mean.shape == dataset.version.statistics_shape(dataset.features[name])
            assert_stats(found.stats, values_of(dataset, name))
            assert found.bars is not None
            assert found.bars.sum() == values_of(dataset, name).size


def test_a_merged_set_has_the_statistics_of_its_sources_together() -> None:
    sources = [Dataset.open(GOLDEN / f"v30_lerobot061_{name}") for name in ("two_cams", "other")]
    with measured(Dataset.open(GOLDEN / "v30_lerobot061_merged"), COLUMNS_ONLY) as measurement:
        for name in ("action", "observation.state", "timestamp"):
            together = np.concatenate([values_of(source, name) for source in sources])
            assert_stats(measurement.features[name].stats, together)


@pytest.mark.parametrize(
    "root", [path for path in golden_sets() if "lerobot061" in path.name], ids=lambda path: path.name
)
def test_episodes_are_within_the_bound_that_lerobots_histogram_implies(root: Path) -> None:
    dataset = Dataset.open(root)
    with measured(dataset, COLUMNS_ONLY) as measurement:
        for name in ("action", "observation.state"):
            if name not in measurement.features:
                continue
            segments = measurement.episodes.segments(name, 0, dataset.num_episodes)
            for episode in dataset.episodes:
                stored = episode.stats[name]
                rows = np.sort(values_of(dataset, name)[episode.dataset_from : episode.dataset_to], axis=0)
                width = (rows[-1] - rows[0] + 2e-10) / 5000 + 1e-6 * np.abs(rows).max(axis=0)
                for key, fraction in QUANTILES.items():
                    below = int(fraction * (len(rows) - 1))
                    low, high = rows[below], rows[min(below + 1, len(rows) - 1)]
                    ours = segments.statistic(key)[episode.index]
                    assert ((ours >= low) & (ours <= high)).all()
                    assert ((stored.quantiles[key] >= low - width) & (stored.quantiles[key] <= high + width)).all()
                np.testing.assert_allclose(segments.statistic("mean")[episode.index], stored.mean, rtol=1e-4, atol=1e-4)
                np.testing.assert_allclose(segments.statistic("std")[episode.index], stored.std, rtol=1e-3, atol=1e-3)


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_split_into_episodes_pieces_and_jobs_gives_the_same(data: st.DataObject, tmp_path_factory) -> None:
    lengths = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=5))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    features = {
        "action": Feature("float64", (2,), ["a", "b"]),
        "observation.state": Feature("float32", (2, 3), None),
        "observation.flags": Feature("bool", (1,), None),
        "observation.count": Feature("int16", (1,), None),
    }
    episodes = [
        {
            "action": rng.normal(1e6, 1, (n, 2)),
            "observation.state": rng.normal(0, 1, (n, 2, 3)).astype(np.float32),
            "observation.flags": rng.random(n) < 0.5,
            "observation.count": rng.integers(-9, 9, n, dtype=np.int16),
        }
        for n in lengths
    ]
    dataset = make_set(tmp_path_factory.mktemp("split") / "set", episodes, features)
    patch = pytest.MonkeyPatch()
    patch.setattr(numeric, "_PIECE_VALUES", data.draw(st.sampled_from([1, 100, 10_000])))
    patch.setattr(numeric, "_JOB_VALUES", data.draw(st.sampled_from([1, 100, 10_000])))
    patch.setattr(numeric, "_KEPT_BYTES", data.draw(st.sampled_from([0, 10_000_000])))
    try:
        with measured(dataset, COLUMNS_ONLY) as measurement:
            for name in features:
                assert_stats(measurement.features[name].stats, values_of(dataset, name))
                segments = measurement.episodes.segments(name, 0, len(lengths))
                assert segments.counts.tolist() == lengths
                for number, columns in enumerate(episodes):
                    alone = numeric_stats(columns[name])
                    found = segments.stats(number, alone.mean.shape)
                    np.testing.assert_array_equal(found.max, alone.max)
                    np.testing.assert_allclose(found.mean, alone.mean, rtol=1e-12, atol=1e-12)
                    np.testing.assert_array_equal(found.quantiles["q50"], alone.quantiles["q50"])
    finally:
        patch.undo()


def test_processes_give_the_same_as_this_process(tmp_path: Path) -> None:
    dataset = arm_set(tmp_path / "set", [moving(seed) for seed in range(3)])
    with (
        open_executor(ThisMachine(2), tmp_path) as executor,
        measured(dataset, COLUMNS_ONLY, executor) as there,
        measured(dataset, COLUMNS_ONLY) as here,
    ):
        for name, found in here.features.items():
            assert there.features[name].stats.to_json() == found.stats.to_json()
            np.testing.assert_array_equal(
                there.episodes.segments(name, 0, 3).table, here.episodes.segments(name, 0, 3).table
            )


def test_nan_spoils_its_dimension_and_no_other(tmp_path: Path) -> None:
    arm_set(tmp_path / "set", [moving(0), moving(1)])

    def spoil(values: np.ndarray) -> None:
        values[3, 1] = np.nan

    edit_data(tmp_path / "set", "observation.state", spoil)
    with measured(Dataset.open(tmp_path / "set"), COLUMNS_ONLY) as measurement:
        stats = measurement.features["observation.state"].stats
        for values in (stats.min, stats.mean, stats.std, *stats.quantiles.values()):
            assert np.isnan(values).tolist() == [False, True, False]


def test_progress_ends_with_everything(tmp_path: Path) -> None:
    dataset = arm_set(tmp_path / "set", [moving(0), moving(1)])
    told: list[tuple[int, int]] = []
    with measured(dataset, COLUMNS_ONLY, None, lambda done, total: told.append((done, total))):
        assert told[-1] == (80, 80)


def test_a_file_without_a_column_is_an_error(tmp_path: Path) -> None:
    arm_set(tmp_path / "set", [moving(0)])
    path = tmp_path / "set" / DATA
    pq.write_table(pq.ParquetFile(path).read().drop_columns(["action"]), path)
    with pytest.raises(CorruptDatasetError, match="'action' is missing"), measured(Dataset.open(tmp_path / "set")):
        pass


def test_a_feature_that_is_not_there_or_is_text_is_refused(tmp_path: Path) -> None:
    dataset = arm_set(tmp_path / "set", [moving(0)])
    with pytest.raises(UsageError, match="no feature 'acton'"), measured(dataset, Selection(("acton",))):
        pass


def test_small_sets_are_measured_here_and_a_place_that_is_named_is_taken(tmp_path: Path) -> None:
    dataset = arm_set(tmp_path / "set", [moving(0)])
    with workers(dataset, COLUMNS_ONLY) as executor:
        assert executor is None
    with workers(dataset, COLUMNS_ONLY, ThisMachine(1)) as executor:
        assert executor is not None


@pytest.mark.parametrize("name", ["v30_lerobot061_images", "v21_lerobot033_images", "v30_lerobot061_depth_images"])
def test_lossless_pictures_have_the_statistics_that_lerobot_wrote(name: str) -> None:
    dataset = Dataset.open(GOLDEN / name)
    with measured(dataset, Selection(dataset.cameras)) as measurement:
        for camera in dataset.cameras:
            for episode in dataset.episodes:
                found = measurement.episodes.segments(camera, episode.index, episode.index + 1)
                stored = episode.stats[camera]
                assert found.counts[0] == stored.count
                np.testing.assert_allclose(found.statistic("min").ravel(), stored.min.ravel(), rtol=1e-6)
                np.testing.assert_allclose(found.statistic("max").ravel(), stored.max.ravel(), rtol=1e-6)
                np.testing.assert_allclose(found.statistic("mean").ravel(), stored.mean.ravel(), rtol=1e-4, atol=1e-5)
                np.testing.assert_allclose(found.statistic("std").ravel(), stored.std.ravel(), rtol=2e-3, atol=1e-3)


def test_all_frames_of_a_video_are_numpys_on_the_decoded_pictures() -> None:
    dataset = Dataset.open(GOLDEN / "v30_lerobot061_h264")
    camera = dataset.cameras[0]
    with measured(dataset, Selection((camera,), Sampling(Frames.ALL))) as measurement:
        pictures = [p for episode in range(dataset.num_episodes) for p in dataset.frames(episode, camera)]
        pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures]) / 255
        stats = measurement.features[camera].stats
        assert stats.count == len(pictures)
        np.testing.assert_allclose(stats.mean.ravel(), pixels.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(stats.std.ravel(), pixels.std(axis=0), rtol=1e-10)
        np.testing.assert_allclose(stats.quantiles["q10"].ravel(), np.quantile(pixels, 0.1, axis=0), rtol=1e-12)


def test_of_a_video_only_the_chosen_frames_count() -> None:
    dataset = Dataset.open(GOLDEN / "v30_lerobot061_h264")
    camera, sampling = dataset.cameras[0], Sampling(Frames.COUNT, 3)
    with measured(dataset, Selection((camera,), sampling)) as measurement:
        for episode in dataset.episodes:
            pictures = list(dataset.frames(episode.index, camera))
            pixels = np.concatenate([pictures[n].reshape(-1, 3) for n in sampling.of_episode(episode.length)]) / 255
            found = measurement.episodes.segments(camera, episode.index, episode.index + 1)
            assert found.counts.tolist() == [3]
            np.testing.assert_allclose(found.statistic("mean")[0], pixels.mean(axis=0), rtol=1e-12)
            np.testing.assert_array_equal(found.statistic("max")[0], pixels.max(axis=0))


def test_depth_is_measured_in_the_unit_it_was_recorded_in() -> None:
    dataset = Dataset.open(GOLDEN / "v30_lerobot061_depth")
    camera = next(name for name in dataset.cameras if dataset.features[name].is_depth)
    with measured(dataset, Selection((camera,))) as measurement:
        stored = dataset.stats[camera]
        np.testing.assert_allclose(measurement.features[camera].stats.mean, stored.mean, rtol=1e-3)
        np.testing.assert_allclose(measurement.features[camera].stats.max, stored.max, rtol=1e-3)


def test_a_missing_video_is_told_and_the_rest_is_measured(tmp_path: Path) -> None:
    root = copy_set("v21_lerobot033_two_cams", tmp_path)
    camera = "observation.images.front"
    (root / f"videos/chunk-000/{camera}/episode_000001.mp4").unlink()
    dataset = Dataset.open(root)
    assert dataset.version is FormatVersion.V21
    with measured(dataset, Selection((camera,))) as measurement:
        assert len(measurement.problems[camera]) == 1
        assert "episode_000001.mp4: the video is missing" in measurement.problems[camera][0]
        assert measurement.episodes.segments(camera, 0, 4).counts.tolist() == [7, 0, 12, 18]


@pytest.mark.parametrize(
    ("text", "length", "frames"), [("all", 3, 3), ("5", 3, 3), ("2", 9, 2), ("lerobot", 1000, 177), ("1", 4, 1)]
)
def test_sampling_takes_the_frames_that_are_asked_for(text: str, length: int, frames: int) -> None:
    chosen = Sampling.parse(text).of_episode(length)
    assert len(chosen) == len(set(chosen.tolist())) == frames
    assert 0 <= chosen.min() <= chosen.max() < length


@pytest.mark.parametrize("text", ["", "0", "-3", "some", "1.5"])
def test_what_is_no_sampling_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="does not say which frames"):
        Sampling.parse(text)
