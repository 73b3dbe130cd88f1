"""The loop: one row per tick on absolute deadlines, and following the leader between takes.

A tick that begins late still gets its row, with its true times. A tick whose whole period has passed before its turn
comes is missed: it is counted and skipped, the grid stays where it is, and no row is made up for it. Rows are numbered
without holes; what time really passed between two of them is in their ``tick_ns``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from lerotool.devices.cameras.camera import Picture
from lerotool.devices.robot import Robot, Values
from lerotool.errors import DeviceError, DeviceTimeoutError
from lerotool.recording.controls import Command, Controls
from lerotool.recording.pacing import Clock, Schedule
from lerotool.recording.takelog import CameraLog, TakeLog

STALLED_AFTER = 4
"""A camera silent for this many times the longest picture age allowed is taken for lost."""


class Ending(StrEnum):
    """Why a phase ended."""

    TIME = "time"
    NEXT = "next"
    AGAIN = "again"
    STOP = "stop"
    INTERRUPT = "interrupt"
    ABORT = "abort"
    FAILURE = "failure"


_OF_COMMAND = {
    Command.NEXT: Ending.NEXT,
    Command.AGAIN: Ending.AGAIN,
    Command.STOP: Ending.STOP,
    Command.INTERRUPT: Ending.INTERRUPT,
    Command.ABORT: Ending.ABORT,
}


class PictureSource(Protocol):
    """What the loop needs of a camera; see ``lerotool.devices.cameras.camera.Camera``."""

    key: str

    @property
    def newest(self) -> Picture:
        """The newest picture that the take's writer has."""

    @property
    def lost_reason(self) -> str | None:
        """Why the camera is lost, None while it is not."""

    @property
    def is_frozen(self) -> bool:
        """Whether pictures come, but always the same one."""

    def check(self) -> None:
        """Raise what the take's writer raised in the camera's thread."""


class RowSink(Protocol):
    """What the loop needs of a pending episode's writer."""

    def append_row(
        self,
        values: Values,
        *,
        task: str,
        tick_ns: int,
        observed_ns: int,
        acted_ns: int,
        stale: int,
        stale_action: int,
        pictures: Mapping[str, int],
    ) -> int:
        """Hand one row to the system."""


@dataclass(frozen=True, slots=True)
class Take:
    """Everything that one take needs."""

    schedule: Schedule
    ticks: int
    task: str
    robot: Robot
    cameras: Sequence[PictureSource]
    sink: RowSink
    log: TakeLog
    max_age_ns: int
    # Called with camera key, age in nanoseconds, and whether the alarm begins.
    on_alarm: Callable[[str, int, bool], None]
    on_freeze: Callable[[str, bool], None]
    # The error of a helper thread (syncing) that must end the take, or None.
    failure: Callable[[], BaseException | None]
    constants: Values = field(default_factory=dict)  # what every row has beside what the robot gives


def run_take(take: Take, clock: Clock, controls: Controls) -> Ending:
    """Record until the last tick or a command, and return what ended it."""
    schedule, log = take.schedule, take.log
    tick = 0
    while tick < take.ticks:
        now_ns = clock.sleep_until(schedule.due_ns(tick))
        if controls.command:
            return _OF_COMMAND[controls.command]
        if (failure := take.failure()) is not None:
            raise failure
        newest = schedule.tick_at(now_ns)
        if newest > tick:
            log.missed += min(newest, take.ticks) - tick
            tick = newest
            if tick >= take.ticks:
                break
        _record_tick(take, schedule.due_ns(tick), now_ns, clock)
        tick += 1
    return Ending.TIME


def _record_tick(take: Take, due_ns: int, now_ns: int, clock: Clock) -> None:
    robot, log = take.robot, take.log
    observed = robot.observe()
    pictures = {camera.key: _choose_picture(take, camera, clock.monotonic_ns()) for camera in take.cameras}
    wanted = robot.command()
    sent = robot.send(wanted.values)
    take.sink.append_row(
        {**observed.values, **sent, **take.constants},
        task=take.task,
        tick_ns=due_ns,
        observed_ns=observed.captured_ns,
        acted_ns=clock.monotonic_ns(),
        stale=observed.stale,
        stale_action=wanted.stale,
        pictures=pictures,
    )
    log.stale_rows += observed.stale != 0
    log.stale_actions += wanted.stale != 0
    if alarms := robot.alarms:
        log.alarms.update(alarms)
    log.note_row(due_ns, now_ns)


def _choose_picture(take: Take, camera: PictureSource, now_ns: int) -> int:
    """Return the number of the camera's newest picture and note it, its age, and whether that is too high."""
    camera.check()
    if camera.lost_reason is not None:
        raise DeviceError(
            f"camera {camera.key!r} is lost: {camera.lost_reason}",
            hint="check its cable and power; run the same command again to go on",
        )
    picture = camera.newest
    log = take.log.cameras[camera.key]
    age_ns = now_ns - picture.captured_ns
    log.note(take.log.rows, picture.number, age_ns)
    if age_ns > take.max_age_ns or log.is_stale:
        _watch_age(take, camera.key, log, age_ns)
    if camera.is_frozen is not log.is_frozen:
        log.is_frozen = camera.is_frozen
        take.on_freeze(camera.key, log.is_frozen)
    return picture.number


def _watch_age(take: Take, key: str, log: CameraLog, age_ns: int) -> None:
    is_stale = age_ns > take.max_age_ns
    log.late_rows += is_stale
    if is_stale is not log.is_stale:
        log.is_stale = is_stale
        log.alarms += is_stale
        take.on_alarm(key, age_ns, is_stale)
    if age_ns > STALLED_AFTER * take.max_age_ns:
        raise DeviceTimeoutError(
            f"camera {key!r} has sent no picture for {age_ns / 1e9:.1f} s",
            hint="check its cable and power; run the same command again to go on",
        )


def follow(
    robot: Robot, schedule: Schedule, clock: Clock, controls: Controls, is_over: Callable[[int], bool]
) -> Ending:
    """Let the robot do what the person wants, recording nothing, until ``is_over(now_ns)`` or a command."""
    tick = 0
    while True:
        now_ns = clock.sleep_until(schedule.due_ns(tick))
        if controls.command:
            return _OF_COMMAND[controls.command]
        if is_over(now_ns):
            return Ending.TIME
        robot.send(robot.command().values)
        tick = schedule.tick_at(clock.monotonic_ns()) + 1
