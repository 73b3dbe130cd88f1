"""A calibration made from a travel is one that LeRobot's formulas can use, wherever the encoder's seam lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.arms.calibration import MOST_OFFSET, JointCalibration
from lerotool.devices.servos.registers import RESOLUTION
from lerotool.errors import CalibrationError
from lerotool.setup.sweep import (
    CLEAR_STEP,
    MAX_TRAVEL,
    MIN_TRAVEL,
    Travel,
    begin_travel,
    centre,
    centre_full_turn,
    find_doubt,
    find_problem,
    find_roll_doubt,
    wrap_offset,
)

any_lowest = st.integers(0, RESOLUTION - 1)
any_travel = st.integers(MIN_TRAVEL, MAX_TRAVEL)
positions = st.lists(st.floats(0, 1), min_size=2, max_size=12)


def present(encoder: int, offset: int) -> int:
    """What a servo reports."""
    return (encoder - offset) % RESOLUTION


def degrees(reading: int, joint: JointCalibration) -> float:
    """LeRobot's normalisation to degrees."""
    return (reading - (joint.range_min + joint.range_max) / 2) * 360 / (RESOLUTION - 1)


def percent(reading: int, joint: JointCalibration) -> float:
    """LeRobot's normalisation to 0..100, without its clamping, so that what is outside shows."""
    return (reading - joint.range_min) / (joint.range_max - joint.range_min) * 100


def swept(lowest: int, steps: int, stops: list[float], stride: int = CLEAR_STEP) -> Travel:
    """Move a joint from its lower end to the upper one and about, reading the encoder on the way."""
    at = lowest
    travel = begin_travel(at)
    for target in [lowest + steps, *(lowest + round(stop * steps) for stop in stops), lowest]:
        while at != target:
            at += max(-stride, min(stride, target - at))
            travel = travel.moved_to(at % RESOLUTION)
    return travel


@given(any_lowest, any_travel, positions, st.integers(20, CLEAR_STEP))
def test_a_travel_is_followed_through_the_seam(lowest: int, steps: int, stops: list[float], stride: int) -> None:
    """Wherever the seam is, however often it is crossed."""
    travel = swept(lowest, steps, stops, stride)
    assert (travel.lowest, travel.highest, travel.now) == (lowest, lowest + steps, lowest)
    assert travel.jumps == 0


@given(any_lowest, any_travel)
def test_every_physical_travel_gives_a_calibration_that_can_be_written_and_is_continuous(
    lowest: int, steps: int
) -> None:
    """The offset fits its register, the range lies in 0..4095, and no step of the travel jumps."""
    joint = centre("elbow_flex", 3, Travel(lowest, lowest, lowest + steps, lowest))
    assert -MOST_OFFSET <= joint.homing_offset <= MOST_OFFSET
    assert 0 <= joint.range_min < joint.range_max <= RESOLUTION - 1
    readings = [present(at % RESOLUTION, joint.homing_offset) for at in range(lowest, lowest + steps + 1)]
    assert readings == list(range(joint.range_min, joint.range_max + 1))


@given(any_lowest, any_travel)
def test_the_middle_of_every_travel_is_zero_degrees(lowest: int, steps: int) -> None:
    """And its ends are as far as the joint goes, and 0 and 100 percent, by LeRobot's formulas."""
    joint = centre("elbow_flex", 3, Travel(lowest, lowest, lowest + steps, lowest))
    middle = present((lowest + steps // 2) % RESOLUTION, joint.homing_offset)
    assert middle in (2047, 2048)
    assert abs(degrees(middle, joint)) <= 0.05
    ends = [present(end % RESOLUTION, joint.homing_offset) for end in (lowest, lowest + steps)]
    assert [degrees(end, joint) for end in ends] == pytest.approx([-steps * 180 / 4095, steps * 180 / 4095])
    assert [percent(end, joint) for end in ends] == [0, 100]


def test_no_middle_overflows_the_offset() -> None:
    """Every one of the 4096, the pose at 4095 included that stops LeRobot's own calibration."""
    for middle in range(RESOLUTION):
        joint = centre("gripper", 6, Travel(middle, middle - 700, middle + 700, middle))
        assert abs(joint.homing_offset) <= MOST_OFFSET
        assert present(middle, joint.homing_offset) == (2048 if middle == RESOLUTION - 1 else 2047)


@given(st.integers(0, RESOLUTION - 1))
def test_a_full_turn_is_centred_on_the_straight_pose(straight: int) -> None:
    """With LeRobot's range for the wrist's roll."""
    joint = centre_full_turn(5, straight)
    assert (joint.range_min, joint.range_max, joint.drive_mode) == (0, 4095, 0)
    assert abs(joint.homing_offset) <= MOST_OFFSET
    assert abs(degrees(present(straight, joint.homing_offset), joint)) < 0.05


@given(st.integers(-100_000, 100_000))
def test_wrapping_an_offset_keeps_what_it_means(offset: int) -> None:
    """But for the one offset that the register cannot hold."""
    wrapped = wrap_offset(offset)
    assert -MOST_OFFSET <= wrapped <= MOST_OFFSET
    assert (wrapped - offset) % RESOLUTION == (RESOLUTION - 1 if offset % RESOLUTION == 2048 else 0)


@pytest.mark.parametrize(
    ("travel", "words"),
    [
        (Travel(0, 0, MIN_TRAVEL - 1, 0), "26° only: move it from one end to the other"),
        (Travel(0, 500, 500, 500), "moved 0° only"),
        (Travel(0, 0, MAX_TRAVEL + 1, 0), "360°, a full turn or more"),
        (Travel(0, -9000, 9000, 0), "full turn or more"),
        (Travel(0, 0, 2000, 0, jumps=1), "too fast to be followed"),
    ],
)
def test_an_impossible_travel_is_refused_by_name(travel: Travel, words: str) -> None:
    """The joint and why."""
    assert words in (find_problem("elbow_flex", travel) or "")
    with pytest.raises(CalibrationError, match="elbow_flex"):
        centre("elbow_flex", 3, travel)


def test_a_jump_that_could_be_either_way_is_counted() -> None:
    """A quarter of a turn between two readings is the most that is believed."""
    assert begin_travel(100).moved_to(100 + CLEAR_STEP).jumps == 0
    assert begin_travel(100).moved_to(101 + CLEAR_STEP).jumps == 1
    assert begin_travel(100).moved_to(3000).lowest == 3000 - RESOLUTION


def test_a_short_travel_and_a_crooked_straight_pose_are_doubted() -> None:
    """What can be, but probably is a mistake, is said."""
    assert find_doubt("gripper", Travel(0, 0, 699, 0)) is not None
    assert find_doubt("gripper", Travel(0, 0, 700, 0)) is None
    assert find_roll_doubt("wrist_roll", Travel(4000, 3000, 5000, 4000)) is None
    assert "211°" in (find_roll_doubt("wrist_roll", Travel(100, 100, 2500, 2000)) or "")
    assert find_roll_doubt("wrist_roll", Travel(2000, 2000 - 2048, 2000 + 2048, 2000)) is None
