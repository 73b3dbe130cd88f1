"""Statistics are what numpy gives on all the data together, however the data were split."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lerotool.errors import MetadataError
from lerotool.moments import (
    QUANTILES,
    DepthHistogram,
    FeatureStats,
    Moments,
    PictureHistogram,
    merge_stats,
    numeric_stats,
    sampled_frames,
    shrink_step,
)
from tests.shared import GOLDEN

DTYPES = ["bool", "int8", "uint8", "int32", "uint64", "int64", "float16", "float32", "float64"]


@st.composite
def columns(draw: st.DrawFn, dims: int = 2) -> np.ndarray:
    """Columns of every dtype, with an offset that hurts one-pass variance."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(hnp.array_shapes(min_dims=dims, max_dims=dims, max_side=12))
    if dtype.kind == "f":
        elements = st.floats(-100, 100, width=16)
        offset = draw(st.sampled_from([0, 1000])) if dtype.itemsize == 2 else draw(st.sampled_from([0, 1e6, -1e9]))
        return (draw(hnp.arrays(dtype, shape, elements=elements)) + dtype.type(offset)).astype(dtype)
    return draw(hnp.arrays(dtype, shape))


def assert_moments(moments: Moments, values: np.ndarray) -> None:
    wide = values.astype(np.float64)
    scale = np.abs(wide).max(axis=0, initial=1.0)
    assert moments.count == len(values)
    np.testing.assert_array_equal(moments.min, wide.min(axis=0))
    np.testing.assert_array_equal(moments.max, wide.max(axis=0))
    np.testing.assert_array_less(np.abs(moments.mean - wide.mean(axis=0)), scale * 1e-14)
    np.testing.assert_array_less(np.abs(moments.std - wide.std(axis=0)), scale * 1e-13 + wide.std(axis=0) * 1e-10)


@given(columns(), st.lists(st.integers(0, 12), max_size=6))
def test_merged_moments_are_the_moments_of_the_concatenation(values, cuts):
    parts = np.split(values, sorted(min(cut, len(values)) for cut in cuts))
    total = Moments.of(parts[0])
    for part in parts[1:]:
        total = total.merge(Moments.of(part))
    assert_moments(total, values)


def test_moments_stay_exact_over_thousands_of_merges_far_from_zero():
    values = np.random.default_rng(1).normal(1e9, 1.0, (20_000, 3))
    total = Moments.of(values[:0])
    for part in np.split(values, 4000):
        total = total.merge(Moments.of(part))
    np.testing.assert_allclose(total.std, (values - 1e9).std(axis=0), rtol=1e-7)
    np.testing.assert_allclose(total.mean - 1e9, (values - 1e9).mean(axis=0), atol=1e-5)


def test_moments_of_nothing_change_nothing():
    some = Moments.of(np.array([[1.0, 2.0]]))
    empty = Moments.of(np.empty((0, 2)))
    assert empty.merge(some) is some
    assert some.merge(empty) is some
    assert np.isnan(empty.std).all()


def test_moments_of_different_dimensions_do_not_merge():
    with pytest.raises(ValueError, match="do not merge"):
        Moments.of(np.zeros((1, 2))).merge(Moments.of(np.zeros((1, 3))))
    with pytest.raises(ValueError, match=r"\(n, d\)"):
        Moments.of(np.zeros(3))


@given(columns())
def test_numeric_statistics_are_numpys(values):
    stats = numeric_stats(values)
    wide = values.astype(np.float64)
    assert_moments(Moments.of(values), values)
    np.testing.assert_array_equal(stats.min, wide.min(axis=0))
    np.testing.assert_array_equal(stats.max, wide.max(axis=0))
    assert stats.count == len(values)
    for name, fraction in QUANTILES.items():
        np.testing.assert_allclose(stats.quantiles[name], np.quantile(wide, fraction, axis=0), rtol=1e-15, atol=1e-300)


@pytest.mark.parametrize(
    ("shape", "expected"), [((5,), (1,)), ((1,), (1,)), ((5, 3), (3,)), ((4, 2, 3), (3,)), ((1, 2, 3), (3,))]
)
def test_only_the_last_axis_is_kept(shape, expected):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    stats = numeric_stats(values)
    assert stats.mean.shape == stats.std.shape == stats.quantiles["q50"].shape == expected
    assert stats.count == shape[0]
    np.testing.assert_allclose(stats.mean, values.reshape(-1, expected[0]).mean(axis=0))


def test_one_frame_is_its_own_statistics():
    stats = numeric_stats(np.array([[3, -4]], dtype=np.int64))
    for value in (stats.min, stats.max, stats.mean, *stats.quantiles.values()):
        np.testing.assert_array_equal(value, [3.0, -4.0])
    np.testing.assert_array_equal(stats.std, [0.0, 0.0])


