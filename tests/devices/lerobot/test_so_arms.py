"""LeRobot's own SO-101 classes on emulated buses, recorded through LeRobot and replayed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.devices.robots import build_robot
from lerotool.features import ACTION, STATE
from tests.devices.lerobot.wobble import recording, run
from tests.lerobot_judge import judge, lerobot_python
from tests.rig import NAME, Rig

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Two arms whose motors hold the calibration of their files, and a camera."""
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    with Rig() as rig:
        with build_robot(NAME):
            pass
        yield rig


def test_arms_are_recorded_through_lerobot_with_cameras_of_lerotool(rig: Rig, tmp_path: Path) -> None:
    follower = ("--robot.type=so101_follower", f"--robot.port={rig.follower.port}", f"--robot.id={NAME}")
    leader = ("--teleop.type=so101_leader", f"--teleop.port={rig.leader.port}", f"--teleop.id={NAME}")
    camera = ("--camera", f"front={rig.cameras['front'].url}")

    code, said = run(recording(tmp_path / "set", *follower, *leader, seconds=3, more=camera))

    assert code == 0, said
    dataset = lerotool.Dataset(tmp_path / "set")
    joints = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
    assert dataset.robot_type == "so_follower"
    assert dataset.features[STATE].names == dataset.features[ACTION].names == [f"{joint}.pos" for joint in joints]
    actions = dataset.numpy(ACTION, 0, dataset.num_frames)
    assert np.ptp(actions, axis=0).max() > 1, "the leader moves"
    judge(tmp_path / "set")
    assert not any(rig.torques), "released at the end"


def test_an_episode_is_replayed_by_a_robot_of_lerobot(rig: Rig, tmp_path: Path) -> None:
    recorded = tmp_path / "set"
    more = ["--episodes", "1", "--episode-time", "1", "--min-episode-time", "0", "--camera", "none", "--batch", "0"]
    code, said = run(["record", "--robot", NAME, "--task", "Move", "--root", str(recorded), *more])
    assert code == 0, said
    assert run(["encode", "--pending", str(recorded)])[0] == 0
    options = ["--robot.type=so101_follower", f"--robot.port={rig.follower.port}", f"--robot.id={NAME}"]

    code, said = run(["replay", str(recorded), "0", "--lerobot", str(lerobot_python()), "--", *options])

    assert code == 0, said
    assert not any(rig.torques), "released at the end"
