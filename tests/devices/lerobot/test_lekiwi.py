"""LeRobot's LeKiwi client with an emulated host: a robot over the network, which owns its cameras."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.errors import DeviceError
from lerotool.features import ACTION, STATE
from tests.devices.lerobot.benches import LeKiwi
from tests.devices.lerobot.wobble import build, recording, run
from tests.lerobot_judge import judge
from tests.patience import wait_for

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]

HOST = Path(__file__).with_name("lekiwi_host.py")
ARM = [f"arm_{joint}.pos" for joint in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")]
NAMES = [*ARM, "arm_gripper.pos", "x.vel", "y.vel", "theta.vel"]
CAMERA = "observation.images.front"


def test_lekiwi_is_recorded(lekiwi: LeKiwi, tmp_path: Path) -> None:
    root = tmp_path / "set"

    code, said = run(recording(root, *lekiwi.options, seconds=3))

    assert code == 0, said
    assert "LeKiwi's base will stand still: ImportError: " in said
    dataset = lerotool.Dataset(root)
    assert dataset.robot_type == "lekiwi_client"
    assert dataset.features[STATE].names == dataset.features[ACTION].names == NAMES
    judge(root)
    states, actions = (dataset.numpy(key, 0, dataset.num_frames) for key in (STATE, ACTION))
    assert np.ptp(actions[:, 0]) > 1, "the leader moves"
    assert not actions[:, 6:].any(), "nobody presses a key"
    pictures = np.array([frame.reshape(-1, 3).mean(0) for frame in dataset.frames(0, CAMERA)])
    np.testing.assert_allclose(pictures[:, 0], np.clip(128 + states[:, 0], 0, 255), atol=8)
    assert pictures[:, 1:].max() < 40, "red is red"


def test_what_a_silent_host_sent_last_is_marked_and_soon_an_error(lekiwi: LeKiwi) -> None:
    robot = build(*lekiwi.robot, needs_teleop=False, silence_s=3.0)
    with robot:
        wait_for(lambda: robot.observe().stale == 0, "a fresh observation")
        lekiwi.host.send_signal(signal.SIGSTOP)
        wait_for(lambda: robot.observe().stale == 2 ** len(NAMES) - 1, "a mark")

        with pytest.raises(DeviceError, match="the robot has sent nothing new for 3 s"):
            wait_for(lambda: bool(robot.observe() and False), "the end of patience")


def test_the_cameras_of_the_host_are_not_looked_for_on_this_computer(lekiwi: LeKiwi) -> None:
    robot = build(*lekiwi.robot, needs_teleop=False)
    try:
        (camera,) = robot.cameras()
    finally:
        robot.close()
    assert (camera.spec.name, camera.spec.source) == ("front", "lerobot:front")
    assert camera.open is not None