def test_a_nan_makes_its_own_dimension_nan_without_a_warning():
    values = np.array([[1.0, np.nan, 3.0], [2.0, 5.0, np.inf], [3.0, 6.0, -np.inf]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stats = numeric_stats(values)
        merged = merge_stats([stats, stats])
    for each in (stats, merged):
        for value in (each.min, each.max, each.mean, each.std, *each.quantiles.values()):
            assert not np.isnan(value[0])
            assert np.isnan(value[1])
    assert stats.min[2] == -np.inf
    assert stats.max[2] == np.inf


def test_the_extremes_of_int64_neither_overflow_nor_warn():
    stats = numeric_stats(np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max]))
    assert stats.min[0] == -(2.0**63)
    assert stats.max[0] == 2.0**63
    assert stats.std[0] == 2.0**63


@pytest.mark.parametrize("values", [np.empty((0, 3)), np.array(["a"]), np.array([object()])])
def test_what_is_no_numbers_is_refused(values):
    with pytest.raises(ValueError, match="expected numbers"):
        numeric_stats(values)


@given(columns())
def test_statistics_survive_json(values):
    stats = numeric_stats(values)
    entry = json.loads(json.dumps(stats.to_json()))
    assert list(entry) == ["min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"]
    assert entry["count"] == [len(values)]
    again = FeatureStats.from_json(entry)
    assert again.to_json() == stats.to_json()


def test_old_statistics_have_no_quantiles_and_whole_numbers():
    entry = {"min": [0], "max": [9], "mean": [4.5], "std": [2], "count": [10], "surprise": 1}
    stats = FeatureStats.from_json(entry)
    assert stats.quantiles == {}
    assert stats.min.dtype == np.float64
    assert "q50" not in stats.to_json()
    del entry["count"]
    assert FeatureStats.from_json(entry, count=3).count == 3
    nested = np.array([np.array([np.array([0.5])], dtype=object)], dtype=object)
    assert FeatureStats.from_json(dict.fromkeys(("min", "max", "mean", "std"), nested), count=1).mean.shape == (1, 1, 1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mean": None}, "'mean' is missing"),
        ({"std": [[1], [2, 3]]}, "not a rectangle"),
        ({"max": ["x"]}, "not a rectangle"),
        ({"q50": [1.0, 2.0]}, "different shapes"),
        ({"count": None}, "'count'"),
        ({"count": [0]}, "'count'"),
        ({"count": ["x"]}, "'count'"),
        ({"count": [float("nan")]}, "'count'"),
    ],
)
def test_statistics_that_are_wrong_are_named(change, problem):
    entry = {"min": [0], "max": [9], "mean": [4.5], "std": [2], "count": [10], **change}
    with pytest.raises(MetadataError, match=problem):
        FeatureStats.from_json(entry)


@given(columns(), st.lists(st.integers(1, 11), max_size=5))
def test_merged_statistics_have_the_mean_and_spread_of_all_data(values, cuts):
    parts = [p for p in np.split(values, sorted(min(cut, len(values)) for cut in cuts)) if len(p)]
    merged = merge_stats([numeric_stats(part) for part in parts])
    assert merged.count == len(values)
    wide = values.astype(np.float64)
    scale = np.abs(wide).max(axis=0, initial=1.0)
    np.testing.assert_array_equal(merged.min, wide.min(axis=0))
    np.testing.assert_array_less(np.abs(merged.mean - wide.mean(axis=0)), scale * 1e-14)
    np.testing.assert_array_less(np.abs(merged.std - wide.std(axis=0)), scale * 1e-13 + wide.std(axis=0) * 1e-10)


def test_merged_quantiles_are_weighted_and_need_all_parts():
    one, three = numeric_stats(np.zeros(1)), numeric_stats(np.full(3, 8.0))
    assert merge_stats([one, three]).quantiles["q50"] == 6.0
    without = FeatureStats(one.min, one.max, one.mean, one.std, 1)
    assert merge_stats([one, without]).quantiles == {}


def test_statistics_that_do_not_fit_are_not_merged():
    with pytest.raises(ValueError, match="no statistics"):
        merge_stats([])
    with pytest.raises(MetadataError, match="different shapes"):
        merge_stats([numeric_stats(np.zeros((2, 2))), numeric_stats(np.zeros((2, 3)))])


@pytest.mark.parametrize(("n", "count"), [(1, 1), (99, 99), (100, 100), (450, 100), (1000, 177), (1_000_000, 10_000)])
def test_frames_are_sampled_as_lerobot_does(n, count):
    frames = sampled_frames(n)
    assert len(frames) == count
    assert frames[0] == 0
    assert frames[-1] == n - 1
    assert (np.diff(frames) > 0).all()


