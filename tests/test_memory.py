"""Freed memory goes back to the system."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lerotool.execution.places import give_back, giving_back


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def test_items_pass_through_as_they_are() -> None:
    assert list(giving_back(iter(range(200)))) == list(range(200))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much a process holds in this way")
def test_what_was_freed_among_what_is_kept_goes_back() -> None:
    # Too small for mappings of their own; the last one keeps the heap from shrinking at its end.
    blocks = [bytes(60_000) for _ in range(2000)]
    last = bytes(60_000)
    del blocks
    give_back()
    before = resident_mb()
    blocks = [bytearray(b"x" * 60_000) for _ in range(2000)]
    held = resident_mb()
    del blocks
    give_back()

    assert held - before > 80
    assert resident_mb() - before < 40
    assert len(last) == 60_000
