"""Calibration files: found in LeRobot's places, old and new, and refused by name when they describe no arm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.choices import Units
from lerotool.devices.arms.calibration import (
    JointCalibration,
    build_scales,
    calibration_home,
    calibration_path,
    find_calibration,
    load_calibration,
    save_calibration,
)
from lerotool.devices.arms.joints import JOINT_NAMES, JOINTS, ArmType, JointUnit, Role
from lerotool.errors import CalibrationError

# As LeRobot 0.6.1 writes it.
_DOCUMENT: dict[str, Any] = {
    joint.name: {"id": joint.id, "drive_mode": 0, "homing_offset": 453, "range_min": 1347, "range_max": 2746}
    for joint in JOINTS
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    return tmp_path


def _put(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(_DOCUMENT))
    return path


def test_the_folder_is_lerobots(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HF_LEROBOT_CALIBRATION", "HF_LEROBOT_HOME", "HF_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", "/cache/huggingface")
    assert calibration_home() == Path("/cache/huggingface/lerobot/calibration")
    monkeypatch.setenv("HF_LEROBOT_HOME", "/lerobot")
    assert calibration_home() == Path("/lerobot/calibration")
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", "/calibration")
    assert calibration_path(Role.FOLLOWER, "bench") == Path("/calibration/robots/so_follower/bench.json")
    assert calibration_path(Role.LEADER, "bench") == Path("/calibration/teleoperators/so_leader/bench.json")


@pytest.mark.parametrize("folder", ["robots/so_follower", "robots/so101_follower", "robots/so100_follower"])
def test_a_followers_file_is_found_in_new_and_old_folders(home: Path, folder: str) -> None:
    path = _put(home / folder / "bench.json")
    assert find_calibration(Role.FOLLOWER, "bench") == path
    with pytest.raises(CalibrationError, match="leader 'bench' has no calibration"):
        find_calibration(Role.LEADER, "bench")


def test_the_newest_folder_wins_then_that_of_the_arms_type(home: Path) -> None:
    paths = [_put(home / "teleoperators" / name / "a.json") for name in ("so100_leader", "so101_leader", "so_leader")]
    assert find_calibration(Role.LEADER, "a", ArmType.SO100) == paths[2]
    paths[2].unlink()
    assert find_calibration(Role.LEADER, "a", ArmType.SO101) == paths[1]
    assert find_calibration(Role.LEADER, "a", ArmType.SO100) == paths[0]


def test_a_missing_calibration_lists_all_places_and_says_what_to_do(home: Path) -> None:
    with pytest.raises(CalibrationError, match="follower 'bench' has no calibration") as caught:
        find_calibration(Role.FOLLOWER, "bench")
    for folder in ("so_follower", "so101_follower", "so100_follower"):
        assert str(home / "robots" / folder / "bench.json") in caught.value.message
    assert caught.value.hint == "calibrate it: lerotool setup"
    with pytest.raises(CalibrationError) as caught:
        find_calibration(Role.FOLLOWER, "bench", robot="my bench")
    assert caught.value.hint == "calibrate it: lerotool setup calibrate 'my bench'"


@st.composite
def _entries(draw: st.DrawFn, motor: int) -> JointCalibration:
    low = draw(st.integers(0, 4094))
    return JointCalibration(
        motor, draw(st.integers(0, 1)), draw(st.integers(-2047, 2047)), low, draw(st.integers(low + 1, 4095))
    )


@given(st.fixed_dictionaries({joint.name: _entries(joint.id) for joint in JOINTS}))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, calibration: dict[str, JointCalibration]
) -> None:
    path = tmp_path_factory.getbasetemp() / "calibrations" / "bench.json"
    save_calibration(path, calibration)
    assert load_calibration(path) == calibration
    assert list(json.loads(path.read_text())) == list(JOINT_NAMES)


def test_lerobots_file_is_read(home: Path) -> None:
    calibration = load_calibration(_put(home / "x" / "bench.json"))
    assert calibration["wrist_roll"] == JointCalibration(5, 0, 453, 1347, 2746)
    scales = build_scales(calibration, Units.DEGREES)
    assert [scale.unit for scale in scales] == [JointUnit.DEGREES] * 5 + [JointUnit.ZERO_100]


def _changed(joint: str, **changes: object) -> str:
    document = json.loads(json.dumps(_DOCUMENT))
    document[joint].update(changes)
    return json.dumps({k: {n: v for n, v in e.items() if v is not None} for k, e in document.items()})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected JSON"),
        ("\xff", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[]", "the file is .*dictionary"),
        ("{}", "joint 'shoulder_pan' is missing; joint 'shoulder_lift' is missing; "),
        ('{"shoulder_pan": 3}', "shoulder_pan is 3"),
        (json.dumps({**_DOCUMENT, "elbow": _DOCUMENT["gripper"]}), "'elbow' is not a joint of an SO arm"),
        (_changed("gripper", homing_offset=2048), "gripper.homing_offset is 2048: .*2047"),
        (_changed("gripper", homing_offset=1.5), "gripper.homing_offset is 1.5"),
        (_changed("gripper", range_max=4096), "gripper.range_max is 4096: .*4095"),
        (_changed("gripper", range_min=-1), "gripper.range_min is -1"),
        (_changed("gripper", range_max=None), "gripper.range_max is missing"),
        (_changed("gripper", speed=1), "gripper.speed is unknown"),
        (_changed("gripper", range_max=1347), "gripper goes from step 1347 to 1347, expected a range within 0 to 4095"),
        (_changed("gripper", id=5), "gripper.id is 5, expected 6"),
        (_changed("gripper", drive_mode=2), "gripper.drive_mode is 2"),
    ],
)
def test_a_file_that_describes_no_arm_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "bench.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CalibrationError, match=expected) as caught:
        load_calibration(path)
    assert caught.value.message.startswith(f"{path}: ")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="the file is missing"):
        load_calibration(tmp_path / "absent.json")


def test_a_calibration_that_cannot_be_is_not_written(tmp_path: Path) -> None:
    calibration = {joint.name: JointCalibration(joint.id, 0, 0, 0, 4095) for joint in JOINTS}
    calibration["gripper"] = JointCalibration(6, 0, 2048, 3000, 2000)
    path = tmp_path / "bench.json"
    with pytest.raises(CalibrationError, match=r"gripper goes from step 3000 to 2000.*gripper.homing_offset is 2048"):
        save_calibration(path, calibration)
    assert not path.exists()
