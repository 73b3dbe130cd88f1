"""A snapshot of a running session, for whoever shows it, and where the session's thread writes what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lerotool.dataset.marks import Mark, Outcome, count_marks
from lerotool.devices.cameras.camera import CameraState
from lerotool.execution import EncoderStatus
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Controls
from lerotool.recording.episode_report import LATE_AFTER_NS, EpisodeReport, Lateness, TakeLog, rate_hz
from lerotool.recording.events import EpisodeSaved, Event, SessionEnd, SessionReport
from lerotool.recording.housekeeping import DiskStatus, Housekeeper
from lerotool.recording.pacing import Clock
from lerotool.recording.take import Devices, Take

_NEWEST = 30
"""Pictures over which a camera's present rate is measured."""


class Phase(StrEnum):
    """What a session is doing."""

    STARTING = "starting"
    ALIGNING = "aligning"
    """The follower approaches the leader's pose slowly."""
    TAKE = "take"
    SAVING = "saving"
    RESET = "reset"
    ASKING = "asking"
    """How did the take go? The follower follows, if it still can."""
    WAITING = "waiting"
    """For the encoder, before the next take; the follower follows."""
    RECONNECTING = "reconnecting"
    """Waiting for a device that was lost."""
    TELEOPERATING = "teleoperating"
    """The follower follows, nothing is recorded."""
    REPLAYING = "replaying"
    ENCODING = "encoding"
    """What is left, after the last take; robot and cameras are closed."""
    DONE = "done"


class BatchEncoder(Protocol):
    """Encodes saved episodes in processes of its own. Its methods are called by one thread, ``status`` by any."""

    def notify(self, saved_count: int) -> None:
        """Say that so many saved episodes wait now; returns at once and starts to encode all of them."""

    def status(self) -> EncoderStatus:
        """Return how far it is; never waits."""

    def finish(self) -> None:
        """Encode all that waits and pack the dataset; returns when that is done, or after ``stop``."""

    def stop(self) -> None:
        """Stop at once, from any thread; unfinished work is redone by the next encoding."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera now."""

    name: str
    rate_hz: float | None  # pictures per second over the last second or so; None outside of takes
    age_ms: float | None  # of the newest picture; None before the first
    is_stale: bool
    is_frozen: bool  # whether pictures come, but always the same one


@dataclass(frozen=True, slots=True)
class TakeStatus:
    """The take in progress."""

    rows: int
    fps: float  # rows per second so far
    lateness: Lateness
    late: int  # ticks more than 5 ms late
    missed: int  # ticks without a row
    stale_rows: int  # rows with a joint that was not fresh


@dataclass(frozen=True, slots=True)
class MarkedStatus:
    """The take that can be marked now, and what was said about it."""

    episode: int
    outcome: Outcome | None
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A session now; what is left out is that of one that records nothing."""

    phase: Phase
    episode: int = 0  # the take in progress or the next one, counted from 0 over the whole dataset
    goal: int = 0  # how many the dataset shall have; 0 if nothing is recorded
    elapsed_s: float
    length_s: float | None = None  # of the phase, None if open
    take: TakeStatus | None = None  # the take in progress, None outside of takes
    cameras: tuple[CameraStatus, ...] = ()
    pending: int = 0
    until_batch: int = 0  # how many of them the encoder does not know of yet
    batch: int = 0  # the encoder starts after so many; 0 never
    encoder: EncoderStatus | None = None  # how far it is, None without one
    disk: DiskStatus | None = None  # what is free and how long it lasts, None before it was first looked at
    is_leaving: bool = False
    alarms: tuple[str, ...] = ()
    marked: MarkedStatus | None = None  # the take before, while it can be marked
    task: str = ""  # of the take in progress or the next one; empty if nothing is recorded
    # Why the take before was discarded, until the next begins; None if it was saved, or the person asked.
    not_kept: str | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds until the phase ends by itself."""
        return None if self.length_s is None else max(0.0, self.length_s - self.elapsed_s)


