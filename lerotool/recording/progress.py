"""Where a session is: written by the session's thread, read by any as a snapshot."""

from __future__ import annotations

from lerotool.devices.cameras.camera import CameraState
from lerotool.recording.batch import BatchEncoder, EncoderStatus
from lerotool.recording.clock import Clock
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Controls
from lerotool.recording.disk import DiskStatus
from lerotool.recording.events import SessionEnd, SessionReport
from lerotool.recording.report import LATE_AFTER_NS, EpisodeReport, Lateness, achieved_fps
from lerotool.recording.status import CameraStatus, Phase, Status, TakeStatus
from lerotool.recording.stock import Stock
from lerotool.recording.take import Devices, OpenTake, Saved


class Progress:
    """Counts and the present phase.

    Attributes:
        discarded: takes thrown away.
        unhanded: saved episodes that the encoder has not been told of.
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
        self.discarded = 0
        self.unhanded = 0

    @property
    def episode(self) -> int:
        """The number of the take in progress or of the next one, from 1."""
        return self._committed + self._waited + len(self._episodes) + 1

    @property
    def missing(self) -> int:
        """Episodes still to be recorded."""
        return max(0, self._config.episodes - self.episode + 1)

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
        self.begin(Phase.TAKE, self._config.episode_time_s)

    def end_take(self) -> None:
        """Leave the take."""
        self._take = None

    def add(self, saved: Saved) -> None:
        """Count a saved episode."""
        self._episodes[self.episode] = saved.report
        self._longest_save_s = max(self._longest_save_s, saved.seconds)
        self.unhanded += 1

    def take_back(self) -> None:
        """Count the newest saved episode as discarded."""
        self._episodes.popitem()
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
