"""The statistics of many episodes at once, and of any number of rows in little memory, are numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lerotool.moments import QUANTILES, VALUES, Pool, counting_stats, numeric_stats, segment_stats
from lerotool.rewriting.dataset_statistics import default_totals, exact_quantiles

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@given(LENGTHS, st.integers(1, 3), st.integers(0, 2**32 - 1), st.sampled_from(["float32", "int64", "bool"]))
def test_episodes_at_once_are_episodes_one_by_one(lengths: list[int], width: int, seed: int, dtype: str) -> None:
    values = (np.random.default_rng(seed).normal(0, 40, (sum(lengths), width))).astype(dtype)
    found = segment_stats(values, np.array(lengths))
    start = 0
    for number, length in enumerate(lengths):
        expected = numeric_stats(values[start : start + length])
        start += length
        for name in ("min", "max", "mean", "std"):
            np.testing.assert_allclose(found[name][number], getattr(expected, name), rtol=1e-12, atol=1e-12)
        for name in QUANTILES:
            assert np.array_equal(found[name][number], expected.quantiles[name])


@given(LENGTHS, st.integers(0, 1000))
def test_columns_that_count_need_not_be_looked_at(lengths: list[int], first: int) -> None:
    starts = first + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    found = counting_stats(starts, np.array(lengths), 30)
    for number, (start, length) in enumerate(zip(starts.tolist(), lengths, strict=True)):
        expected = numeric_stats(np.arange(start, start + length) / 30)
        for name in ("min", "max", "mean", "std"):
            np.testing.assert_allclose(found[name][number], getattr(expected, name), rtol=1e-9, atol=1e-12)
        for name in QUANTILES:
            np.testing.assert_allclose(found[name][number], expected.quantiles[name], rtol=1e-12)


@given(
    st.sampled_from(["float32", "float64", "float16", "int64", "int16", "uint8", "uint64", "bool"]).flatmap(
        lambda dtype: arrays.arrays(
            dtype,
            st.tuples(st.integers(1, 40), st.integers(1, 3)),
            elements=None if dtype[0] != "f" else st.floats(-1e4, 1e4, width=int(dtype[5:])),
        )
    ),
    st.integers(0, 40),
)
def test_quantiles_in_little_memory_are_numpys(values: np.ndarray, cut: int) -> None:
    width = values.shape[1]
    present = np.ones(width, np.bool_)
    parts = [part for part in (values[:cut], values[cut:]) if len(part)]
    found = exact_quantiles(lambda: [(part, present) for part in parts], values.dtype, width)
    for name, fraction in QUANTILES.items():
        expected = np.quantile(values.astype(np.float64), fraction, axis=0)
        np.testing.assert_allclose(found[name], expected, rtol=1e-15, atol=0)


def test_dimensions_count_only_where_they_exist() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(5, 3, (30, 3)).astype(np.float32)
    lengths = np.array([10, 12, 8])
    has = np.array([[True, True, False], [True, True, True], [True, False, True]])
    stats = segment_stats(values, lengths)
    stacked = np.stack([stats[name] for name in VALUES])
    pool = Pool(3)
    pool.add(stacked[:, :2], lengths[:2], has[:2])
    pool.add(stacked[:, 2:], lengths[2:], has[2:])
    total = pool.stats(30, {})
    rows = np.repeat(has, lengths, axis=0)
    for dimension in range(3):
        own = values[rows[:, dimension], dimension].astype(np.float64)
        assert total.mean[dimension] == pytest.approx(own.mean(), rel=1e-12)
        assert total.std[dimension] == pytest.approx(own.std(), rel=1e-12)
        assert (total.min[dimension], total.max[dimension]) == (own.min(), own.max())


@given(LENGTHS, st.integers(0, 2**32 - 1))
def test_default_columns_follow_from_the_lengths(lengths: list[int], seed: int) -> None:
    tasks = np.random.default_rng(seed).integers(0, 3, sum(lengths))
    counts = {int(t): int(n) for t, n in zip(*np.unique(tasks, return_counts=True), strict=True)}
    found = default_totals(np.array(lengths), counts, 10)
    frames = np.concatenate([np.arange(n) for n in lengths])
    columns = {
        "timestamp": frames / 10,
        "frame_index": frames,
        "episode_index": np.repeat(np.arange(len(lengths)), lengths),
        "index": np.arange(sum(lengths)),
        "task_index": tasks,
    }
    for name, values in columns.items():
        expected = numeric_stats(values)
        assert found[name].count == expected.count
        for part in ("min", "max", "mean", "std"):
            np.testing.assert_allclose(getattr(found[name], part), getattr(expected, part), rtol=1e-9, atol=1e-9)
        for quantile in QUANTILES:
            np.testing.assert_allclose(found[name].quantiles[quantile], expected.quantiles[quantile], rtol=1e-12)
