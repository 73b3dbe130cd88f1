"""A device that is lost ends the take, not the session: what was recorded is saved, and the device is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lerotool.devices.arms.arm import ArmPair, JointReading
from lerotool.errors import DeviceError, DeviceLostError
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Command, Ending
from lerotool.recording.events import DeviceLost, DevicesBack, SessionEnd
from lerotool.recording.status import Phase, Status
from lerotool.spool.pending import list_pending
from lerotool.testing.mjpeg_camera import EmulatedCamera
from tests.recording.sessions import FPS, Stage, build_config, stage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "dataset"


@pytest.fixture
def camera() -> Iterator[EmulatedCamera]:
    with EmulatedCamera(size=(128, 64), fps=FPS) as camera:
        yield camera


def waiting_config(root: Path, **changes: Any) -> RecordingConfig:
    """Return the config of a session whose takes are long enough to notice a lost device in them."""
    return build_config(root, episode_time_s=1.0, **changes)


class Unpluggable:
    """Pulls the cable of a camera in a take, and does something while it is waited for."""

    def __init__(self, ready: Stage, camera: EmulatedCamera, rows: int = 8) -> None:
        self._ready = ready
        self._camera = camera
        self._rows = rows
        self._is_pulled = False
        self.while_away = camera.replug

    def __call__(self, status: Status) -> None:
        if not self._is_pulled and status.take is not None and status.take.rows == self._rows:
            self._is_pulled = True
            self._camera.unplug()
        if self._is_pulled and status.phase is Phase.RECONNECTING:
            action, self.while_away = self.while_away, lambda: None
            action()


def test_a_camera_that_is_plugged_in_again_is_recorded_again(root: Path, camera: EmulatedCamera) -> None:
    with stage(waiting_config(root, reconnect_s=30.0), cameras={"front": camera.url, "wrist": "sim:numbered"}) as ready:
        ready.steer(Unpluggable(ready, camera))
        report = ready.run()
    assert (report.ended, report.total) == (SessionEnd.COMPLETE, 2)
    assert [report.episodes[number].ended for number in (0, 1)] == [Ending.FAILURE, Ending.TIME]
    first, second = list_pending(root)
    assert 8 <= first.length < second.length
    for episode in (first, second):
        named = episode.rows()["picture/observation.images.front"].to_numpy()
        assert len(np.unique(named)) > 1
        assert named.max() < len(episode.camera("observation.images.front"))
    (lost,) = ready.told(DeviceLost)
    assert "front" in lost.reason
    assert len(ready.told(DevicesBack)) == 1


def test_the_follower_goes_on_following_while_a_camera_is_waited_for(root: Path, camera: EmulatedCamera) -> None:
    sent: list[float] = []
    with stage(waiting_config(root, reconnect_s=30.0), cameras={"front": camera.url}) as ready:
        pull = Unpluggable(ready, camera)
        send = ready.robot.follower.send

        def note(goal: np.ndarray) -> np.ndarray:
            if ready.session.status().phase is Phase.RECONNECTING:
                sent.append(float(goal[0]))
            if len(sent) == 5:
                camera.replug()
            return send(goal)

        pull.while_away = lambda: None
        ready.robot.follower.send = note  # type: ignore[method-assign]
        ready.steer(pull)
        assert ready.run().ended is SessionEnd.COMPLETE
    assert len(sent) >= 5


def test_a_camera_that_stays_away_ends_the_session_with_what_was_recorded(root: Path, camera: EmulatedCamera) -> None:
    with stage(waiting_config(root, reconnect_s=0.3), cameras={"front": camera.url}) as ready:
        pull = Unpluggable(ready, camera)
        pull.while_away = lambda: None
        ready.steer(pull)
        with pytest.raises(DeviceError, match="front"):
            ready.run()
        assert not ready.robot.is_open
    assert ready.session.report is not None
    assert (ready.session.report.ended, ready.session.report.total) == (SessionEnd.FAILED, 1)
    assert not ready.told(DevicesBack)
    assert list_pending(root)[0].length >= 8


def test_whoever_does_not_want_to_wait_leaves(root: Path, camera: EmulatedCamera) -> None:
    with stage(waiting_config(root, reconnect_s=30.0), cameras={"front": camera.url}) as ready:
        pull = Unpluggable(ready, camera)
        pull.while_away = lambda: ready.controls.give(Command.STOP)
        ready.steer(pull)
        report = ready.run()
    assert (report.ended, report.total) == (SessionEnd.STOPPED, 1)


class Breakable:
    """A robot that is silent from a given row on, until it is opened anew."""

    def __init__(self, robot: ArmPair) -> None:
        self._read, self._open = robot.leader.read, robot.leader.open
        self._is_silent = False
        self.opened = 0
        robot.leader.read = self.read  # type: ignore[method-assign]
        robot.leader.open = self.open  # type: ignore[method-assign]

    def read(self) -> JointReading:
        if self._is_silent:
            raise DeviceLostError("the leader is silent")
        return self._read()

    def open(self) -> None:
        self._is_silent = False
        self.opened += 1
        self._open()

    def fall_silent(self) -> None:
        self._is_silent = True


def test_a_robot_that_is_lost_is_opened_again(root: Path) -> None:
    with stage(waiting_config(root, reconnect_s=30.0)) as ready:
        robot = Breakable(ready.robot)

        def break_it(status: Status) -> None:
            if status.take is not None and status.episode == 0 and status.take.rows == 6:
                robot.fall_silent()

        opened: list[str] = []
        open_follower = ready.robot.follower.open
        ready.robot.follower.open = lambda: (opened.append("follower"), open_follower())[1]  # type: ignore[method-assign]
        ready.steer(break_it)
        report = ready.run()
    assert (report.ended, report.total, robot.opened) == (SessionEnd.COMPLETE, 2, 2)
    assert opened == ["follower"], "the follower, which is well, goes on holding"
    assert report.episodes[0].rows == 6
    assert [event.reason for event in ready.told(DeviceLost)] == ["the leader is silent"]


def test_nobody_waits_for_a_device_after_the_last_take(root: Path, camera: EmulatedCamera) -> None:
    with stage(waiting_config(root, episodes=1, reconnect_s=30.0), cameras={"front": camera.url}) as ready:
        ready.steer(Unpluggable(ready, camera))
        with pytest.raises(DeviceError, match="front"):
            ready.run()
    assert list_pending(root)[0].length >= 8
    assert not ready.told(DeviceLost)
