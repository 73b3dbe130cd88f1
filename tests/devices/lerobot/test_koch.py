"""LeRobot's Koch arms (Dynamixel) on emulated buses, recorded through LeRobot, killed, and resumed by both."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.features import ACTION, STATE
from tests.devices.lerobot import dynamixel_bus as table
from tests.devices.lerobot.dynamixel_bus import DynamixelBus
from tests.devices.lerobot.wobble import PATIENT, kill_in_the_take, python, recording, run, save_what_was_cut_off
from tests.lerobot_judge import judge
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
XL330_M077, XL330_M288, XL430_W250 = 1190, 1200, 1060
FOLLOWER = (XL430_W250, XL430_W250, *[XL330_M288] * 4)
LEADER = (XL330_M077,) * 6
RANGES = {"shoulder_pan": (0, 4095), "wrist_roll": (0, 4095)}


@dataclass(frozen=True, slots=True)
class Koch:
    """Two arms that are calibrated, and LeRobot's options for them."""

    follower: DynamixelBus
    leader: DynamixelBus
    options: tuple[str, ...]

    def is_released(self) -> bool:
        """Whether no servo holds, but for the leader's gripper, which LeRobot releases too."""
        return not any(self.follower.torques + self.leader.torques)


@pytest.fixture
def koch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Koch]:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    with DynamixelBus(FOLLOWER) as follower, DynamixelBus(LEADER, is_moving=True) as leader:
        _calibrate(follower, tmp_path / "calibration/robots/koch_follower/bench.json", inverted=())
        _calibrate(leader, tmp_path / "calibration/teleoperators/koch_leader/bench.json", inverted=("elbow_flex",))
        options = (
            *("--robot.type=koch_follower", f"--robot.port={follower.port}", "--robot.id=bench"),
            *("--teleop.type=koch_leader", f"--teleop.port={leader.port}", "--teleop.id=bench"),
        )
        yield Koch(follower, leader, options)


def _calibrate(bus: DynamixelBus, path: Path, inverted: tuple[str, ...]) -> None:
    """Give servos and file the same calibration."""
    entries = {}
    for servo, joint in enumerate(JOINTS, 1):
        low, high = RANGES.get(joint, (900, 3300))
        entry = {"id": servo, "drive_mode": int(joint in inverted), "homing_offset": -20 * servo}
        entries[joint] = {**entry, "range_min": low, "range_max": high}
        bus.put(servo, table.DRIVE_MODE, entries[joint]["drive_mode"])
        bus.put(servo, table.HOMING_OFFSET, entries[joint]["homing_offset"])
        bus.put(servo, table.MIN_POSITION, low)
        bus.put(servo, table.MAX_POSITION, high)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(entries))


def test_koch_arms_are_recorded_killed_and_resumed_by_both(koch: Koch, tmp_path: Path) -> None:
    root = tmp_path / "set"
    no_camera = ("--camera", "none")

    kill_in_the_take(root, recording(root, *koch.options, seconds=600, more=no_camera), koch.is_released)
    save_what_was_cut_off(root)
    code, said = run(recording(root, *koch.options, episodes=2, seconds=3, more=no_camera))
    assert code == 0, said
    assert koch.is_released()

    _record_with_lerobot(root, koch.options)

    dataset = lerotool.Dataset(root)
    assert dataset.robot_type == "koch_follower"
    assert dataset.features[STATE].names == dataset.features[ACTION].names == [f"{joint}.pos" for joint in JOINTS]
    assert len(dataset.episodes) == 3
    judge(root)
    second = dataset.episodes[1]
    states, actions = (dataset.numpy(key, second.dataset_from, second.dataset_to) for key in (STATE, ACTION))
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
