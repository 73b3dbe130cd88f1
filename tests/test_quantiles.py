"""Quantiles are numpy's on all values together, however the values are cut into blocks and however many there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool import quantiles
from lerotool.moments import QUANTILES
from lerotool.quantiles import Answer, QuantileSearch, answer, key_lines
from tests.test_moments import columns


def search(values: np.ndarray, blocks: list[np.ndarray]) -> tuple[dict[str, np.ndarray], int]:
    """Return the quantiles and how many passes over the blocks it took."""
    found = QuantileSearch(values.shape[1], values.dtype)
    passes = 0
    while found.question is not None:
        total = Answer()
        for block in blocks:
            total.add(answer(found.question, np.ascontiguousarray(block.T)))
        found.take(total, len(values))
        passes += 1
    return found.quantiles(), passes


def assert_quantiles(values: np.ndarray, blocks: list[np.ndarray]) -> int:
    quantiles, passes = search(values, blocks)
    for name, fraction in QUANTILES.items():
        np.testing.assert_array_equal(quantiles[name], np.quantile(values.astype(np.float64), fraction, axis=0))
    return passes


@given(columns(), st.lists(st.integers(0, 12), max_size=4))
def test_quantiles_are_numpys_for_every_dtype_and_split(values, cuts):
    assert_quantiles(values, np.split(values, sorted(min(cut, len(values)) for cut in cuts)))


@given(st.data())
def test_large_bins_are_divided_until_the_value_is_found(data):
    patch = pytest.MonkeyPatch()
    patch.setattr(quantiles, "_MANY_DIMENSIONS", 0)  # 4096 bins, so that bins of 5000 values are too large to fetch
    try:
        dtype = np.dtype(data.draw(st.sampled_from(["float32", "float64", "int64"])))
        rng = np.random.default_rng(data.draw(st.integers(0, 99)))
        kinds = [rng.normal(0, 1e-3, 6000) + 7, rng.integers(0, 2, 6000) * 3.0, np.full(6000, -5.0)]
        values = np.stack(kinds, axis=1).astype(dtype)
        assert_quantiles(values, np.array_split(values, 3))
    finally:
        patch.undo()


def test_float32_takes_two_passes_at_the_most_and_keeps_no_values():
    values = np.repeat(np.random.default_rng(0).normal(0, 1, 500), 400).astype(np.float32)[:, None]
    assert assert_quantiles(values, np.array_split(values, 5)) == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinities_and_signed_zeros_have_their_place(dtype):
    values = np.array([[-np.inf], [-1.0], [-0.0], [0.0], [1e-40], [3.0], [np.inf]], dtype)
    with np.errstate(invalid="ignore"):
        assert_quantiles(values, [values[:3], values[3:]])


def test_keys_have_the_order_of_the_values():
    line = np.array([[-np.inf, -3.5, -1e-30, 0.0, 1e-30, 2.0, np.inf]])
    for dtype in ("float32", "float64"):
        assert (np.diff(key_lines(line.astype(dtype)).astype(object)) > 0).all()


def test_skipped_dimensions_have_no_quantiles():
    values = np.array([[1.0, np.nan], [2.0, 1.0]])
    found = QuantileSearch(2, values.dtype)
    while found.question is not None:
        found.take(answer(found.question, values.T), 2, skip=[1])
    assert found.quantiles()["q50"].tolist()[0] == 1.5
    assert np.isnan(found.quantiles()["q50"][1])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_bars_count_every_value_once_and_nearly_where_it_is(dtype):
    values = np.random.default_rng(3).normal(50, 20, (20_000, 1)).astype(dtype)
    found = QuantileSearch(1, values.dtype)
    assert found.question is not None
    found.take(answer(found.question, np.ascontiguousarray(values.T)), len(values))
    low, high = values.min(axis=0).astype(float), values.max(axis=0).astype(float)
    (bars,) = found.histogram(low, high, 10)
    expected, _ = np.histogram(values, 10)
    assert bars.sum() == len(values)
    assert np.abs(bars - expected).max() < 0.02 * len(values)


def test_small_whole_numbers_stand_in_bars_of_their_own():
    values = np.array([[0], [1], [1], [3]])
    found = QuantileSearch(1, values.dtype)
    assert found.question is not None
    found.take(answer(found.question, values.T), len(values))
    assert found.histogram(np.array([0.0]), np.array([3.0]), 4).tolist() == [[1, 2, 0, 1]]
    assert found.histogram(np.array([np.nan]), np.array([3.0]), 2).tolist() == [[0, 0]]
