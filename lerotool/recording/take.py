"""One take: from a new folder on disk to a saved episode, a discarded one, or one left for recovery."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from lerotool.devices.cameras.camera import Camera
from lerotool.devices.robot import Robot, Values
from lerotool.features import Feature
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Controls
from lerotool.recording.episode_report import BusReport, EpisodeReport, build_report
from lerotool.recording.housekeeping import Housekeeper
from lerotool.recording.loop import Ending, Take, run_take
from lerotool.recording.pacing import Clock, Schedule, undisturbed
from lerotool.recording.packet_meter import PacketMeter
from lerotool.recording.takelog import TakeLog
from lerotool.spool.documents import Header
from lerotool.spool.pending import RECORDING_LOCK, PendingEpisode
from lerotool.spool.writer import PendingWriter
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace

Alarm = Callable[[str, int, bool], None]
FreezeAlarm = Callable[[str, bool], None]


class Discard(StrEnum):
    """Why a take is thrown away."""

    ASKED = "asked"
    EMPTY = "empty"
    SHORT = "short"
    """It was ended within the first moment, by a key that was held or a change of mind."""


@dataclass(frozen=True, slots=True)
class Devices:
    """What is recorded: the robot and its cameras, and the features that they give."""

    robot: Robot
    cameras: Sequence[Camera]
    features: Mapping[str, Feature]


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved episode, its report, and how long saving took."""

    pending: PendingEpisode
    report: EpisodeReport
    seconds: float

    def held(self) -> ProcessLock:
        """Return what keeps the episode from being encoded, as long as the person may still take it back."""
        return ProcessLock(self.pending.path / RECORDING_LOCK, "deciding whether to keep it")


class OpenTake:
    """A take on disk that is neither saved nor discarded yet."""

    def __init__(self, config: RecordingConfig, devices: Devices, sequence: int, task: str) -> None:
        self._config = config
        self._task = task
        self._devices = devices
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
        self._writer = PendingWriter.create(Workspace(config.root).pending, header)
        self._buses = devices.robot.buses
        self.log = TakeLog(config.ticks, [camera.key for camera in devices.cameras])
        self.meters = {camera.key: PacketMeter(self._writer.camera(camera.key)) for camera in devices.cameras}

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._writer.path

    def record(
        self, clock: Clock, controls: Controls, housekeeper: Housekeeper, on_alarm: Alarm, on_freeze: FreezeAlarm
    ) -> Ending:
        """Record until the take ends; on return or error nothing is appended any more."""
        housekeeper.watch(self._writer)
        try:
            with undisturbed():
                for camera in self._devices.cameras:
                    camera.begin(self.meters[camera.key])
                take = Take(
                    schedule=Schedule(clock.monotonic_ns(), self._config.fps),
                    ticks=self._config.ticks,
                    task=self._task,
                    robot=self._devices.robot,
                    cameras=self._devices.cameras,
                    sink=self._writer,
                    log=self.log,
                    max_age_ns=round(self._config.max_picture_age_s * 1e9),
                    on_alarm=on_alarm,
                    on_freeze=on_freeze,
                    failure=lambda: housekeeper.error,
                    constants=self._constants,
                )
                return run_take(take, clock, controls)
        finally:
            for camera in self._devices.cameras:
                camera.end()
            housekeeper.unwatch()

    @property
    def _constants(self) -> Values:
        """Return what rows say of success before anybody can know: no."""
        column = self._config.success_column
        return {} if column is None else {column: np.zeros(1, np.bool_)}

    def save(self, ended: Ending) -> Saved:
        """Make the episode durable."""
        began = time.monotonic()
        packets = {key: meter.times for key, meter in self.meters.items()}
        statistics = {camera.key: camera.statistics for camera in self._devices.cameras}
        buses = {name: BusReport.between(self._buses[name], now) for name, now in self._devices.robot.buses.items()}
        report = build_report(self.log, self._config.fps, ended, packets, statistics, self._writer.not_finite, buses)
        pending = self._writer.save(report.to_json())
        return Saved(pending, report, time.monotonic() - began)

    def why_discarded(self, ending: Ending) -> Discard | None:
        """Return why a take that ended so is not kept, or None if it is."""
        if ending is Ending.AGAIN:
            return Discard.ASKED
        if self.log.rows == 0:
            return Discard.EMPTY
        is_cut = ending not in (Ending.TIME, Ending.ABORT)
        return Discard.SHORT if is_cut and self._seconds < self._config.min_episode_time_s else None

    def explain(self, why: Discard) -> str | None:
        """Return the reason in words; None where the person knows it."""
        if why is Discard.SHORT:
            return f"{self._seconds:.1f} s long, shorter than {self._config.min_episode_time_s:g} s"
        return "it has no rows" if why is Discard.EMPTY else None

    @property
    def _seconds(self) -> float:
        return float((self.log.rows + self.log.missed) / self._config.fps)

    def discard(self) -> None:
        """Throw the take away."""
        self._writer.discard()

    def leave(self) -> None:
        """Leave the take as it is on disk; an open one becomes recoverable, a saved one stays as it is."""
        self._writer.close()
