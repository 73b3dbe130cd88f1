"""Teleoperation: the follower follows the leader, nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from lerotool.devices.robot import Robot
from lerotool.recording.controls import Controls
from lerotool.recording.events import AlignmentStarted, Event
from lerotool.recording.loop import follow
from lerotool.recording.pacing import Clock, Schedule, SystemClock
from lerotool.recording.status import Phase, Status


@dataclass(frozen=True, slots=True)
class TeleoperationEnded(Event):
    """The arms are safe again."""

    type: ClassVar[str] = "teleoperation"
    seconds: float


class Teleoperation:
    """One stretch of following. Use it once.

    `fps`: how often a second the follower is sent where the leader is. `listen`: called with every event; must return
    at once.
    """

    def __init__(
        self,
        robot: Robot,
        fps: Fraction,
        controls: Controls,
        *,
        listen: Callable[[Event], None],
        clock: Clock | None = None,
    ) -> None:
        self._robot = robot
        self._fps = fps
        self._controls = controls
        self._listen = listen
        self._clock = clock or SystemClock()
        self._phase = (Phase.STARTING, self._clock.monotonic_ns())

    def status(self) -> Status:
        """Return a snapshot; from any thread."""
        phase, began_ns = self._phase
        seconds = (self._clock.monotonic_ns() - began_ns) / 1e9
        return Status(phase=phase, elapsed_s=seconds, alarms=self._robot.alarms, is_leaving=self._controls.is_leaving)

    def run(self) -> TeleoperationEnded:
        """Follow until somebody wants to leave."""
        began_ns = self._clock.monotonic_ns()
        with self._robot:
            if not self._robot.is_aligned:
                self._begin(Phase.ALIGNING)
                self._listen(AlignmentStarted())
                self._follow(lambda: self._robot.is_aligned)
            self._begin(Phase.TELEOPERATING)
            self._follow(lambda: False)
        self._begin(Phase.DONE)
        report = TeleoperationEnded(round((self._clock.monotonic_ns() - began_ns) / 1e9, 3))
        self._listen(report)
        return report

    def _begin(self, phase: Phase) -> None:
        self._phase = (phase, self._clock.monotonic_ns())

    def _follow(self, is_over: Callable[[], bool]) -> None:
        """Follow until that is over; commands of a recording mean nothing here, wishes to leave do."""
        while not (is_over() or self._controls.is_leaving):
            self._controls.begin_phase()
            schedule = Schedule(self._clock.monotonic_ns(), self._fps)
            follow(self._robot, schedule, self._clock, self._controls, lambda _: is_over())
