"""The row-by-row reference is right: numpy and lerotool come to the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from lerotool.benchmarking import rowwise
from lerotool.moments import FeatureStats, merge_stats, numeric_stats

FLOATS = st.floats(-1e3, 1e3, allow_nan=False, width=32)
PLAIN = ("min", "max", "mean", "std")


@given(nps.arrays(np.float32, st.tuples(st.integers(1, 20), st.integers(1, 4)), elements=FLOATS))
def test_statistics_of_a_column_are_numpys(values: np.ndarray) -> None:
    found, expected = rowwise.column_stats(values.tolist()), values.astype(np.float64)
    assert found["count"] == [len(values)]
    for name in PLAIN:
        np.testing.assert_allclose(found[name], getattr(expected, name)(axis=0), atol=1e-9)


@given(st.lists(nps.arrays(np.float64, st.tuples(st.integers(1, 9), st.just(3)), elements=FLOATS), min_size=1))
def test_merged_statistics_are_those_of_all_rows(episodes: list[np.ndarray]) -> None:
    parts = [rowwise.column_stats(values.tolist()) for values in episodes]
    expected = rowwise.column_stats(np.concatenate(episodes).tolist())
    found = rowwise.merge_column_stats(parts)
    assert found["count"] == expected["count"]
    for name in PLAIN:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def test_merged_picture_statistics_are_lerotools() -> None:
    rng = np.random.default_rng(0)
    parts = []
    for count in (10, 30, 7):
        mean, std = rng.uniform(0.3, 0.6, (2, 3, 1, 1))
        parts.append(FeatureStats(mean - std, mean + std, mean, std, count))
    found, expected = rowwise.merge_picture_stats([part.to_json() for part in parts]), merge_stats(parts)
    assert found["count"] == [47]
    for name in PLAIN:
        np.testing.assert_allclose(found[name], getattr(expected, name))


def test_merged_column_statistics_are_lerotools() -> None:
    parts = [numeric_stats(np.random.default_rng(seed).normal(size=(seed + 2, 4))) for seed in range(3)]
    found, expected = rowwise.merge_column_stats([part.to_json() for part in parts]), merge_stats(parts)
    for name in PLAIN:
        np.testing.assert_allclose(found[name], getattr(expected, name))


def test_rows_are_padded_with_zeros() -> None:
    padded = rowwise.pad_column(pd.Series([[1.0, 2.0], [3.0, 4.0]]), 3)
    assert padded.tolist() == [[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]]


def test_a_file_is_found_wherever_it_is_or_missed(tmp_path: Path) -> None:
    root = tmp_path / "a/b"
    root.mkdir(parents=True)
    (root / "x.mp4").touch()
    assert rowwise.find_file(tmp_path, "x.mp4", "b") == root / "x.mp4"
    with pytest.raises(FileNotFoundError, match=r"y\.mp4 not found"):
        rowwise.find_file(tmp_path, "y.mp4")
