"""LeRobot's own pairs of SO arms on four emulated buses, recorded through LeRobot."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.devices.arms.joints import JOINT_NAMES
from lerotool.features import ACTION, STATE
from lerotool.testing.mjpeg_camera import EmulatedCamera
from tests.devices.lerobot.benches import Pairs
from tests.devices.lerobot.wobble import build, recording, run
from tests.lerobot_judge import judge

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]


def test_pairs_of_arms_are_recorded(pairs: Pairs, tmp_path: Path) -> None:
    root = tmp_path / "set"
    with EmulatedCamera(size=(128, 64)) as camera:
        front = ("--camera", f"front={camera.url}")
        code, said = run(recording(root, *pairs.options, seconds=3, more=front))

    assert code == 0, said
    assert pairs.is_released()
    dataset = lerotool.Dataset(root)
    assert dataset.robot_type == "bi_so_follower"
    names = [f"{side}_{joint}.pos" for side in ("left", "right") for joint in JOINT_NAMES]
    assert dataset.features[STATE].names == dataset.features[ACTION].names == names
    actions = dataset.numpy(ACTION, 0, dataset.num_frames)
    assert np.ptp(actions[:, [0, 6]], axis=0).min() > 1, "both leaders move"
    judge(root)


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
