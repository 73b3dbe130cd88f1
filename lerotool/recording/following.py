"""The robot moves and nothing is recorded: between takes, in teleoperation, and in replay of an episode's actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lerotool.dataset.dataset import Dataset
from lerotool.devices.robot import Robot, Values
from lerotool.errors import IncompatibleDatasetError, UsageError
from lerotool.features import ACTION, STATE, Feature
from lerotool.recording.controls import Controls, Ending
from lerotool.recording.episode_report import LATE_AFTER_NS
from lerotool.recording.events import AlignmentStarted, Event
from lerotool.recording.pacing import Clock, Schedule
from lerotool.recording.status import Phase, Status

_SUFFIX = ".pos"
LIMITED_BY = 0.5
"""What was sent counts as limited if a joint is further from the action than this; a servo step is 0.09 degrees."""


def follow(
    robot: Robot,
    fps: Fraction,
    clock: Clock,
    controls: Controls,
    is_over: Callable[[int], bool],
    wanted: Callable[[], Values] | None = None,
) -> Ending:
    """Let the robot do what the person wants, or ``wanted`` gives, until ``is_over(now_ns)`` or a command."""
    schedule = Schedule(clock.monotonic_ns(), fps)
    tick = 0
    while True:
        now_ns = clock.sleep_until(schedule.due_ns(tick))
        if controls.command:
            return controls.ending
        if is_over(now_ns):
            return Ending.TIME
        robot.send(robot.command().values if wanted is None else wanted())
        tick = schedule.tick_at(clock.monotonic_ns()) + 1


class _Unrecorded:
    """A session that records nothing. Use it once.

    `fps`: how often a second the robot is sent something. `listen`: called with every event; must return at once.
    """

    _episode = 0

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
        self._clock = clock or Clock()
        self._begin(Phase.STARTING)

    def status(self) -> Status:
        """Return a snapshot; from any thread."""
        phase, began_ns, length_s = self._phase
        return Status(
            phase=phase,
            elapsed_s=(self._clock.monotonic_ns() - began_ns) / 1e9,
            episode=self._episode,
            length_s=length_s,
            alarms=self._robot.alarms,
            is_leaving=self._controls.is_leaving,
        )

    def _begin(self, phase: Phase, length_s: float | None = None) -> None:
        self._phase = (phase, self._clock.monotonic_ns(), length_s)

    def _align(self, wanted: Callable[[], Values] | None = None) -> None:
        """Let the robot come to the first pose slowly."""
        if not self._robot.is_aligned:
            self._begin(Phase.ALIGNING)
            self._listen(AlignmentStarted())
            self._follow(lambda: self._robot.is_aligned, wanted)

    def _follow(self, is_over: Callable[[], bool], wanted: Callable[[], Values] | None = None) -> None:
        """Follow until that is over; commands of a recording mean nothing here, wishes to leave do."""
        while not (is_over() or self._controls.is_leaving):
            self._controls.begin_phase()
            follow(self._robot, self._fps, self._clock, self._controls, lambda _: is_over(), wanted)


@dataclass(frozen=True, slots=True)
class TeleoperationEnded(Event):
    """The arms are safe again."""

    type: ClassVar[str] = "teleoperation"
    seconds: float


class Teleoperation(_Unrecorded):
    """One stretch of following the leader."""

    def run(self) -> TeleoperationEnded:
        """Follow until somebody wants to leave."""
        began_ns = self._clock.monotonic_ns()
        with self._robot:
            self._align()
            self._begin(Phase.TELEOPERATING)
            self._follow(lambda: False)
        self._begin(Phase.DONE)
        report = TeleoperationEnded(round((self._clock.monotonic_ns() - began_ns) / 1e9, 3))
        self._listen(report)
        return report


@dataclass(frozen=True, slots=True)
class Motion:
    """The actions of one episode."""

    episode: int
    actions: NDArray[np.float32]  # float32, shape (rows, joints), in the order of the robot's action
    fps: Fraction  # rows per second

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return len(self.actions) / float(self.fps)


@dataclass(frozen=True, slots=True)
class ReplayEnded(Event):
    """The arm is safe again."""

    type: ClassVar[str] = "replay"
    episode: int
    rows: int
    total: int
    seconds: float  # from the first action to the last, measured
    late: int  # actions sent more than 5 ms late
    limited: int  # actions of which something else was sent, because a joint's range or the largest step forbade it
    # How far each joint was from where it had been sent one row before, mean of absolute values, by joint; empty where
    # the robot does not measure what it is sent.
    error: dict[str, float]


def read_motion(dataset: Dataset, episode: int, action: Feature) -> Motion:
    """Read what a robot with this action shall do."""
    count = len(dataset.episodes)
    if not 0 <= episode < count:
        known = f"0 to {count - 1}" if count else "none"
        raise UsageError(f"episode {episode} does not exist", hint=f"episodes of {dataset.root}: {known}")
    order = _order(dataset, action)
    found = dataset.episodes[episode]
    actions = dataset.numpy(ACTION, found.dataset_from, found.dataset_to)[:, order].astype(np.float32)
    if not np.isfinite(actions).all():
        row = int(np.argmin(np.isfinite(actions).all(axis=1)))
        raise IncompatibleDatasetError(f"episode {episode}, row {row}: the action is not finite and cannot be sent")
    return Motion(episode, actions, Fraction(dataset.fps))


def _order(dataset: Dataset, action: Feature) -> list[int]:
    feature = dataset.features.get(ACTION)
    if feature is None:
        raise IncompatibleDatasetError(f"{dataset.root} has no feature {ACTION!r}")
    names = feature.dimension_names or ()
    wanted = list(action.dimension_names or ())
    if sorted(names) != sorted(wanted):
        raise IncompatibleDatasetError(
            f"{dataset.root}: the actions are of {', '.join(names) or 'joints without names'}, "
            f"the robot has {', '.join(wanted)}",
            hint="replay on the kind of robot that was recorded",
        )
    return [names.index(name) for name in wanted]


class Replay(_Unrecorded):
    """One replay."""

    def __init__(
        self,
        motion: Motion,
        robot: Robot,
        controls: Controls,
        *,
        listen: Callable[[Event], None],
        clock: Clock | None = None,
    ) -> None:
        super().__init__(robot, motion.fps, controls, listen=listen, clock=clock)
        self._motion = motion
        self._episode = motion.episode
        features = robot.features()
        self._names = tuple(features[ACTION].dimension_names or ())
        self._measured_names = tuple(features[STATE].dimension_names or ()) if STATE in features else ()
        self._error = np.zeros(motion.actions.shape[1], np.float64)
        self._rows = self._measured = self._late = self._limited = 0

    def run(self) -> ReplayEnded:
        """Go slowly to the first action, then send one per row until the end or a wish to stop."""
        with self._robot:
            self._align(lambda: {ACTION: self._motion.actions[0]})
            seconds = self._replay()
        self._begin(Phase.DONE)
        report = self._report(seconds)
        self._listen(report)
        return report

    def _replay(self) -> float:
        motion, clock = self._motion, self._clock
        self._begin(Phase.REPLAYING, motion.seconds)
        schedule = Schedule(clock.monotonic_ns(), motion.fps)
        sent: NDArray[np.float32] | None = None
        for row, action in enumerate(motion.actions):
            due_ns = schedule.due_ns(row)
            now_ns = clock.sleep_until(due_ns)
            if self._controls.is_leaving:
                break
            if sent is not None:
                self._measure(sent)
            sent = self._robot.send({ACTION: action})[ACTION]
            self._late += now_ns - due_ns > LATE_AFTER_NS
            self._limited += bool(np.abs(sent - action).max() > LIMITED_BY)
            self._rows += 1
        return (clock.monotonic_ns() - schedule.start_ns) / 1e9

    def _measure(self, sent: NDArray[np.float32]) -> None:
        observed = self._robot.observe()
        if self._measured_names == self._names and not observed.stale:
            self._error += np.abs(observed.values[STATE] - sent)
            self._measured += 1

    def _report(self, seconds: float) -> ReplayEnded:
        means = self._error / max(self._measured, 1)
        return ReplayEnded(
            episode=self._motion.episode,
            rows=self._rows,
            total=len(self._motion.actions),
            seconds=round(seconds, 3),
            late=self._late,
            limited=self._limited,
            error={
                name.removesuffix(_SUFFIX): round(float(mean), 3) for name, mean in zip(self._names, means, strict=True)
            }
            if self._measured
            else {},
        )
