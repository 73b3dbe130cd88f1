"""A snapshot of a running session, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lerotool.recording.batch import EncoderStatus
from lerotool.recording.disk import DiskStatus
from lerotool.recording.report import Lateness


class Phase(StrEnum):
    """What a session is doing."""

    STARTING = "starting"
    ALIGNING = "aligning"
    """The follower approaches the leader's pose slowly."""
    TAKE = "take"
    SAVING = "saving"
    RESET = "reset"
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
    """One camera now.

    Attributes:
        name: of the camera.
        rate_hz: pictures per second over the last second or so; None outside of takes.
        age_ms: of the newest picture; None before the first.
        is_stale: whether the newest picture is older than allowed.
        is_frozen: whether pictures come, but always the same one.
    """

    name: str
    rate_hz: float | None
    age_ms: float | None
    is_stale: bool
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class TakeStatus:
    """The take in progress.

    Attributes:
        rows: recorded so far.
        fps: rows per second so far.
        lateness: of the ticks so far.
        late: ticks more than 5 ms late.
        missed: ticks without a row.
        stale_rows: rows with a joint that was not fresh.
    """

    rows: int
    fps: float
    lateness: Lateness
    late: int
    missed: int
    stale_rows: int


@dataclass(frozen=True, slots=True)
class Status:
    """A session now.

    Attributes:
        phase: what it is doing.
        episode: the take in progress or the next one, counted from 1 over the whole dataset.
        goal: how many the dataset shall have; 0 if nothing is recorded.
        elapsed_s: since the phase began.
        length_s: of the phase, None if open.
        take: the take in progress, None outside of takes.
        cameras: in order.
        pending: saved episodes that wait to be encoded.
        until_batch: how many of them the encoder has not been told of yet.
        batch: the encoder is told after so many; 0 never.
        encoder: how far it is, None without one.
        disk: what is free and how long it lasts, None before it was first looked at.
        is_leaving: whether no further take will come.
        alarms: what the arms complain of now, in words.
    """

    phase: Phase
    episode: int
    goal: int
    elapsed_s: float
    length_s: float | None
    take: TakeStatus | None
    cameras: tuple[CameraStatus, ...]
    pending: int
    until_batch: int
    batch: int
    encoder: EncoderStatus | None
    disk: DiskStatus | None
    is_leaving: bool
    alarms: tuple[str, ...] = ()

    @classmethod
    def at(
        cls,
        phase: Phase,
        elapsed_s: float,
        *,
        episode: int = 0,
        length_s: float | None = None,
        alarms: tuple[str, ...] = (),
        is_leaving: bool = False,
    ) -> Status:
        """Return the status of a session that records nothing."""
        return cls(
            phase=phase,
            episode=episode,
            goal=0,
            elapsed_s=elapsed_s,
            length_s=length_s,
            take=None,
            cameras=(),
            pending=0,
            until_batch=0,
            batch=0,
            encoder=None,
            disk=None,
            is_leaving=is_leaving,
            alarms=alarms,
        )

    @property
    def left_s(self) -> float | None:
        """Seconds until the phase ends by itself."""
        return None if self.length_s is None else max(0.0, self.length_s - self.elapsed_s)
