"""A robot of LeRobot is a robot: what it says of itself, what it refuses, how it ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lerotool.devices.cameras.spec import CameraSpec
from lerotool.devices.lerobot.robot import LeRobotRobot
from lerotool.errors import CalibrationError, DeviceError, UsageError
from lerotool.features import ACTION, STATE
from tests.devices.lerobot.wobble import PLUGIN, ROOT, STEERED, build
from tests.lerobot_judge import lerobot_python

pytestmark = pytest.mark.lerobot


@pytest.fixture(autouse=True)
def _plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--robot.type=wobbel"], "invalid choice: 'wobbel'"),
        (["--robot.type=wobble"], "--teleop.type is missing"),
        ([*STEERED, "--robot.slow_every=many"], "slow_every"),
        ([*STEERED, "--teleop.lacks=arm.pos"], "does not give arm.pos, which the robot takes"),
        (["--robot.type=so101_follower", "--teleop.type=wobble_hand"], "Missing required field"),
    ],
)
def test_options_that_cannot_be_are_named(options: list[str], problem: str) -> None:
    robot = build(*options)

    with pytest.raises(UsageError, match=problem):
        robot.features()


@pytest.mark.parametrize(
    ("options", "joints", "pictures"),
    [
        (["--robot.type=earthrover_mini_plus"], (22, 2), ["front", "rear"]),
        (["--robot.type=hope_jr_arm", "--robot.port=/dev/ttyACM0"], (7, 7), []),
        (["--robot.type=hope_jr_hand", "--robot.port=/dev/ttyACM0", "--robot.side=left"], (16, 16), []),
        (["--robot.type=lekiwi", "--robot.cameras={}"], (9, 9), []),
        (["--robot.type=omx_follower", "--robot.port=/dev/ttyACM0"], (6, 6), []),
    ],
)
def test_robots_without_emulated_hardware_are_described(
    options: list[str], joints: tuple[int, int], pictures: list[str]
) -> None:
    robot = build(*options, needs_teleop=False)
    try:
        features = robot.features()
        assert (features[STATE].shape, features[ACTION].shape) == ((joints[0],), (joints[1],))
        assert [camera.spec.name for camera in robot.cameras()] == pictures
    finally:
        robot.close()


@pytest.mark.parametrize(
    ("options", "package"),
    [
        (["--robot.type=openarm_follower", "--robot.port=can0"], "damiao"),
        (["--robot.type=rebot_b601_follower", "--robot.port=can0"], "rebot"),
        (["--robot.type=reachy2"], "reachy2"),
        (["--robot.type=unitree_g1"], "unitree_g1"),
    ],
)
def test_what_a_robot_needs_and_lacks_is_said_with_the_line_that_installs_it(options: list[str], package: str) -> None:
    robot = build(*options, needs_teleop=False)

    with pytest.raises(UsageError, match=rf"pip install 'lerobot\[{package}\]'"):
        robot.features()


def test_a_robot_without_calibration_says_how_to_calibrate_it() -> None:
    robot = build(*STEERED, "--robot.is_calibrated=false")

    with pytest.raises(CalibrationError, match="robot 'wobble' is not calibrated") as caught, robot:
        pass
    assert caught.value.hint == (
        "calibrate it with LeRobot: lerobot-calibrate --robot.type=wobble --robot.is_calibrated=false"
    )
    assert not robot.is_open


def test_joints_approach_slowly_what_is_wanted_and_the_rest_goes_there_at_once() -> None:
    robot = build(*STEERED, "--robot.has_camera=false", start_speed=0.001)
    with robot:
        before = robot.observe().values[STATE]
        sent = [robot.send({ACTION: np.array([1000, 20], np.float32)})[ACTION] for _ in range(3)]

        assert not robot.is_aligned
        assert all(abs(arm - before[0]) < 2 and base == 20 for arm, base in sent)


def test_it_is_reopened_in_a_new_process() -> None:
    robot = build(*STEERED, "--robot.has_camera=false")
    with robot:
        assert robot.observe().values[STATE][0] == 1
        robot.reopen()
        assert robot.observe().values[STATE][0] == 1


def test_cameras_of_opencv_are_opened_by_lerotool() -> None:
    front = "--robot.cameras={front: {type: opencv, index_or_path: 3, width: 640, height: 480, fps: 30}}"
    robot = build("--robot.type=dummy_follower", front, needs_teleop=False)
    try:
        (camera,) = robot.cameras()
    finally:
        robot.close()

    assert camera.open is None
    spec = camera.spec
    assert (spec.name, spec.source, spec.width, spec.height, spec.fps) == ("front", "3", 640, 480, 30)


def test_cameras_whose_pictures_are_to_be_turned_are_asked_for_them_as_they_send_them() -> None:
    turned = "{type: opencv, index_or_path: 3, width: 480, height: 640, fps: 30, rotation: 90}"
    options = ("--robot.type=so101_follower", "--robot.port=/dev/ttyACM0", f"--robot.cameras={{wrist: {turned}}}")
    robot = build(*options, needs_teleop=False)
    try:
        (camera,) = robot.cameras()
    finally:
        robot.close()

    assert camera.open is None
    assert camera.spec == CameraSpec("wrist", "3", 640, 480, 30, rotation=90)


def test_a_picture_of_another_size_than_announced_is_an_error_and_never_a_wrong_picture() -> None:
    robot = build(*STEERED, "--robot.shrinks_after=0")
    (camera,) = robot.cameras()
    assert camera.open is not None
    try:
        camera.open(camera.spec, threading.Event())
        with pytest.raises(DeviceError, match=r"camera 'eye': expected a uint8 picture \(64, 128, 3\).*\(32, 128, 3\)"):
            robot.observe()
    finally:
        robot.close()


def test_pictures_leave_no_file_behind() -> None:
    before = set(Path("/dev/shm").glob("lerotool-pictures-*"))
    with build(*STEERED) as robot:
        robot.observe()
        assert set(Path("/dev/shm").glob("lerotool-pictures-*")) == before


def test_neither_torch_nor_lerobot_comes_into_lerotools_process(tmp_path: Path) -> None:
    program = """
import sys
from tests.devices.lerobot.wobble import STEERED, build
with build(*STEERED) as robot:
    robot.send(robot.command().values)
    robot.observe()
print(sorted({"torch", "lerobot", "draccus"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONPATH": f"{PLUGIN}:{ROOT}", "LEROTOOL_LEROBOT_PYTHON": str(lerobot_python()), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_python_without_lerobot_is_named() -> None:
    robot = LeRobotRobot(Path(sys.executable), STEERED, silence_s=60.0, start_speed=0.0, needs_teleop=True)

    with pytest.raises(UsageError, match="LeRobot: it cannot be imported: No module named 'lerobot'"):
        robot.features()
