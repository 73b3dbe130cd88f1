"""A snapshot of a running session, for whoever shows it, and where the session's thread writes what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lerotool.dataset.marks import Mark, Marks, Outcome
from lerotool.devices.cameras.camera import CameraState
from lerotool.recording.batch_encoder import BatchEncoder, EncoderStatus
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Controls
from lerotool.recording.episode_report import LATE_AFTER_NS, EpisodeReport, Lateness, achieved_fps
from lerotool.recording.events import SessionEnd, SessionReport
from lerotool.recording.housekeeping import DiskStatus
from lerotool.recording.inventory import Stock
from lerotool.recording.labelling import Labelling
from lerotool.recording.pacing import Clock
from lerotool.recording.take import Devices, OpenTake, Saved


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
    """Counts and the present phase.

    Attributes:
        unhanded: saved episodes that the encoder does not know of.
        labelling: the take before, while it can be marked.
        not_kept: as in `Status`.
    """

    def __init__(self, config: RecordingConfig, devices: Devices, clock: Clock) -> None:
        self._config = config
        self._devices = devices
        self._clock = clock
        self._phase: tuple[Phase, int, float | None] = (Phase.STARTING, clock.monotonic_ns(), None)
        self._take: OpenTake | None = None
        self._committed = 0
        self._waited = 0
        self._episodes: dict[int, EpisodeReport] = {}
        self._longest_save_s = 0.0
        self._marks: dict[int, Mark] = {}
        self.labelling: Labelling | None = None
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
        return self._config.task_of(self.episode)

    @property
    def missing(self) -> int:
        """Episodes still to be recorded."""
        return max(0, self._config.episodes - self.episode)

    def waiting(self, encoder: BatchEncoder | None) -> int:
        """Return how many saved episodes are not in the dataset."""
        return self._waiting(encoder.status() if encoder is not None else None)

    def resume(self, stock: Stock) -> None:
        """Start from what there is."""
        self._committed, self._waited = stock.committed, stock.waiting
        self.unhanded = stock.waiting

    def begin(self, phase: Phase, length_s: float | None) -> None:
        """Enter a phase."""
        self._phase = (phase, self._clock.monotonic_ns(), length_s)

    def begin_take(self, take: OpenTake) -> None:
        """Enter a take."""
        self._take = take
        self.not_kept = None
        self.begin(Phase.TAKE, self._config.episode_time_s)

    def end_take(self) -> None:
        """Leave the take."""
        self._take = None

    def add(self, saved: Saved) -> None:
        """Count a saved episode."""
        self._episodes[self.episode] = saved.report
        self._longest_save_s = max(self._longest_save_s, saved.seconds)
        self.unhanded += 1

    def add_mark(self, episode: int, mark: Mark) -> None:
        """Count what was said about a saved episode."""
        self._marks[episode] = mark

    @property
    def has_marks(self) -> bool:
        """Whether the person has marked an episode of this session."""
        return any(not mark.is_empty for mark in self._marks.values())

    def take_back(self) -> None:
        """Count the newest saved episode as discarded."""
        episode, _ = self._episodes.popitem()
        self._marks.pop(episode, None)
        self.unhanded -= 1
        self.discarded += 1

    def status(self, encoder: EncoderStatus | None, disk: DiskStatus | None, controls: Controls) -> Status:
        """Return a snapshot."""
        now_ns = self._clock.monotonic_ns()
        phase, began_ns, length_s = self._phase
        take = self._take
        return Status(
            phase=phase,
            episode=self.episode,
            goal=self._config.episodes,
            elapsed_s=(now_ns - began_ns) / 1e9,
            length_s=length_s,
            take=_take_status(take) if take is not None else None,
            cameras=self._camera_statuses(take, now_ns),
            pending=self._waiting(encoder),
            until_batch=self.unhanded,
            batch=self._config.batch,
            encoder=encoder,
            disk=disk,
            is_leaving=controls.is_leaving,
            alarms=self._devices.robot.alarms,
            marked=_marked_status(self.labelling),
            task=self.task,
            not_kept=self.not_kept,
        )

    def report(self, ended: SessionEnd, encoder: EncoderStatus | None) -> SessionReport:
        """Return what the session did."""
        reports = list(self._episodes.values())
        return SessionReport(
            root=self._config.root,
            ended=ended,
            episodes=dict(self._episodes),
            discarded=self.discarded,
            total=self._committed + self._waited + len(reports),
            goal=self._config.episodes,
            pending=self._waiting(encoder),
            encoded=encoder.done if encoder is not None else 0,
            marks=Marks(self._marks).count(),
            rows=sum(report.rows for report in reports),
            seconds=round(sum(report.duration_s for report in reports), 6),
            late=sum(report.late for report in reports),
            missed=sum(report.missed for report in reports),
            longest_save_s=self._longest_save_s,
        )

    def _waiting(self, encoder: EncoderStatus | None) -> int:
        done = encoder.done if encoder is not None else 0
        return max(0, self._waited + len(self._episodes) - done)

    def _camera_statuses(self, take: OpenTake | None, now_ns: int) -> tuple[CameraStatus, ...]:
        statuses = []
        for camera in self._devices.cameras:
            age_ns = camera.age_ns(now_ns)
            age_ms = None if age_ns is None else max(0.0, age_ns / 1e6)
            limit_ms = self._config.max_picture_age_s * 1e3
            rate_hz = take.meters[camera.key].rate_hz() if take is not None else None
            is_stale = age_ms is None or age_ms > limit_ms
            is_frozen = camera.state is CameraState.FROZEN
            statuses.append(CameraStatus(camera.name, rate_hz, age_ms, is_stale, is_frozen))
        return tuple(statuses)


def _marked_status(labelling: Labelling | None) -> MarkedStatus | None:
    if labelling is None:
        return None
    return MarkedStatus(labelling.episode, labelling.mark.outcome, labelling.mark.flagged)


def _take_status(take: OpenTake) -> TakeStatus:
    log = take.log
    lateness_ns = log.lateness_ns
    return TakeStatus(
        rows=len(lateness_ns),
        fps=achieved_fps(log.started_ns),
        lateness=Lateness.of(lateness_ns),
        late=int((lateness_ns > LATE_AFTER_NS).sum()),
        missed=log.missed,
        stale_rows=log.stale_rows,
    )
