"""A sampled matrix has every row and every column, each time the same cases; all of them where that is asked for."""

from __future__ import annotations

from collections import Counter

import pytest

MATRIX = """
import pytest

@pytest.mark.sampled
@pytest.mark.parametrize("row", range(9))
@pytest.mark.parametrize("column", "abcd")
def test_matrix(row, column): ...

@pytest.mark.parametrize("row", range(3))
def test_list(row): ...
"""
pytest_plugins = "pytester"


def collect(pytester: pytest.Pytester, *arguments: str, matrix: str = MATRIX) -> list[str]:
    pytester.makepyfile(matrix)
    pytester.makeini("[pytest]\nmarkers = sampled: x")
    found = pytester.runpytest("-p", "tests.conftest", "--collect-only", "-q", *arguments)
    return [line.rpartition("::")[2] for line in found.outlines if "::" in line]


def test_every_row_and_every_column_comes(pytester: pytest.Pytester) -> None:
    found = collect(pytester)
    cases = [name[len("test_matrix[") : -1].split("-") for name in found if name.startswith("test_matrix")]
    assert {column for column, _ in cases} == set("abcd")
    assert sorted(row for _, row in cases) == [str(row) for row in range(9)]
    assert sum(name.startswith("test_list") for name in found) == 3
    assert collect(pytester) == found


def test_every_value_comes_as_often_as_is_said(pytester: pytest.Pytester) -> None:
    found = collect(pytester, matrix=MATRIX.replace("mark.sampled", "mark.sampled(times=3)"))
    rows = Counter(name.rstrip("]").rpartition("-")[2] for name in found if name.startswith("test_matrix"))
    assert min(rows.values()) == 3
    assert rows.total() < 9 * 4


def test_all_cases_run_where_that_is_asked_for(pytester: pytest.Pytester) -> None:
    assert len(collect(pytester, "--exhaustive")) == 9 * 4 + 3


def test_a_third_of_all_examples_is_tried_where_not_all_are_asked_for(pytester: pytest.Pytester) -> None:
    module = """
import pytest
from tests.sampling import examples

@pytest.mark.parametrize("example", range(examples(10)))
def test_property(example): ...
"""
    assert [len(collect(pytester, *arguments, matrix=module)) for arguments in ((), ("--exhaustive",))] == [4, 10]
