"""LeRobot's Koch arms (Dynamixel) on emulated buses, recorded through LeRobot and continued by its own program."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.devices.arms.joints import JOINT_NAMES
from lerotool.features import ACTION, STATE
from tests.devices.lerobot import dynamixel_bus as table
from tests.devices.lerobot.benches import Koch
from tests.devices.lerobot.wobble import PATIENT, python, recording, run
from tests.lerobot_judge import judge
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]


def test_koch_arms_are_recorded_by_lerotool_and_then_by_lerobot(koch: Koch, tmp_path: Path) -> None:
    root = tmp_path / "set"

    code, said = run(recording(root, *koch.options, seconds=3, more=("--camera", "none")))
    assert code == 0, said
    assert koch.is_released()

    _record_with_lerobot(root, koch.options)

    dataset = lerotool.Dataset(root)
    assert dataset.robot_type == "koch_follower"
    assert dataset.features[STATE].names == dataset.features[ACTION].names == [f"{joint}.pos" for joint in JOINT_NAMES]
    assert len(dataset.episodes) == 2
    judge(root)
    first = dataset.episodes[0]
    states, actions = (dataset.numpy(key, first.dataset_from, first.dataset_to) for key in (STATE, ACTION))
    assert np.ptp(actions[:, :5], axis=0).min() > 1, "all joints but the gripper's trigger move"
    assert np.abs(states[-1] - actions[-1])[:5].max() < 10, "the follower follows"


def test_koch_arms_whose_servos_hold_another_calibration_are_not_moved(koch: Koch, tmp_path: Path) -> None:
    koch.follower.put(2, table.HOMING_OFFSET, 7)

    code, said = run(recording(tmp_path / "set", *koch.options, more=("--camera", "none")))

    assert code != 0
    assert "robot 'koch_follower' is not calibrated, or its motors hold another calibration" in said
    assert "lerobot-calibrate --robot.type=koch_follower" in said
    assert koch.is_released()


def _record_with_lerobot(root: Path, options: tuple[str, ...]) -> None:
    """Let LeRobot's own program record one more episode."""
    what = ("--dataset.repo_id=me/set", f"--dataset.root={root}", "--dataset.single_task=Wobble", "--resume=true")
    takes = ("--dataset.num_episodes=1", "--dataset.episode_time_s=1", "--dataset.reset_time_s=0")
    quiet = ("--dataset.push_to_hub=false", "--play_sounds=false")
    done = subprocess.run(
        [str(python()), "-m", "lerobot.scripts.lerobot_record", *options, *what, *takes, *quiet],
        env={**os.environ, "PYTHONPATH": str(PATIENT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
