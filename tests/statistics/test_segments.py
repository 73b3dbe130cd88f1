"""Many episodes are measured at once, and each as if it were measured alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.moments import VALUES, Moments, numeric_stats
from lerotool.statistics.segments import COLUMNS, Segments, measured_table
from tests.test_moments import assert_moments, columns


@given(columns(), st.lists(st.integers(0, 12), max_size=4))
def test_every_episode_has_the_statistics_it_has_alone(values, cuts):
    bounds = np.array([0, *sorted(min(cut, len(values)) for cut in cuts), len(values)])
    lines = np.ascontiguousarray(values.T.astype(np.uint8 if values.dtype == bool else values.dtype))
    table, whole = measured_table(lines, bounds)
    segments = Segments(table, np.diff(bounds))

    assert_moments(whole, values)
    for episode, (start, stop) in enumerate(itertools.pairwise(bounds)):
        if start == stop:
            assert np.isnan(table[episode]).all()
            continue
        part = values[start:stop]
        alone, found = numeric_stats(part), segments.stats(episode, (values.shape[1],))
        scale = np.abs(part.astype(np.float64)).max(axis=0, initial=1.0)
        assert found.count == alone.count
        for name in ("min", "max"):
            np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))
        for name in ("mean", "std"):
            assert (np.abs(getattr(found, name) - getattr(alone, name)) <= scale * 1e-13).all()
        for name, expected in alone.quantiles.items():
            np.testing.assert_array_equal(found.quantiles[name], expected)


def test_numbers_that_are_none_spoil_only_their_episode_and_dimension():
    values = np.array([[1.0, 2.0], [np.nan, 3.0], [4.0, 5.0], [6.0, np.inf]])
    table, whole = measured_table(np.ascontiguousarray(values.T), np.array([0, 2, 4]))
    table = table[:, : len(VALUES)]
    assert np.isnan(table[0, :, 0]).all()
    assert np.isfinite(table[0, :, 1]).all()
    assert np.isfinite(table[1, :, 0]).all()
    assert table[1, VALUES.index("max"), 1] == np.inf
    assert np.isnan(whole.mean[0])


def test_no_rows_have_no_moments():
    table, whole = measured_table(np.empty((2, 0)), np.array([0, 0]))
    assert table.shape == (1, len(COLUMNS), 2)
    assert whole.count == 0


def test_the_whole_is_exact_far_from_zero():
    values = np.random.default_rng(1).normal(1e9, 1.0, (20_000, 2))
    _, whole = measured_table(np.ascontiguousarray(values.T), np.arange(0, 20_001, 50))
    expected = Moments.of(values)
    np.testing.assert_allclose(whole.std, expected.std, rtol=1e-9)
    np.testing.assert_allclose(whole.mean - 1e9, expected.mean - 1e9, rtol=1e-6)


@pytest.mark.parametrize("name", ["mean", "q50"])
def test_one_statistic_of_all_episodes_can_be_taken(name):
    table, _ = measured_table(np.array([[1.0, 2.0, 3.0]]), np.array([0, 1, 3]))
    assert Segments(table, np.array([1, 2])).statistic(name).ravel().tolist() == [1.0, 2.5]