class Progress:
    """What a session works with, what it has counted, and its present phase.

    Attributes:
        unhanded: saved episodes that the encoder does not know of.
        last: the take before, while it can be marked.
        take: the take in progress.
        not_kept: as in `Status`.
        marks: what was said about saved episodes, by number.
    """

    def __init__(
        self,
        config: RecordingConfig,
        devices: Devices,
        controls: Controls,
        encoder: BatchEncoder | None,
        listen: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self.config = config
        self.devices = devices
        self.controls = controls
        self.encoder = encoder
        self.listen = listen
        self.clock = clock
        self.housekeeper = Housekeeper(config.root)
        self._phase: tuple[Phase, int, float | None] = (Phase.STARTING, clock.monotonic_ns(), None)
        self.take: Take | None = None
        self._committed = 0
        self._waited = 0
        self._episodes: dict[int, EpisodeReport] = {}
        self._longest_save_s = 0.0
        self.marks: dict[int, Mark] = {}
        self.last: EpisodeSaved | None = None
        self.not_kept: str | None = None
        self.discarded = 0
        self.unhanded = 0

    @property
    def episode(self) -> int:
        """The number of the take in progress or of the next one, as the dataset will have it: from 0."""
        return self._committed + self._waited + len(self._episodes)

    @property
    def task(self) -> str:
        """What the robot does in that take."""
        return self.config.task_of(self.episode)

    @property
    def missing(self) -> int:
        """Episodes still to be recorded."""
        return max(0, self.config.episodes - self.episode)

    @property
    def waiting(self) -> int:
        """How many saved episodes are not in the dataset."""
        done = self.encoder.status().done if self.encoder is not None else 0
        return max(0, self._waited + len(self._episodes) - done)

    def resume(self, committed: int, waiting: int) -> None:
        """Start from the episodes that are there."""
        self._committed, self._waited, self.unhanded = committed, waiting, waiting

    def begin(self, phase: Phase, length_s: float | None = None) -> None:
        """Enter a phase."""
        self._phase = (phase, self.clock.monotonic_ns(), length_s)

    def begin_take(self, take: Take) -> None:
        """Enter a take."""
        self.take = take
        self.not_kept = None
        self.begin(Phase.TAKE, self.config.episode_time_s)

    def add(self, report: EpisodeReport, save_s: float) -> None:
        """Count a saved episode."""
        self._episodes[self.episode] = report
        self._longest_save_s = max(self._longest_save_s, save_s)
        self.unhanded += 1

    @property
    def has_marks(self) -> bool:
        """Whether the person has marked an episode of this session."""
        return any(not mark.is_empty for mark in self.marks.values())

    def take_back(self) -> None:
        """Count the newest saved episode as discarded."""
        episode, _ = self._episodes.popitem()
        self.marks.pop(episode, None)
        self.unhanded -= 1
        self.discarded += 1

    def status(self) -> Status:
        """Return a snapshot; from any thread."""
        now_ns = self.clock.monotonic_ns()
        phase, began_ns, length_s = self._phase
        take, last = self.take, self.last
        mark = self.marks.get(last.episode, Mark()) if last is not None else Mark()
        return Status(
            phase=phase,
            episode=self.episode,
            goal=self.config.episodes,
            elapsed_s=(now_ns - began_ns) / 1e9,
            length_s=length_s,
            take=_take_status(take.log) if take is not None else None,
            cameras=self._camera_statuses(take, now_ns),
            pending=self.waiting,
            until_batch=self.unhanded,
            batch=self.config.batch,
            encoder=self.encoder.status() if self.encoder is not None else None,
            disk=self.housekeeper.disk,
            is_leaving=self.controls.is_leaving,
            alarms=self.devices.robot.alarms,
            marked=MarkedStatus(last.episode, mark.outcome, mark.flagged) if last is not None else None,
            task=self.task,
            not_kept=self.not_kept,
        )

    def report(self, ended: SessionEnd) -> SessionReport:
        """Return what the session did."""
        reports = self._episodes.values()
        return SessionReport(
            root=self.config.root,
            ended=ended,
            episodes=dict(self._episodes),
            discarded=self.discarded,
            total=self.episode,
            goal=self.config.episodes,
            pending=self.waiting,
            encoded=self.encoder.status().done if self.encoder is not None else 0,
            marks=count_marks(self.marks.values()),
            rows=sum(report.rows for report in reports),
            seconds=round(sum(report.duration_s for report in reports), 6),
            late=sum(report.late for report in reports),
            missed=sum(report.missed for report in reports),
            longest_save_s=self._longest_save_s,
        )

    def _camera_statuses(self, take: Take | None, now_ns: int) -> tuple[CameraStatus, ...]:
        statuses = []
        for camera in self.devices.cameras:
            age_ns = camera.age_ns(now_ns)
            age_ms = None if age_ns is None else max(0.0, age_ns / 1e6)
            rate = rate_hz(take.meters[camera.key].captured_ns[-_NEWEST:]) if take is not None else None
            is_stale = age_ms is None or age_ms > self.config.max_picture_age_s * 1e3
            statuses.append(CameraStatus(camera.name, rate, age_ms, is_stale, camera.state is CameraState.FROZEN))
        return tuple(statuses)


def _take_status(log: TakeLog) -> TakeStatus:
    lateness_ns = log.lateness_ns
    return TakeStatus(
        rows=len(lateness_ns),
        fps=rate_hz(log.started_ns),
        lateness=Lateness.of(lateness_ns),
        late=int((lateness_ns > LATE_AFTER_NS).sum()),
        missed=log.missed,
        stale_rows=log.stale_rows,
    )
