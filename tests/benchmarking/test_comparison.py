"""Two runs side by side: what is slower is called slower, and noise is called nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.benchmarking.figures import Better, Figure, Verdict, compare, differences
from tests.benchmarking.parts import figure, report


def verdict(before: Figure, after: Figure) -> Verdict:
    (change,) = compare(report(before), report(after))
    return change.verdict


@pytest.mark.parametrize(
    ("before", "after", "better", "expected"),
    [
        (10.0, 12.0, Better.LESS, Verdict.WORSE),
        (10.0, 8.0, Better.LESS, Verdict.BETTER),
        (10.0, 12.0, Better.MORE, Verdict.BETTER),
        (10.0, 8.0, Better.MORE, Verdict.WORSE),
        (10.0, 10.9, Better.LESS, Verdict.SAME),
        (10.0, 20.0, Better.NEITHER, Verdict.OTHER),
        (0.0, 1.0, Better.ZERO, Verdict.WORSE),
        (0.0, 0.0, Better.ZERO, Verdict.SAME),
        (2.0, 0.0, Better.ZERO, Verdict.BETTER),
    ],
)
def test_single_values_differ_by_more_than_noise(
    before: float, after: float, better: Better, expected: Verdict
) -> None:
    assert verdict(figure("x", before, better=better), figure("x", after, better=better)) is expected


def test_repeats_that_overlap_are_the_same_however_far_apart_their_medians_are() -> None:
    assert verdict(figure("x", 1.0, 1.1, 5.0), figure("x", 3.0, 4.0, 4.5)) is Verdict.SAME
    assert verdict(figure("x", 1.0, 1.1, 1.2), figure("x", 3.0, 4.0, 4.5)) is Verdict.WORSE


def test_differences_too_small_to_matter_are_none() -> None:
    assert verdict(figure("x", 0.01), figure("x", 0.03)) is Verdict.SAME
    assert verdict(figure("x", 0.01, unit="x"), figure("x", 0.03, unit="x")) is Verdict.WORSE


def test_figures_of_one_run_only_are_shown_and_not_judged() -> None:
    changes = compare(report(figure("a"), figure("b")), report(figure("b"), figure("c")))
    assert [change.figure.name for change in changes] == ["a", "b", "c"]
    assert [change.ratio for change in changes] == [None, 1.0, None]
    assert changes[0].verdict is changes[2].verdict is Verdict.OTHER


def test_what_makes_runs_hard_to_compare_is_told() -> None:
    told = list(differences(report(machine="a laptop"), report(machine="a Raspberry Pi")))
    assert told == ["machine, processor: a laptop and a Raspberry Pi"]
    assert not list(differences(report(), report()))


@given(
    st.lists(st.floats(0.1, 1e3), min_size=1, max_size=5),
    st.lists(st.floats(0.1, 1e3), min_size=1, max_size=5),
    st.sampled_from([Better.LESS, Better.MORE]),
)
def test_the_verdict_turns_round_with_the_runs(first: list[float], second: list[float], better: Better) -> None:
    one, other = figure("x", *first, better=better), figure("x", *second, better=better)
    opposite = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER, Verdict.SAME: Verdict.SAME}
    assert verdict(other, one) is opposite[verdict(one, other)]
