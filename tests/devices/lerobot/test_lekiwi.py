"""LeRobot's LeKiwi client with an emulated host: a robot over the network, which owns its cameras."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.devices.robots import build_robot
from lerotool.errors import DeviceError
from lerotool.features import ACTION, STATE
from tests.devices.lerobot.wobble import build, kill_in_the_take, python, recording, run, save_what_was_cut_off
from tests.lerobot_judge import judge, use_tools
from tests.patience import wait_for
from tests.rig import NAME, Rig

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]

HOST = Path(__file__).with_name("lekiwi_host.py")
ARM = [f"arm_{joint}.pos" for joint in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")]
NAMES = [*ARM, "arm_gripper.pos", "x.vel", "y.vel", "theta.vel"]
CAMERA = "observation.images.front"


@dataclass(frozen=True, slots=True)
class LeKiwi:
    """A running host and a leader arm.

    Attributes:
        log: where the host says that it stopped its base for want of commands.
    """

    host: subprocess.Popen[str]
    log: Path
    robot: tuple[str, ...]
    teleop: tuple[str, ...]

    def has_stopped(self) -> bool:
        """Whether the host has noticed that nobody steers it any more."""
        return self.log.exists()


@pytest.fixture
def lekiwi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LeKiwi]:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    log = tmp_path / "stopped"
    command = [str(python()), str(HOST), str(log)]
    with (
        Rig(cameras=0) as rig,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host,
    ):
        with build_robot(NAME):
            pass
        assert host.stdout is not None
        commands, observations = json.loads(host.stdout.readline())
        cameras = "{front: {type: opencv, index_or_path: 0, width: 128, height: 64, fps: 30}}"
        ports = (f"--robot.port_zmq_cmd={commands}", f"--robot.port_zmq_observations={observations}")
        patience = "--robot.connect_timeout_s=60"
        robot = ("--robot.type=lekiwi_client", "--robot.remote_ip=127.0.0.1", *ports, patience)
        teleop = ("--teleop.type=so101_leader", f"--teleop.port={rig.leader.port}", f"--teleop.id={NAME}")
        try:
            yield LeKiwi(host, log, (*robot, f"--robot.cameras={cameras}"), teleop)
        finally:
            host.send_signal(signal.SIGCONT)
            host.communicate()


def test_lekiwi_is_recorded_killed_and_resumed_by_both(lekiwi: LeKiwi, tmp_path: Path) -> None:
    root = tmp_path / "set"
    options = (*lekiwi.robot, *lekiwi.teleop)

    kill_in_the_take(root, recording(root, *options, seconds=600), lekiwi.has_stopped)
    save_what_was_cut_off(root)
    code, said = run(recording(root, *options, episodes=2, seconds=3))

    assert code == 0, said

    assert "LeKiwi's base will stand still: ImportError: " in said
    dataset = lerotool.Dataset(root)
    assert dataset.robot_type == "lekiwi_client"
    assert dataset.features[STATE].names == dataset.features[ACTION].names == NAMES
    assert len(dataset.episodes) == 2
    judge(root)
    answers = use_tools([{"root": str(root), "operations": ["resume"], "takes": 0}], tmp_path)
    assert answers[str(root)] == {"resume": ""}
    second = dataset.episodes[1]
    states, actions = (dataset.numpy(key, second.dataset_from, second.dataset_to) for key in (STATE, ACTION))
    assert np.ptp(actions[:, 0]) > 1, "the leader moves"
    assert not actions[:, 6:].any(), "nobody presses a key"
    pictures = np.array([frame.reshape(-1, 3).mean(0) for frame in dataset.frames(1, CAMERA)])
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
