"""Steps and values: LeRobot's formulas to the last bit, and whole steps survive the way there and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.choices import Units
from lerotool.devices.arms.calibration import JointCalibration, load_calibration, save_calibration
from lerotool.devices.arms.joints import JOINT_NAMES, JOINTS, JointScale, JointUnit, joint_units, normalise
from lerotool.devices.servos.registers import HOMING_OFFSET
from tests.lerobot_judge import run_in_lerobot

_LEROBOTS_MODE = {
    JointUnit.DEGREES: "degrees",
    JointUnit.M100_100: "range_m100_100",
    JointUnit.ZERO_100: "range_0_100",
}
_units = st.sampled_from(JointUnit)


@st.composite
def _scales(draw: st.DrawFn) -> JointScale:
    low = draw(st.integers(0, 4094))
    return JointScale(draw(_units), low, draw(st.integers(low + 1, 4095)), draw(st.booleans()))


def _expected_value(scale: JointScale, step: int) -> Fraction:
    """LeRobot's formulas in exact arithmetic."""
    low, high = Fraction(scale.range_min), Fraction(scale.range_max)
    if scale.unit is JointUnit.DEGREES:
        return (step - (low + high) / 2) * 360 / 4095
    share = (min(max(step, low), high) - low) / (high - low)
    if scale.is_inverted:
        share = 1 - share
    return share * 100 if scale.unit is JointUnit.ZERO_100 else share * 200 - 100


@given(_scales(), st.integers(-32767, 32767))
def test_values_are_those_of_the_formulas(scale: JointScale, step: int) -> None:
    assert scale.to_value(step) == pytest.approx(float(_expected_value(scale, step)), abs=1e-9)


@given(_scales(), st.floats(-1000, 1000))
def test_steps_are_cut_off_values(scale: JointScale, value: float) -> None:
    step = scale.to_step(value)
    if scale.unit is not JointUnit.DEGREES:
        assert scale.range_min <= step <= scale.range_max
        value = min(100.0, max(0.0 if scale.unit is JointUnit.ZERO_100 else -100.0, value))
    way = float(_expected_value(scale, step)) - value
    assert abs(way) <= scale.units_per_step * (1 + 1e-9) + 1e-9


@given(_scales(), st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_goals_are_within_the_range_and_near_lerobots_step(scale: JointScale, value: float) -> None:
    goal = scale.to_goal(value)
    assert scale.range_min <= goal <= scale.range_max
    assert goal - min(max(scale.to_step(value), scale.range_min), scale.range_max) in (0, 1)


@given(_scales(), st.data())
def test_a_step_that_went_through_a_dataset_is_that_step(scale: JointScale, data: st.DataObject) -> None:
    step = data.draw(st.integers(scale.range_min, scale.range_max))
    assert scale.to_goal(scale.to_value(step)) == step
    assert scale.to_goal(float(np.float32(scale.to_value(step)))) == step


def test_known_values() -> None:
    degrees = JointScale(JointUnit.DEGREES, 1347, 2746)
    assert degrees.to_value(2746) == (2746 - 2046.5) * 360 / 4095
    assert degrees.to_step(10.0) == 2160, "2046.5 + 113.75, cut off"
    assert degrees.to_goal(10.05) == 2160, "2160.8, cut off as well"
    gripper = JointScale(JointUnit.ZERO_100, 2000, 3000)
    assert [gripper.to_value(step) for step in (1900, 2000, 2500, 3100)] == [0, 0, 50, 100]
    assert [JointScale(JointUnit.M100_100, 0, 4000, True).to_value(step) for step in (0, 1000, 4000)] == [100, 50, -100]


def test_only_the_gripper_has_a_range_when_the_body_has_degrees() -> None:
    assert joint_units(Units.DEGREES) == (JointUnit.DEGREES,) * 5 + (JointUnit.ZERO_100,)
    assert joint_units(Units.RANGE) == (JointUnit.M100_100,) * 5 + (JointUnit.ZERO_100,)


def test_whole_arms_are_converted_joint_by_joint() -> None:
    scales = [JointScale(unit, 1000, 3000) for unit in joint_units(Units.RANGE)]
    assert normalise([1000, 2000, 3000, 1500, 2500, 1500], scales) == [-100, 0, 100, -50, 50, 25]
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        normalise([2000] * 5, scales)


def _random_cases(count: int) -> list[tuple[JointScale, list[int], list[float]]]:
    rng = Random(1)
    cases = []
    for number in range(count):
        low, high = sorted(rng.sample(range(4096), 2))
        scale = JointScale(list(JointUnit)[number % 3], low, high, rng.random() < 0.3)
        steps = [rng.choice((low, high, rng.randint(low, high), rng.randint(-500, 4600))) for _ in range(20)]
        values = [rng.choice((rng.uniform(-200, 200), scale.to_value(rng.randint(low, high)))) for _ in range(20)]
        cases.append((scale, steps, values))
    return cases


def _ask_lerobot(question: dict[str, Any]) -> dict[str, Any]:
    script = Path(__file__).with_name("lerobot_formulas.py")
    finished = run_in_lerobot(script, text=json.dumps(question))
    assert finished.returncode == 0, finished.stderr[-4000:]
    answer: dict[str, Any] = json.loads(finished.stdout)
    return answer


@pytest.mark.lerobot
def test_lerobots_own_code_gives_the_same_and_reads_and_writes_the_same_files(tmp_path: Path) -> None:
    cases = _random_cases(400)
    calibration = {
        joint.name: JointCalibration(joint.id, 0, 100 * joint.id - 350, 10 * joint.id, 4000 + joint.id)
        for joint in JOINTS
    }
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    save_calibration(ours, calibration)
    offsets = [-2047, -1, 0, 1, 2047]
    answer = _ask_lerobot(
        {
            "cases": [
                {
                    "mode": _LEROBOTS_MODE[scale.unit],
                    "drive_mode": int(scale.is_inverted),
                    "min": scale.range_min,
                    "max": scale.range_max,
                    "steps": steps,
                    "values": values,
                }
                for scale, steps, values in cases
            ],
            "calibration": str(ours),
            "write": str(theirs),
            "offsets": offsets,
        }
    )
    assert answer["normalised"] == [[scale.to_value(step) for step in steps] for scale, steps, _ in cases]
    assert answer["unnormalised"] == [[scale.to_step(value) for value in values] for scale, _, values in cases]
    assert answer["calibration"] == {name: asdict(calibration[name]) for name in JOINT_NAMES}
    assert load_calibration(theirs) == calibration
    assert answer["encoded"] == [int.from_bytes(HOMING_OFFSET.encode(offset), "little") for offset in offsets]
