"""LeRobot's own pairs of SO arms on four emulated buses, recorded through LeRobot, killed, and resumed by both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.devices.arms.calibration import calibration_path, save_calibration
from lerotool.devices.arms.joints import JOINT_NAMES, JOINTS, Role
from lerotool.devices.servos.registers import HOMING_OFFSET, MAX_POSITION, MIN_POSITION
from lerotool.features import ACTION, STATE
from lerotool.testing.mjpeg_camera import EmulatedCamera
from lerotool.testing.servo_bus import EmulatedBus
from tests.devices.lerobot.wobble import build, kill_in_the_take, recording, run, save_what_was_cut_off
from tests.lerobot_judge import judge, use_tools
from tests.rig import CALIBRATION, NAME

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Four calibrated arms, and LeRobot's options for them."""

    buses: tuple[EmulatedBus, ...]
    options: tuple[str, ...]

    def is_released(self) -> bool:
        """Whether no motor holds."""
        return not any(bus.servo(joint.id).is_torque_on for bus in self.buses for joint in JOINTS)


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pairs]:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    with ExitStack() as stack:
        options = ["--robot.type=bi_so_follower", "--teleop.type=bi_so_leader"]
        options += [f"--robot.id={NAME}", f"--teleop.id={NAME}"]
        buses = []
        for role, part in ((Role.FOLLOWER, "robot"), (Role.LEADER, "teleop")):
            for side in ("left", "right"):
                bus = stack.enter_context(EmulatedBus(is_moving=role is Role.LEADER))
                _calibrate(bus, calibration_path(role, f"{NAME}_{side}"))
                options.append(f"--{part}.{side}_arm_config.port={bus.port}")
                buses.append(bus)
        yield Pairs(tuple(buses), tuple(options))


def _calibrate(bus: EmulatedBus, path: Path) -> None:
    """Give motors and file the same calibration."""
    save_calibration(path, CALIBRATION)
    for joint in CALIBRATION.values():
        servo = bus.servo(joint.id)
        servo.set(HOMING_OFFSET, joint.homing_offset)
        servo.set(MIN_POSITION, joint.range_min)
        servo.set(MAX_POSITION, joint.range_max)
    bus.servo(6).change(angle=2700)


def test_pairs_of_arms_are_recorded_killed_and_resumed_by_both(pairs: Pairs, tmp_path: Path) -> None:
    root = tmp_path / "set"
    with EmulatedCamera(size=(128, 64)) as camera:
        front = ("--camera", f"front={camera.url}")

        kill_in_the_take(root, recording(root, *pairs.options, seconds=600, more=front), pairs.is_released)
        save_what_was_cut_off(root)
        code, said = run(recording(root, *pairs.options, episodes=2, seconds=3, more=front))

    assert code == 0, said
    assert pairs.is_released()
    dataset = lerotool.Dataset(root)
    assert dataset.robot_type == "bi_so_follower"
    names = [f"{side}_{joint}.pos" for side in ("left", "right") for joint in JOINT_NAMES]
    assert dataset.features[STATE].names == dataset.features[ACTION].names == names
    assert len(dataset.episodes) == 2
    second = dataset.episodes[1]
    actions = dataset.numpy(ACTION, second.dataset_from, second.dataset_to)
    assert np.ptp(actions[:, [0, 6]], axis=0).min() > 1, "both leaders move"
    judge(root)
    answers = use_tools([{"root": str(root), "operations": ["resume"], "takes": 0}], tmp_path)
    assert answers[str(root)] == {"resume": ""}


def test_cameras_of_each_arm_are_opened_by_lerotool_under_lerobots_names(pairs: Pairs) -> None:
    camera = "{type: opencv, index_or_path: 3, width: 640, height: 480, fps: 30}"
    options = [f"--robot.left_arm_config.cameras={{wrist: {camera}}}", f"--robot.cameras={{top: {camera}}}"]
    robot = build(*pairs.options, *options)
    try:
        cameras = {camera.spec.name: camera for camera in robot.cameras()}
    finally:
        robot.close()
    assert sorted(cameras) == ["left_wrist", "top"]
    assert all(camera.open is None and camera.spec.source == "3" for camera in cameras.values())
