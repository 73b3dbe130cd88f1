"""Limits of batches so small that every test crosses their borders; jobs in other processes keep the real ones."""

from __future__ import annotations

import importlib

import pytest

_SMALL = {
    "lerotool.rewriting.data_job": {"MOST_ROWS": 5, "_MOST_EPISODES": 2},
    "lerotool.rewriting.data_jobs": {"_EPISODES_PER_JOB": 2},
    "lerotool.rewriting.dataset_statistics": {"_VALUES_AT_A_TIME": 3},
    "lerotool.rewriting.metadata": {"_ROWS_AT_A_TIME": 2},
    "lerotool.rewriting.preparing": {"MOST_EPISODES": 3},
    "lerotool.rewriting.row_stream": {"MOST_ROWS": 2},
    "lerotool.dataset.reading.statistics": {"_BATCH": 2},
    "lerotool.dataset.writing.packing_tables": {"_AT_ONCE": 2},
    "lerotool.rewriting.verification": {"_BATCH": 2},
    "lerotool.execution.running": {"_AHEAD": 1},
    "lerotool.statistics.segments": {"_IN_MEMORY": 64, "_BLOCK": 4},
    "lerotool.checking.stored": {"_LINES": 2, "_ROWS": 3},
}


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every batch a few rows or episodes long."""
    for module, limits in _SMALL.items():
        for name, value in limits.items():
            monkeypatch.setattr(importlib.import_module(module), name, value)
