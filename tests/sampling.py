"""Tests of a matrix: a few of its cases have every row and every column in them; ``--exhaustive`` runs all.

A test that is marked ``sampled(times=N)`` and has several parameters runs with so few cases that each value of each of
them still comes N times, once if nothing is said. Which cases is the same in every run.

A property that says ``max_examples=examples(N)`` is tried with N examples by ``--exhaustive``, otherwise with a third.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from random import Random

import pytest

USUALLY = 3
"""Of so many examples one is tried."""
_one_in = USUALLY


def try_one_in(number: int) -> None:
    """Let modules of tests that are imported from now on try one of so many examples."""
    global _one_in  # noqa: PLW0603 - decorators, which have no configuration of pytest, read it
    _one_in = number


def examples(number: int) -> int:
    """Return how many of so many examples this run tries."""
    return -(-number // _one_in)


def sampled(items: Sequence[pytest.Item], times: int = 1, seed: int = 1) -> list[pytest.Item]:
    """Return the items of one test that are enough for every value of every parameter to come so many times."""
    left, kept = list(items), set()
    Random(seed).shuffle(left)
    missing = Counter(value for item in items for value in _values(item))
    missing = Counter({value: min(count, times) for value, count in missing.items()})
    while missing.total():
        best = max(left, key=lambda item: sum(missing[value] > 0 for value in _values(item)))
        left.remove(best)
        kept.add(best)
        missing.subtract(value for value in _values(best) if missing[value])
    return [item for item in items if item in kept]


def _values(item: pytest.Item) -> list[tuple[str, int]]:
    """Name the values; they need not be comparable, and are the same objects in all cases."""
    params = item.callspec.params  # type: ignore[attr-defined]
    return [(name, id(value)) for name, value in params.items()]


def without_the_rest(items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield the items, of tests that are sampled only some."""
    for _, cases in groupby(items, key=lambda item: item.nodeid.partition("[")[0]):
        found = list(cases)
        mark = found[0].get_closest_marker("sampled")
        yield from sampled(found, **mark.kwargs) if mark is not None else found
