"""A run is planned from what a machine does: below three minutes, however slow it is, or it says so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.benchmarking import codecs
from lerotool.benchmarking.codecs import DEFAULT, Codec
from lerotool.benchmarking.effort import SCALES, Effort, Part, Rig, smaller
from lerotool.benchmarking.planning import LIMIT_S, PLANNED_S, SHARES, Plan, make_plan
from lerotool.benchmarking.steps import Pace, Request
from lerotool.media.format import EncoderSettings

ORDINARY = Pace(frames_per_s=180.0, start_s=1.2, slowness=1.0, disk_mb_s=300.0, cores=2)
TRIED = [DEFAULT, *(Codec(EncoderSettings(vcodec="h264", preset=n), "--vcodec h264") for n in ("a", "b", "c"))]
ALL = frozenset(Part) - {Part.LEROBOT}
NORMAL = SCALES[Effort.NORMAL]


def times_slower(times: float) -> Pace:
    pace = ORDINARY
    return Pace(pace.frames_per_s / times, pace.start_s * times, times, pace.disk_mb_s / times, pace.cores)


def plan(
    pace: Pace, rig: Rig | None = None, effort: Effort = Effort.NORMAL, parts: frozenset[Part] = ALL, spent_s: float = 3
) -> Plan:
    return make_plan(Request(effort, rig or Rig(), parts), (), TRIED, pace, spent_s)


PACES = st.builds(
    Pace,
    frames_per_s=st.floats(0.1, 1e5),
    start_s=st.floats(0.1, 100),
    slowness=st.floats(0.05, 100),
    disk_mb_s=st.floats(0.1, 1e4),
    cores=st.integers(1, 256),
)
RIGS = st.builds(Rig, cameras=st.integers(1, 8), fps=st.integers(1, 240), take_s=st.floats(0.5, 600))
PARTS = st.sets(st.sampled_from(sorted(ALL)), min_size=1).map(frozenset)


@given(PACES, RIGS, PARTS, st.floats(0, 200))
def test_whatever_a_machine_does_it_stays_below_the_limit_or_does_the_least_and_says_so(
    pace: Pace, rig: Rig, parts: frozenset[Part], spent_s: float
) -> None:
    found = plan(pace, rig, parts=parts, spent_s=spent_s)
    scale = found.request.scale
    assert found.expected_s == pytest.approx(spent_s + sum(step.expected_s for step in found.steps))
    assert found.request.parts == parts - set(found.left_out)
    assert {step.part for step in found.steps} == found.request.parts
    if found.left_out:
        assert all(part in found.words for part in found.left_out)
    if found.left_out or found.expected_s > PLANNED_S:
        assert replace(scale, disk_mb=0) == replace(smaller(NORMAL, SHARES[-1]), disk_mb=0)
    if found.expected_s > PLANNED_S:
        assert len(found.request.parts) == 1
    assert ("too slow for less" in found.words) == (found.expected_s > LIMIT_S)


def test_a_fast_machine_measures_as_much_as_there_is() -> None:
    found = plan(times_slower(0.3))
    assert replace(found.request.scale, disk_mb=0) == replace(NORMAL, disk_mb=0)
    assert found.words.endswith("--full measures longer")


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_a_slow_machine_still_measures_every_part_but_reading_and_a_whole_take(times: float) -> None:
    found = plan(times_slower(times))
    assert found.expected_s <= PLANNED_S
    assert found.left_out == (() if times <= 3 else (Part.READING,))
    if times <= 2:
        assert found.request.longest_s == found.request.rig.take_s


def test_what_is_left_out_first_is_what_a_person_at_an_arm_needs_last() -> None:
    found = plan(times_slower(9))
    assert found.left_out[:2] == (Part.READING, Part.OPERATIONS)
    assert Part.RECORDING in found.request.parts
    assert f"left out to stay below 3:00: {', '.join(found.left_out)}" in found.words


def test_takes_of_ten_minutes_are_not_encoded_whole() -> None:
    found = plan(ORDINARY, Rig(take_s=600))
    assert found.expected_s <= PLANNED_S
    assert found.request.take_s < found.request.longest_s <= 60


@pytest.mark.parametrize("effort", [Effort.QUICK, Effort.FULL])
def test_a_size_that_a_person_has_chosen_is_kept(effort: Effort) -> None:
    found = plan(times_slower(9), effort=effort)
    assert found.request.scale == SCALES[effort]
    assert found.limit_s is None
    assert not any(found.has_no_time_for(step, 1e6) for step in found.steps)


def test_a_step_that_would_end_after_the_limit_at_the_pace_so_far_is_not_begun() -> None:
    found = plan(ORDINARY)
    last = found.steps[-1]
    before_s = found.expected_s - last.expected_s
    assert not found.has_no_time_for(last, before_s)
    assert found.has_no_time_for(last, LIMIT_S - last.expected_s + 1)
    # It would end just before the limit if it took what was expected, but everything before took longer.
    assert found.has_no_time_for(last, LIMIT_S - last.expected_s - 1)
    assert not found.has_no_time_for(found.steps[0], 3)


def test_what_was_announced_as_too_long_is_done() -> None:
    slowest = plan(times_slower(500))
    assert slowest.is_too_long
    assert not any(slowest.has_no_time_for(step, 1e6) for step in slowest.steps)


def test_the_lightest_codec_is_tried_however_little_is_done() -> None:
    assert all("--vcodec h264 --preset ultrafast" in {c.flags for c in codecs.codecs_to_try(e)} for e in Effort)
