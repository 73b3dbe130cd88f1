"""Following without recording."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lerotool.devices.arms.arm import ArmPair
from lerotool.errors import DeviceLostError
from lerotool.recording.controls import Command, Controls
from lerotool.recording.events import AlignmentStarted, Event
from lerotool.recording.following import Teleoperation, TeleoperationEnded
from lerotool.recording.status import Phase
from tests.recording.parts import ClippingFollower, CountingLeader, ManualClock

FPS = Fraction(100)


class ShyFollower(ClippingFollower):
    """Is aligned after ``shy`` goals."""

    def __init__(self, clock: ManualClock, shy: int) -> None:
        super().__init__(clock)
        self._shy = shy

    @property
    def is_aligned(self) -> bool:
        return len(self.sent) >= self._shy


class Stage:
    """A teleoperation that is left after a number of sleeps."""

    def __init__(self, sleeps: int, shy: int = 0) -> None:
        self.clock = ManualClock()
        self.controls = Controls()
        self.events: list[Event] = []
        self.follower = ShyFollower(self.clock, shy)
        self.leader = CountingLeader(self.clock)
        self.phases: list[Phase] = []
        robot = ArmPair("test", self.leader, self.follower)
        self.session = Teleoperation(robot, FPS, self.controls, listen=self.events.append, clock=self.clock)

        def act(count: int) -> None:
            self.phases.append(self.session.status().phase)
            if count == sleeps:
                self.controls.give(Command.STOP)
            elif count % 3 == 0:
                self.controls.give(Command.NEXT)

        self.clock.on_sleep = act


def test_the_follower_follows_until_somebody_leaves_and_other_keys_mean_nothing() -> None:
    stage = Stage(sleeps=20)
    report = stage.session.run()
    assert stage.follower.sent[:3] == [1.0, 2.0, 3.0]
    assert stage.leader.reads >= 13
    assert not stage.leader.is_open
    assert not stage.follower.is_open
    assert stage.events == [report]
    assert isinstance(report, TeleoperationEnded)


def test_the_follower_comes_to_the_leader_first() -> None:
    stage = Stage(sleeps=30, shy=5)
    stage.session.run()
    assert isinstance(stage.events[0], AlignmentStarted)
    assert list(dict.fromkeys(stage.phases)) == [Phase.ALIGNING, Phase.TELEOPERATING]
    assert stage.session.status().phase is Phase.DONE


def test_an_arm_that_is_lost_ends_it_and_both_are_closed() -> None:
    stage = Stage(sleeps=1000)
    stage.leader.error = DeviceLostError("the leader is silent")
    with pytest.raises(DeviceLostError, match="silent"):
        stage.session.run()
    assert not stage.follower.is_open
    assert np.size(stage.follower.sent) == 0
