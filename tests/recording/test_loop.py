"""The loop on a clock that moves only when told."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lerotool.devices.arms.arm import ArmPair
from lerotool.errors import DeviceError, DeviceTimeoutError
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Command, Controls, Ending
from lerotool.recording.episode_report import TakeLog
from lerotool.recording.events import Event, FreezeAlarm, PictureAlarm
from lerotool.recording.following import follow
from lerotool.recording.pacing import undisturbed
from lerotool.recording.take import Devices, Take
from tests.recording.parts import ClippingFollower, ClockedCamera, CountingLeader, ManualClock, Rows, build_robot

MS = 1_000_000
FPS = Fraction(100)
PERIOD = 10 * MS


class Stage:
    """A take on a manual clock."""

    def __init__(self, ticks: int, takes_ns: int = 0, cameras: Sequence[ClockedCamera] = ()) -> None:
        self.clock = ManualClock()
        self.controls = Controls()
        self.sink = Rows()
        self.robot = build_robot(self.clock, takes_ns)
        self.ticks = ticks
        self.cameras = list(cameras)
        self.events: list[Event] = []
        self.failure: BaseException | None = None
        self.log = TakeLog(ticks, [])

    @property
    def leader(self) -> CountingLeader:
        assert isinstance(self.robot.leader, CountingLeader)
        return self.robot.leader

    @property
    def follower(self) -> ClippingFollower:
        assert isinstance(self.robot.follower, ClippingFollower)
        return self.robot.follower

    def add_camera(self, period_ns: int, key: str = "observation.images.front") -> ClockedCamera:
        camera = ClockedCamera(self.clock, period_ns, key)
        self.cameras.append(camera)
        return camera

    def run(self, fps: Fraction = FPS) -> Ending:
        config = RecordingConfig(
            root=Path("x"), task="test", fps=fps, episode_time_s=self.ticks / fps, max_picture_age_s=0.05
        )
        take = Take(config, Devices(self.robot, self.cameras, {}), self.sink, "test", self.events.append)
        self.log = take.log
        return take.run(self.clock, self.controls, lambda: self.failure)

    def column(self, name: str) -> list[int]:
        return [row[name] for row in self.sink.rows]  # type: ignore[misc]


def test_every_tick_gets_one_row_on_the_exact_grid() -> None:
    stage = Stage(ticks=1000)
    fps = Fraction(30_000, 1001)
    assert stage.run(fps) is Ending.TIME
    assert stage.column("tick_ns") == [1_000 + k * 1001 * 1_000_000_000 // 30_000 for k in range(1000)]
    assert stage.log.rows == 1000
    assert stage.log.missed == 0


def test_a_late_tick_keeps_its_row_and_the_grid_stays() -> None:
    stage = Stage(ticks=5)
    stage.clock.overshoot_ns[2] = 7 * MS
    stage.run()
    assert stage.column("tick_ns") == [1_000 + k * PERIOD for k in range(5)]
    assert stage.log.lateness_ns.tolist() == [0, 0, 7 * MS, 0, 0]
    assert stage.log.missed == 0


def test_work_that_takes_time_does_not_shift_the_grid() -> None:
    stage = Stage(ticks=50, takes_ns=3 * MS)
    stage.run()
    assert stage.column("tick_ns") == [1_000 + k * PERIOD for k in range(50)]
    assert stage.log.lateness_ns.max() == 0


def test_a_tick_whose_period_has_passed_is_counted_and_gets_no_row() -> None:
    stage = Stage(ticks=8)
    stage.clock.overshoot_ns[2] = 25 * MS
    stage.run()
    assert stage.column("tick_ns") == [1_000 + k * PERIOD for k in (0, 1, 4, 5, 6, 7)]
    assert stage.log.missed == 2
    assert stage.log.lateness_ns.tolist() == [0, 0, 5 * MS, 0, 0, 0]


def test_rows_and_missed_ticks_make_up_the_take_when_it_ends_in_a_hole() -> None:
    stage = Stage(ticks=5)
    stage.clock.overshoot_ns[3] = 1_000 * MS
    assert stage.run() is Ending.TIME
    assert (stage.log.rows, stage.log.missed) == (3, 2)


def test_the_recorded_action_is_what_was_really_sent() -> None:
    stage = Stage(ticks=5)
    stage.run()
    assert [float(np.asarray(row["action"])[0]) for row in stage.sink.rows] == [1, 2, 3, 3, 3]
    assert [float(np.asarray(row["observation.state"])[0]) for row in stage.sink.rows] == [1, 2, 3, 4, 5]
    assert stage.follower.sent == [1, 2, 3, 3, 3]


def test_the_state_is_read_before_the_command_is_sent() -> None:
    stage = Stage(ticks=3, takes_ns=2 * MS)
    stage.run()
    for row in stage.sink.rows:
        assert row["observed_ns"] == row["tick_ns"] + 2 * MS  # type: ignore[operator]
        assert row["acted_ns"] == row["tick_ns"] + 4 * MS  # type: ignore[operator]


def test_each_row_names_the_newest_picture_of_each_camera() -> None:
    stage = Stage(ticks=9)
    stage.add_camera(20 * MS)
    stage.add_camera(4 * MS, "observation.images.wrist")
    stage.run()
    assert [row["observation.images.front"] for row in stage.column("pictures")] == [0, 0, 1, 1, 2, 2, 3, 3, 4]  # type: ignore[index]
    assert [row["observation.images.wrist"] for row in stage.column("pictures")] == [0, 2, 5, 7, 10, 12, 15, 17, 20]  # type: ignore[index]
    wrist = stage.log.cameras["observation.images.wrist"]
    assert wrist.ages_ns.tolist() == [0, 2 * MS, 0, 2 * MS, 0, 2 * MS, 0, 2 * MS, 0]


def test_an_old_picture_raises_one_alarm_until_it_is_fresh_again() -> None:
    stage = Stage(ticks=30)
    camera = stage.add_camera(10 * MS)
    camera.stalled_at = 3

    def revive(sleeps: int) -> None:
        if sleeps == 15:
            camera.stalled_at = None

    stage.clock.on_sleep = revive
    assert stage.run() is Ending.TIME
    begun, over = stage.events
    assert begun == PictureAlarm("observation.images.front", pytest.approx(0.06), is_over=False)
    assert over == PictureAlarm("observation.images.front", 0.0, is_over=True)
    log = stage.log.cameras["observation.images.front"]
    assert (log.alarms, log.late_rows, log.is_stale) == (1, 6, False)


def test_a_camera_that_stays_silent_ends_the_take_with_the_rows_before() -> None:
    stage = Stage(ticks=100)
    stage.add_camera(10 * MS).stalled_at = 3
    with pytest.raises(DeviceTimeoutError, match=r"has sent no picture for 0\.2 s"):
        stage.run()
    assert stage.log.rows == len(stage.sink.rows) == 24


@pytest.mark.parametrize(
    ("break_it", "match"),
    [
        (lambda stage: setattr(stage.cameras[0], "lost_reason", "unplugged"), "is lost: unplugged"),
        (lambda stage: setattr(stage.cameras[0], "failure", OSError(28, "disk full")), "disk full"),
        (lambda stage: setattr(stage.leader, "error", DeviceError("the leader is silent")), "the leader is silent"),
        (lambda stage: setattr(stage.sink, "error", OSError(28, "disk full")), "disk full"),
        (lambda stage: setattr(stage, "failure", OSError(5, "sync failed")), "sync failed"),
    ],
    ids=["camera lost", "camera cannot write", "leader silent", "row cannot be written", "sync failed"],
)
def test_a_failure_ends_the_take_and_leaves_the_rows_before(break_it: Callable[[Stage], None], match: str) -> None:
    stage = Stage(ticks=10)
    stage.add_camera(10 * MS)
    stage.clock.on_sleep = lambda sleeps: break_it(stage) if sleeps == 4 else None
    with pytest.raises((DeviceError, OSError), match=match):
        stage.run()
    assert stage.log.rows == len(stage.sink.rows) == 4


@pytest.mark.parametrize("command", list(Command)[1:])
def test_a_command_ends_the_take_before_the_next_row(command: Command) -> None:
    stage = Stage(ticks=10)
    stage.clock.on_sleep = lambda sleeps: stage.controls.give(command) if sleeps == 4 else None
    assert stage.run() == command.name.lower()
    assert len(stage.sink.rows) == 4


def test_a_frozen_camera_is_told_once_and_when_it_moves_again() -> None:
    stage = Stage(ticks=8)
    camera = stage.add_camera(PERIOD)

    def freeze(sleeps: int) -> None:
        camera.is_frozen = 2 <= sleeps < 5

    stage.clock.on_sleep = freeze
    stage.run()
    assert stage.events == [FreezeAlarm(camera.key, is_over=False), FreezeAlarm(camera.key, is_over=True)]
    assert len(stage.sink.rows) == 8


def test_stale_joints_are_marked_and_counted() -> None:
    stage = Stage(ticks=6)

    def go_stale(sleeps: int) -> None:
        stage.follower.stale = 0b10 if sleeps in (2, 3) else 0
        stage.leader.stale = 0b01 if sleeps == 5 else 0

    stage.clock.on_sleep = go_stale
    stage.run()
    assert stage.column("stale") == [0, 0, 2, 2, 0, 0]
    assert stage.column("stale_action") == [0, 0, 0, 0, 0, 1]
    assert (stage.log.stale_rows, stage.log.stale_actions) == (2, 1)


def test_between_takes_the_follower_follows_and_nothing_is_recorded() -> None:
    clock, controls = ManualClock(0), Controls()
    robot: ArmPair = build_robot(clock, MS)
    ending = follow(robot, FPS, clock, controls, lambda now_ns: now_ns >= 55 * MS)
    assert ending is Ending.TIME
    assert isinstance(robot.follower, ClippingFollower)
    assert robot.follower.sent == [1, 2, 3, 3, 3, 3]


def test_following_never_catches_up_on_ticks_that_have_passed() -> None:
    clock, controls = ManualClock(0), Controls()
    clock.overshoot_ns[1] = 35 * MS
    robot = build_robot(clock)
    follow(robot, FPS, clock, controls, lambda now_ns: now_ns >= 60 * MS)
    assert isinstance(robot.follower, ClippingFollower)
    assert len(robot.follower.sent) == 3


def test_the_interpreter_is_put_back_as_it_was_after_a_take() -> None:
    interval = sys.getswitchinterval()
    seen = []

    def fail() -> None:
        with undisturbed():
            seen.append((gc.isenabled(), sys.getswitchinterval()))
            raise OSError("x")

    with pytest.raises(OSError, match="x"):
        fail()
    assert seen == [(False, pytest.approx(0.0005))]
    assert gc.isenabled()
    assert sys.getswitchinterval() == pytest.approx(interval)


def test_a_weaker_command_never_replaces_a_stronger_one() -> None:
    controls = Controls()
    controls.give(Command.STOP)
    controls.give(Command.NEXT)
    assert controls.command is Command.STOP
    controls.begin_phase()
    assert controls.is_leaving
    assert controls.interrupt() is Command.INTERRUPT
    assert controls.interrupt() is Command.ABORT
    assert controls.wishes_to_leave == 3
