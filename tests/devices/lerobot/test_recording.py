"""Robots that LeRobot drives are recorded like any other, whatever a plug-in does."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.features import ACTION, STATE
from tests.devices.lerobot.wobble import STEERED, recording, run, start
from tests.lerobot_judge import judge, use_tools
from tests.patience import wait_for

pytestmark = pytest.mark.lerobot


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes of the plug-in, encoded."""
    root = tmp_path_factory.mktemp("wobble") / "set"
    code, said = run(recording(root, *STEERED, episodes=2))
    assert code == 0, said
    assert "mode: not numbers, so LeRobot does not record them" in said
    return root


def test_what_was_measured_is_recorded_in_the_order_of_lerobot(recorded: Path) -> None:
    dataset = lerotool.Dataset(recorded)

    assert dataset.robot_type == "wobble"
    assert dataset.features[STATE].names == ["arm.pos", "base.vel", "force"]
    assert dataset.features[ACTION].names == ["arm.pos", "base.vel"]
    for episode in dataset.episodes:
        reads, velocities, forces = dataset.numpy(STATE, episode.dataset_from, episode.dataset_to).T
        assert (np.diff(reads) >= 1).all()
        np.testing.assert_array_equal(velocities, -reads)
        np.testing.assert_array_equal(forces, reads / 2)


def test_what_was_sent_is_recorded_and_not_what_was_wanted(recorded: Path) -> None:
    dataset = lerotool.Dataset(recorded)

    arm, base = dataset.numpy(ACTION, 0, dataset.num_frames).T

    # On a busy machine a soft start may hold the arm back at first.
    assert (base >= np.minimum(10 * arm, 50)).all()
    assert base.max() == 50
    assert arm.max() > 5, "more was wanted of the base"


def test_a_row_has_the_picture_of_its_own_observation(recorded: Path) -> None:
    dataset = lerotool.Dataset(recorded)
    camera = "observation.images.eye"

    for episode in dataset.episodes:
        reads = dataset.numpy(STATE, episode.dataset_from, episode.dataset_to)[:, 0]
        pictures = np.array([frame.mean() for frame in dataset.frames(episode.index, camera)])
        np.testing.assert_allclose(pictures, reads % 200, atol=4)


def test_lerobot_loads_it_and_goes_on_with_it(recorded: Path, tmp_path: Path) -> None:
    judge(recorded)
    answers = use_tools([{"root": str(recorded), "operations": ["resume"], "takes": 0}], tmp_path)
    assert answers[str(recorded)] == {"resume": ""}


def test_a_robot_that_cannot_be_released_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    code, said = run(recording(tmp_path / "set", *STEERED, "--robot.fails_to_disconnect=true"))

    assert code == 7
    assert "the robot may still hold torque: robot 'wobble': RuntimeError: torque did not go off" in said
    assert len(lerotool.Dataset(tmp_path / "set").episodes) == 1


def test_a_robot_that_cannot_be_released_is_said_also_after_another_failure(tmp_path: Path) -> None:
    failing = ("--robot.shrinks_after=5", "--robot.fails_to_disconnect=true")

    code, said = run(recording(tmp_path / "set", *STEERED, *failing, seconds=60))

    assert code == 7
    assert "camera 'eye': expected a uint8 picture" in said
    assert "also: the robot may still hold torque: robot 'wobble': RuntimeError: torque did not go off" in said


def test_a_silent_robot_is_killed_and_the_take_is_kept(tmp_path: Path) -> None:
    robot = tmp_path / "bench.toml"
    options = [*STEERED, "--robot.hangs_after=5", "--robot.has_camera=false"]
    robot.write_text(f'type = "lerobot"\nsilence_s = 5.0\noptions = {json.dumps(options)}\n')
    arguments = recording(tmp_path / "set", more=("--robot", str(robot)), seconds=60)

    code, said = run(arguments[: arguments.index("--")])

    assert code == 7
    assert "LeRobot was silent for 5 s and has been killed; its robot may still hold torque" in said
    assert lerotool.Dataset(tmp_path / "set").num_frames > 0


def test_the_death_of_lerobots_process_costs_at_most_the_tick_in_progress(tmp_path: Path) -> None:
    code, said = run(
        recording(tmp_path / "set", *STEERED, "--robot.dies_after=5", "--robot.has_camera=false", seconds=60)
    )

    assert code == 7
    assert "LeRobot's process has ended (code -9); its robot may still hold torque: wobble is read" in said
    reads = lerotool.Dataset(tmp_path / "set").numpy(STATE, 0, None)[:, 0]
    assert reads[-1] == 5


def test_the_recorders_death_releases_the_robot(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start(recording(tmp_path / "set", *STEERED, f"--robot.log={log}", seconds=600))
    try:
        wait_for(lambda: list((tmp_path / "set").glob(".lerotool/pending/*/rows.log")), "the take")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()

    wait_for(lambda: log.read_text().split() == ["connected", "disconnected"], "the release")


def test_a_slow_read_shows_as_late_rows(tmp_path: Path) -> None:
    slow = ("--robot.slow_every=10", "--robot.slow_s=0.2", "--robot.has_camera=false")
    code, said = run(recording(tmp_path / "set", *STEERED, *slow, seconds=2))

    assert code == 0, said
    assert "missed ticks" in said
    reads, velocities, _ = lerotool.Dataset(tmp_path / "set").numpy(STATE, 0, None).T
    np.testing.assert_array_equal(velocities, -reads)