@pytest.mark.parametrize(
    ("height", "width", "step"),
    [(48, 64, 1), (299, 299, 1), (300, 300, 2), (480, 640, 4), (640, 480, 4), (1080, 1920, 12)],
)
def test_pictures_shrink_as_lerobot_does(height, width, step):
    assert shrink_step(height, width) == step


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=4, max_dims=4, max_side=6)))
def test_picture_statistics_are_numpys_on_the_pooled_pixels(pictures):
    channels = pictures.shape[3]
    halves = PictureHistogram(channels), PictureHistogram(channels)
    for number, picture in enumerate(pictures):
        halves[number % 2].add(picture)
    halves[0].merge(PictureHistogram.from_json(json.loads(json.dumps(halves[1].to_json()))))
    stats = halves[0].stats()
    pixels = pictures.reshape(-1, channels).astype(np.float64)
    assert stats.count == len(pictures)
    assert stats.mean.shape == (channels, 1, 1)
    np.testing.assert_array_equal(stats.min.ravel(), pixels.min(axis=0) / 255)
    np.testing.assert_array_equal(stats.max.ravel(), pixels.max(axis=0) / 255)
    np.testing.assert_allclose(stats.mean.ravel(), pixels.mean(axis=0) / 255, rtol=1e-13)
    np.testing.assert_allclose(stats.std.ravel(), pixels.std(axis=0) / 255, rtol=1e-12, atol=1e-14)
    for name, fraction in QUANTILES.items():
        np.testing.assert_array_equal(stats.quantiles[name].ravel(), np.quantile(pixels, fraction, axis=0) / 255)


def test_a_histogram_takes_pictures_of_its_kind_only():
    histogram = PictureHistogram()
    for wrong in (np.zeros((2, 2, 3)), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 1), np.uint8)):
        with pytest.raises(ValueError, match="expected"):
            histogram.add(wrong)
    with pytest.raises(ValueError, match="no pictures"):
        histogram.stats()
    with pytest.raises(ValueError, match="do not merge"):
        histogram.merge(PictureHistogram(1))


@pytest.mark.parametrize("entry", [{}, {"frames": 1, "counts": [[1]]}, {"frames": -1, "counts": []}, {"frames": "x"}])
def test_a_damaged_histogram_file_is_refused(entry):
    with pytest.raises(MetadataError, match="histogram"):
        PictureHistogram.from_json(entry)


def test_lerobots_own_statistics_are_met():
    """The mean, min and max of a golden set's columns, as LeRobot wrote them per episode."""
    import pyarrow.parquet as pq

    root = GOLDEN / "v30_lerobot061_two_cams"
    data = pq.read_table(root / "data/chunk-000/file-000.parquet")
    for episode in pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist():
        rows = data.slice(episode["dataset_from_index"], episode["length"])
        for name in ("action", "observation.state"):
            stats = numeric_stats(np.array(rows[name].to_pylist(), dtype=np.float32))
            written = FeatureStats.from_json({n: episode[f"stats/{name}/{n}"] for n in stats.to_json()})
            assert stats.count == written.count
            for field in ("min", "max", "mean", "std"):
                np.testing.assert_allclose(getattr(stats, field), getattr(written, field), rtol=1e-3, atol=1e-5)


@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)))
def test_depth_statistics_are_numpys_on_all_depths(pictures):
    histogram = DepthHistogram()
    for picture in pictures:
        histogram.add(picture)
    stats, depths = histogram.stats(), pictures.ravel().astype(np.float64)
    assert (stats.count, stats.mean.shape) == (len(pictures), (1, 1, 1))
    np.testing.assert_allclose(stats.mean.item(), depths.mean())
    np.testing.assert_allclose(stats.std.item(), depths.std(), atol=1e-9)
    assert (stats.min.item(), stats.max.item()) == (depths.min(), depths.max())
    for name, fraction in QUANTILES.items():
        np.testing.assert_allclose(stats.quantiles[name].item(), np.quantile(depths, fraction))


@given(hnp.arrays(np.float32, (2, 5), elements=st.floats(0, 60, width=32)))
def test_depths_in_metres_have_exact_moments_and_quantiles_to_the_millimetre(pictures):
    histogram = DepthHistogram()
    for picture in pictures:
        histogram.add(picture)
    stats, depths = histogram.stats(), pictures.ravel().astype(np.float64)
    np.testing.assert_allclose(stats.mean.item(), depths.mean())
    np.testing.assert_allclose(stats.std.item(), depths.std(), atol=1e-9)
    assert (stats.min.item(), stats.max.item()) == (depths.min(), depths.max())
    for name, fraction in QUANTILES.items():
        assert abs(stats.quantiles[name].item() - np.quantile(depths, fraction)) <= 0.00051


def test_depth_statistics_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no pictures"):
        DepthHistogram().stats()
