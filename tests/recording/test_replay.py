"""Replay sends what was recorded, at the rate at which it was recorded, to the right joints."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lerotool.dataset.dataset import Dataset
from lerotool.devices.arms.arm import ArmPair
from lerotool.errors import IncompatibleDatasetError, UsageError
from lerotool.features import ACTION, vector
from lerotool.recording.controls import Command, Controls
from lerotool.recording.events import Event
from lerotool.recording.following import Motion, Replay, ReplayEnded, read_motion
from lerotool.recording.status import Phase
from lerotool.writer import DatasetWriter
from tests.recording.parts import ClippingFollower, ManualClock

FPS = Fraction(50)
PERIOD_NS = 20_000_000


def write_dataset(root: Path, names: Sequence[str], episodes: Sequence[NDArray[np.float32]]) -> Dataset:
    with DatasetWriter.create(root, fps=50, features={ACTION: vector(names).to_json()}) as writer:
        for actions in episodes:
            for action in actions:
                writer.add_frame({ACTION: action, "task": "test"})
            writer.save_episode()
    return Dataset.open(root)


AB = vector(["a.pos", "b.pos"])


def motion_of(values: Sequence[Sequence[float]]) -> Motion:
    return Motion(4, np.array(values, np.float32), FPS)


class NotingFollower(ClippingFollower):
    """Notes when it was sent what; is aligned after ``shy`` goals."""

    def __init__(self, clock: ManualClock, shy: int = 0) -> None:
        super().__init__(clock)
        self._shy = shy
        self.goals: list[list[float]] = []
        self.times_ns: list[int] = []

    @property
    def is_aligned(self) -> bool:
        return len(self.goals) >= self._shy

    def send(self, goal: NDArray[np.float32]) -> NDArray[np.float32]:
        self.goals.append([float(value) for value in goal])
        self.times_ns.append(self._clock.now_ns)
        return super().send(goal)


def replayed(
    motion: Motion, shy: int = 0, leave_at: int | None = None
) -> tuple[ReplayEnded, NotingFollower, list[Phase]]:
    clock, controls, events, phases = ManualClock(), Controls(), list[Event](), list[Phase]()
    follower = NotingFollower(clock, shy)
    replay = Replay(motion, ArmPair("test", None, follower), controls, listen=events.append, clock=clock)

    def act(count: int) -> None:
        phases.append(replay.status().phase)
        if count == leave_at:
            controls.give(Command.STOP)

    clock.on_sleep = act
    report = replay.run()
    assert events[-1] is report
    assert not follower.is_open
    return report, follower, phases


def test_actions_are_found_by_the_names_of_the_joints(tmp_path: Path) -> None:
    first = np.arange(6, dtype=np.float32).reshape(3, 2)
    dataset = write_dataset(tmp_path / "d", ["b.pos", "a.pos"], [first, first + 100])
    motion = read_motion(dataset, 1, AB)
    assert motion.actions.tolist() == [[101, 100], [103, 102], [105, 104]]
    assert (motion.episode, motion.fps) == (1, FPS)


@pytest.mark.parametrize("names", [["a.pos", "c.pos"], ["a.pos"], ["a.pos", "b.pos", "c.pos"]])
def test_actions_of_other_joints_are_refused(tmp_path: Path, names: list[str]) -> None:
    dataset = write_dataset(tmp_path / "d", names, [np.zeros((2, len(names)), np.float32)])
    with pytest.raises(IncompatibleDatasetError, match=r"the actions are of a\.pos.*the robot has a\.pos, b\.pos"):
        read_motion(dataset, 0, AB)


def test_an_episode_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", ["a.pos", "b.pos"], [np.zeros((2, 2), np.float32)])
    with pytest.raises(UsageError, match="episode 1 does not exist") as caught:
        read_motion(dataset, 1, AB)
    assert caught.value.hint is not None
    assert "0 to 0" in caught.value.hint


def test_every_action_is_sent_once_on_the_grid() -> None:
    report, follower, _ = replayed(motion_of([[k, 0] for k in range(4)]))
    assert follower.goals == [[k, 0] for k in range(4)]
    assert np.diff(follower.times_ns).tolist() == [PERIOD_NS] * 3
    assert (report.rows, report.total, report.late, report.limited) == (4, 4, 0, 0)


def test_the_arm_comes_to_the_first_pose_before_the_episode_begins() -> None:
    report, follower, phases = replayed(motion_of([[2, 0], [3, 0]]), shy=3)
    assert follower.goals == [[2, 0]] * 3 + [[2, 0], [3, 0]]
    assert list(dict.fromkeys(phases)) == [Phase.ALIGNING, Phase.REPLAYING]
    assert report.rows == 2


def test_what_could_not_be_sent_as_it_was_is_counted() -> None:
    report, _, _ = replayed(motion_of([[3, 0], [9, 0], [3.4, 0]]))
    assert report.limited == 1


def test_stopping_sends_nothing_more_and_is_reported() -> None:
    report, follower, _ = replayed(motion_of([[0, 0]] * 10), leave_at=4)
    assert (report.rows, report.total, len(follower.goals)) == (4, 10, 4)


def test_the_tracking_error_is_from_what_was_sent_the_row_before() -> None:
    # The follower reads 1, 2, 3 for its joints, whatever it is sent.
    report, _, _ = replayed(motion_of([[1, 2], [1, 2], [1, 2], [1, 2]]))
    assert report.error == {
        "a": pytest.approx((0 + 1 + 2) / 3, abs=1e-3),
        "b": pytest.approx((1 + 0 + 1) / 3, abs=1e-3),
    }
