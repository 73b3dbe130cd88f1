"""LeRobot's own SO-101 classes on emulated buses, recorded through LeRobot and replayed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.features import ACTION, STATE
from tests.devices.lerobot.benches import SoArms
from tests.devices.lerobot.wobble import build, recording, run
from tests.lerobot_judge import judge, lerobot_python
from tests.rig import NAME, Rig

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]


WRIST_ROLL = 4
STEPS_PER_S = 1000.0
TURN = 4096


def test_arms_are_recorded_through_lerobot_with_cameras_of_lerotool(rig: Rig, tmp_path: Path) -> None:
    camera = ("--camera", f"front={rig.cameras['front'].url}")

    code, said = run(recording(tmp_path / "set", *SoArms(rig).options, seconds=3, more=camera))

    assert code == 0, said
    dataset = lerotool.Dataset(tmp_path / "set")
    joints = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
    assert dataset.robot_type == "so_follower"
    assert dataset.features[STATE].names == dataset.features[ACTION].names == [f"{joint}.pos" for joint in joints]
    actions = dataset.numpy(ACTION, 0, dataset.num_frames)
    assert np.ptp(actions, axis=0).max() > 1, "the leader moves"
    judge(tmp_path / "set")
    assert not any(rig.torques), "released at the end"


def test_a_position_that_came_too_late_is_never_taken_for_a_fresh_one(rig: Rig) -> None:
    origin = time.monotonic()
    rig.leader.servo(WRIST_ROLL + 1).ramp(origin=origin, rate=STEPS_PER_S)
    ages = []
    with build(*SoArms(rig).options) as robot:
        for tick in range(60):
            if tick % 5 == 0:
                rig.leader.stall((0.06, 0.09)[tick % 2])
            asked = time.monotonic()
            steps = robot.command().values[ACTION][WRIST_ROLL] * 4095 / 360 + 4095 / 2
            returned = time.monotonic()
            age = ((returned - origin) * STEPS_PER_S - steps + TURN / 2) % TURN - TURN / 2
            ages.append(age / STEPS_PER_S - (returned - asked))
            time.sleep(0.02)
    assert np.max(ages) < 0.005, "no position is older than the call that returned it"


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
