"""One take: one row per tick on absolute deadlines, in a new folder on disk that is then saved, discarded or left.

A tick that begins late still gets its row, with its true times. A tick whose whole period has passed before its turn
comes is missed: it is counted and skipped, the grid stays where it is, and no row is made up for it. Rows are numbered
without holes; what time really passed between two of them is in their ``tick_ns``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerotool.devices.cameras.camera import Camera
from lerotool.devices.robot import Robot, Values
from lerotool.errors import DeviceError, DeviceTimeoutError
from lerotool.features import Feature
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Controls, Ending
from lerotool.recording.episode_report import BusReport, CameraLog, EpisodeReport, PacketMeter, TakeLog, build_report
from lerotool.recording.events import Event, FreezeAlarm, PictureAlarm
from lerotool.recording.housekeeping import Housekeeper
from lerotool.recording.pacing import Clock, Schedule, undisturbed
from lerotool.spool.documents import Header
from lerotool.spool.writer import PendingWriter
from lerotool.workspace import Workspace

STALLED_AFTER = 4
"""A camera silent for this many times the longest picture age allowed is taken for lost."""


@dataclass(frozen=True, slots=True)
class Devices:
    """What is recorded: the robot and its cameras, and the features that they give."""

    robot: Robot
    cameras: Sequence[Camera]
    features: Mapping[str, Feature]


def create_episode(config: RecordingConfig, devices: Devices, sequence: int, task: str) -> PendingWriter:
    """Create the pending episode of a take on disk."""
    fps = config.fps
    header = Header.build(
        sequence=sequence,
        fps=fps.numerator if fps.denominator == 1 else float(fps),
        features=devices.features,
        cameras={camera.key: camera.format for camera in devices.cameras},
        encoder=config.encoder,
        task=task,
        robot_type=devices.robot.robot_type,
        operator=config.operator,
        success_column=config.success_column,
    )
    return PendingWriter.create(Workspace(config.root).pending, header)


class Take:
    """A take on disk that is neither saved nor discarded yet; ``listen`` hears of old and frozen pictures."""

    def __init__(
        self,
        config: RecordingConfig,
        devices: Devices,
        writer: PendingWriter,
        task: str,
        listen: Callable[[Event], None],
    ) -> None:
        self._config = config
        self._robot = devices.robot
        self._cameras = devices.cameras
        self._writer = writer
        self._task = task
        self._listen = listen
        self._buses = devices.robot.buses
        self._max_age_ns = round(config.max_picture_age_s * 1e9)
        # What rows say of success before anybody can know: no.
        column = config.success_column
        self._constants: Values = {} if column is None else {column: np.zeros(1, np.bool_)}
        self.log = TakeLog(config.ticks, [camera.key for camera in devices.cameras])
        self.meters = {camera.key: PacketMeter(writer.camera(camera.key)) for camera in devices.cameras}

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._writer.path

    def record(self, clock: Clock, controls: Controls, housekeeper: Housekeeper) -> Ending:
        """Record until the take ends; on return or error nothing is appended any more."""
        with housekeeper.syncing(self._writer):
            try:
                with undisturbed():
                    for camera in self._cameras:
                        camera.begin(self.meters[camera.key])
                    return self.run(clock, controls, lambda: housekeeper.error)
            finally:
                for camera in self._cameras:
                    camera.end()

    def run(self, clock: Clock, controls: Controls, failure: Callable[[], BaseException | None]) -> Ending:
        """Record rows until the last tick or a command; ``failure`` gives an error elsewhere that must end the take."""
        schedule, log, ticks = Schedule(clock.monotonic_ns(), self._config.fps), self.log, self._config.ticks
        tick = 0
        while tick < ticks:
            now_ns = clock.sleep_until(schedule.due_ns(tick))
            if controls.command:
                return controls.ending
            if (error := failure()) is not None:
                raise error
            newest = schedule.tick_at(now_ns)
            if newest > tick:
                log.missed += min(newest, ticks) - tick
                tick = newest
                if tick >= ticks:
                    break
            self._record_tick(schedule.due_ns(tick), now_ns, clock)
            tick += 1
        return Ending.TIME

    def _record_tick(self, due_ns: int, now_ns: int, clock: Clock) -> None:
        robot, log = self._robot, self.log
        observed = robot.observe()
        pictures = {camera.key: self._choose_picture(camera, clock.monotonic_ns()) for camera in self._cameras}
        wanted = robot.command()
        sent = robot.send(wanted.values)
        self._writer.append_row(
            {**observed.values, **sent, **self._constants},
            task=self._task,
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

    def _choose_picture(self, camera: Camera, now_ns: int) -> int:
        """Return the number of the camera's newest picture and note it, its age, and whether that is too high."""
        camera.check()
        if camera.lost_reason is not None:
            raise DeviceError(
                f"camera {camera.key!r} is lost: {camera.lost_reason}",
                hint="check its cable and power; run the same command again to go on",
            )
        picture = camera.newest
        row, log = self.log.rows, self.log.cameras[camera.key]
        age_ns = now_ns - picture.captured_ns
        log.numbers[row], log.ages_ns[row] = picture.number, age_ns
        if age_ns > self._max_age_ns or log.is_stale:
            self._watch_age(camera.key, log, age_ns)
        if camera.is_frozen is not log.is_frozen:
            log.is_frozen = camera.is_frozen
            self._listen(FreezeAlarm(camera.key, is_over=not log.is_frozen))
        return picture.number

    def _watch_age(self, key: str, log: CameraLog, age_ns: int) -> None:
        is_stale = age_ns > self._max_age_ns
        log.late_rows += is_stale
        if is_stale is not log.is_stale:
            log.is_stale = is_stale
            log.alarms += is_stale
            self._listen(PictureAlarm(key, age_ns / 1e9, is_over=not is_stale))
        if age_ns > STALLED_AFTER * self._max_age_ns:
            raise DeviceTimeoutError(
                f"camera {key!r} has sent no picture for {age_ns / 1e9:.1f} s",
                hint="check its cable and power; run the same command again to go on",
            )

    def save(self, ended: Ending) -> EpisodeReport:
        """Make the episode durable."""
        statistics = {camera.key: camera.statistics for camera in self._cameras}
        buses = {name: BusReport.between(self._buses[name], now) for name, now in self._robot.buses.items()}
        report = build_report(
            self.log, self._config.fps, ended, self.meters, statistics, self._writer.not_finite, buses
        )
        self._writer.save(report.to_json())
        return report

    def why_discarded(self, ending: Ending) -> str | None:
        """Return why a take that ended so is not kept, None if it is; empty where the person asked for it."""
        if ending is Ending.AGAIN:
            return ""
        if self.log.rows == 0:
            return "it has no rows"
        seconds = float((self.log.rows + self.log.missed) / self._config.fps)
        # Ended within the first moment, by a key that was held or a change of mind.
        if ending not in (Ending.TIME, Ending.ABORT) and seconds < self._config.min_episode_time_s:
            return f"{seconds:.1f} s long, shorter than {self._config.min_episode_time_s:g} s"
        return None

    def discard(self) -> None:
        """Throw the take away."""
        self._writer.discard()

    def leave(self) -> None:
        """Leave the take as it is on disk; an open one becomes recoverable, a saved one stays as it is."""
        self._writer.close()
