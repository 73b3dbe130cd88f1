"""Emulated arms with calibration files, each bus in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lerotool.devices.arms.calibration import Calibration, JointCalibration, calibration_path, save_calibration
from lerotool.devices.arms.follower import SoFollower
from lerotool.devices.arms.joints import JOINTS, Role
from lerotool.devices.arms.so_arm import SoLeader
from lerotool.testing.servo_bus import EmulatedBus

OpenBus = Callable[..., EmulatedBus]
ON, OFF = [True] * 6, [False] * 6
BOTH = pytest.mark.parametrize("kind", [SoLeader, SoFollower])

CALIBRATION: Calibration = {
    "shoulder_pan": JointCalibration(1, 0, 0, 800, 3300),
    "shoulder_lift": JointCalibration(2, 0, 120, 930, 3206),
    "elbow_flex": JointCalibration(3, 0, -300, 921, 3126),
    "wrist_flex": JointCalibration(4, 0, 5, 960, 3170),
    "wrist_roll": JointCalibration(5, 0, -1, 0, 4095),
    "gripper": JointCalibration(6, 0, 0, 2000, 3400),
}


@pytest.fixture(autouse=True)
def _calibrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    for role in Role:
        save_calibration(calibration_path(role, "bench"), CALIBRATION)


@pytest.fixture
def open_bus() -> Iterator[OpenBus]:
    """Return what starts emulated buses with six motors; all end with the test."""
    if os.name != "posix":
        pytest.skip("emulated buses need pseudo-terminals")
    with ExitStack() as stack:

        def start(*arguments: object, **settings: object) -> EmulatedBus:
            bus: EmulatedBus = stack.enter_context(EmulatedBus(*arguments, **settings))  # type: ignore[arg-type]
            return bus

        yield start


@pytest.fixture
def bus(open_bus: OpenBus) -> EmulatedBus:
    """Return an emulated arm, the gripper half open, as it comes from the factory."""
    bus = open_bus()
    bus.servo(6).change(angle=2700)
    return bus


def torques(bus: EmulatedBus) -> list[bool]:
    """Return of each motor whether its torque is on."""
    return [bus.servo(joint.id).is_torque_on for joint in JOINTS]
