"""What is kept of episodes comes back as it was, in memory or in a file."""

from __future__ import annotations

import numpy as np
import pytest

from lerotool.statistics import segments as module
from lerotool.statistics.segments import COLUMNS, EpisodeStore


@pytest.mark.parametrize("in_memory", [0, 10**9])
def test_episodes_come_back_in_any_order_and_those_that_were_left_out_are_empty(
    in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_IN_MEMORY", in_memory or 1)
    monkeypatch.setattr(module, "_BLOCK", 3)
    rng = np.random.default_rng(0)
    tables = rng.normal(0, 1, (8, len(COLUMNS), 2))
    with EpisodeStore({"a": 2, "b": 1}, 10) as store:
        store.put("a", 5, tables[5:], np.array([1, 2, 3]))
        store.put("a", 0, tables[:4], np.array([4, 5, 6, 7]))
        segments = store.segments("a", 0, 10)
        assert segments.counts.tolist() == [4, 5, 6, 7, 0, 1, 2, 3, 0, 0]
        np.testing.assert_array_equal(segments.table[:4], tables[:4])
        np.testing.assert_array_equal(segments.table[5:8], tables[5:])
        assert np.isnan(segments.table[[4, 8, 9]]).all()
        np.testing.assert_array_equal(store.statistic("a", "mean"), segments.statistic("mean"))
        assert np.isnan(store.segments("b", 2, 4).table).all()
        assert store.names == ("a", "b")
