"""Counts and sizes in the words of people."""

from __future__ import annotations

import pytest

from lerotool.wording import counted, sized


@pytest.mark.parametrize(("number", "text"), [(0, "0 episodes"), (1, "1 episode"), (2, "2 episodes")])
def test_one_is_singular(number: int, text: str) -> None:
    assert counted(number, "episode") == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_951, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (2.5e9, "2.5 GB"),
        (3e15, "3000 TB"),
    ],
)
def test_sizes_are_decimal_and_short(size: float, text: str) -> None:
    assert sized(size) == text
