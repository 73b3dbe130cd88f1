"""What happened in a take, in numbers: noted while it runs, reported in ``saved.json`` when it is over.

Noting costs the loop no allocation and readers no lock: memory is laid out beforehand, the recording's thread alone
writes, and only the first ``rows`` entries count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.cameras.camera import CameraStatistics, PacketWriterLike
from lerotool.devices.servos.answers import BusStatistics
from lerotool.recording.controls import Ending

LATE_AFTER_NS = 5_000_000
GAP_PERIODS = 1.8
"""Two packets further apart than this many median intervals have a gap between them."""


def rate_hz(times_ns: Sequence[int] | NDArray[np.int64]) -> float:
    """Return how often a second something happened, 0 where so few times do not tell."""
    if len(times_ns) < 2 or times_ns[-1] <= times_ns[0]:
        return 0.0
    return (len(times_ns) - 1) * 1e9 / float(times_ns[-1] - times_ns[0])


class PacketMeter:
    """Passes packets on, if there is a writer, and counts them. Called by one camera's thread, read by others."""

    def __init__(self, writer: PacketWriterLike | None = None) -> None:
        self._writer = writer
        self.captured_ns: list[int] = []
        self.bytes = 0

    def append(self, packet: bytes, captured_ns: int, keyframe: bool = True) -> int:
        """Pass a packet on, count it and return its number."""
        number = len(self.captured_ns)
        if self._writer is not None:
            number = self._writer.append(packet, captured_ns, keyframe)
        self.captured_ns.append(captured_ns)
        self.bytes += len(packet)
        return number

    def bytes_per_second(self, nominal_hz: float) -> float:
        """Return the measured data rate; with fewer than two packets that of the nominal rate."""
        count = len(self.captured_ns)
        return self.bytes / count * (rate_hz(self.captured_ns) or nominal_hz) if count else 0.0


@dataclass(slots=True)
class CameraLog:
    """Which picture each row has, and how old it was: int64, (ticks,) each."""

    numbers: NDArray[np.int64]
    ages_ns: NDArray[np.int64]
    alarms: int = 0  # how often the age rose above the limit
    late_rows: int = 0
    is_stale: bool = False  # whether the age is above the limit now
    is_frozen: bool = False


class TakeLog:
    """What happened in a take.

    Attributes:
        missed: ticks whose whole period had passed before their turn came; they have no row.
        stale_rows: rows with at least one joint of the state not fresh.
        stale_actions: rows whose action has at least one joint of the leader not fresh.
        cameras: by camera key.
    """

    def __init__(self, ticks: int, cameras: Sequence[str]) -> None:
        self._lateness_ns = np.zeros(ticks, np.int64)
        self._started_ns = np.zeros(ticks, np.int64)
        self.cameras = {key: CameraLog(np.zeros(ticks, np.int64), np.zeros(ticks, np.int64)) for key in cameras}
        self.rows = self.missed = self.stale_rows = self.stale_actions = 0
        self.alarms: set[str] = set()

    def note_row(self, due_ns: int, started_ns: int) -> None:
        """Note that a row has been written, for a tick that was due and began at these times."""
        self._lateness_ns[self.rows] = started_ns - due_ns
        self._started_ns[self.rows] = started_ns
        self.rows += 1

    @property
    def lateness_ns(self) -> NDArray[np.int64]:
        """How late each row's tick began, in nanoseconds, shape (rows,)."""
        return self._lateness_ns[: self.rows]

    @property
    def started_ns(self) -> NDArray[np.int64]:
        """When each row's tick began, on the monotonic clock, shape (rows,)."""
        return self._started_ns[: self.rows]


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late ticks began, in milliseconds: median, 99th percentile and worst."""

    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0

    @classmethod
    def of(cls, lateness_ns: NDArray[np.int64]) -> Lateness:
        """Return the percentiles of latenesses in nanoseconds, shape (n,)."""
        if not len(lateness_ns):
            return cls()
        return cls(*(np.quantile(lateness_ns, (0.5, 0.99, 1.0)) / 1e6).round(3).tolist())


@dataclass(frozen=True, slots=True)
class CameraReport:
    """What one camera did in a take."""

    packets: int  # pictures that arrived
    rate_hz: float  # at which they arrived, measured
    repeats: int  # rows that show the same picture as the row before
    skipped: int  # pictures that arrived between two others and belong to no row
    max_age_ms: float  # oldest picture that a row had to take
    old_rows: int  # rows whose picture was older than allowed
    alarms: int  # how often that began
    gaps: int  # intervals between pictures longer than 1.8 times their median
    max_gap_ms: float  # the longest interval
    identical: int  # pictures that equal the one before byte for byte, as a frozen camera sends them
    frozen: int  # how often the same picture came for so long that the camera was found frozen
    damaged: int  # packets that arrived empty or cut, or depend on one that did, and were not kept
    bytes: int  # of all packets


@dataclass(frozen=True, slots=True)
class BusReport:
    """What happened on one servo bus in a take."""

    requests: int  # packets sent
    replies: int  # answers in time and whole
    asked_again: int  # times that a servo was asked once more in the same tick
    damaged: int  # answers with bytes wrong or missing
    silent: int  # times that a servo gave no answer in time
    refused_late: int  # answers that came too late and were thrown away

    @classmethod
    def between(cls, before: BusStatistics, after: BusStatistics) -> BusReport:
        """Return what was counted between two looks at a bus."""
        return cls(**{name: getattr(after, name) - getattr(before, name) for name in cls.__slots__})

    @property
    def troubles(self) -> int:
        """Answers that did not come as they should."""
        return self.damaged + self.silent + self.refused_late


@dataclass(frozen=True, slots=True)
class EpisodeReport:
    """What happened in a take."""

    rows: int  # rows recorded
    duration_s: float  # from the first row to one period after the last, measured
    fps: float  # rows per second, measured
    nominal_fps: float  # what was asked for
    lateness: Lateness  # of the ticks
    late: int  # ticks that began more than 5 ms late
    missed: int  # ticks without a row because their whole period had passed
    stale_rows: int  # rows with a joint of the state that was not fresh
    stale_actions: int  # rows with a joint of the action that was not fresh
    not_finite: Mapping[str, int]  # rows with NaN or infinite numbers, by feature
    ended: Ending  # why the take ended
    cameras: Mapping[str, CameraReport]  # by camera key
    buses: Mapping[str, BusReport]  # by the bus's name; empty for a simulated robot
    alarms: tuple[str, ...]  # what the arms complained of during the take, in words

    @property
    def bytes(self) -> int:
        """Of all pictures."""
        return sum(camera.bytes for camera in self.cameras.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "ended": str(self.ended), "bytes": self.bytes}


def build_report(
    log: TakeLog,
    fps: Fraction,
    ended: Ending,
    meters: Mapping[str, PacketMeter],
    statistics: Mapping[str, CameraStatistics],
    not_finite: Mapping[str, int],
    buses: Mapping[str, BusReport],
) -> EpisodeReport:
    """Return the report of a take."""
    span_ns = int(log.started_ns[-1] - log.started_ns[0]) if log.rows else 0
    return EpisodeReport(
        rows=log.rows,
        duration_s=round(span_ns / 1e9 + (float(1 / fps) if log.rows else 0.0), 6),
        fps=round(rate_hz(log.started_ns), 4),
        nominal_fps=float(fps),
        lateness=Lateness.of(log.lateness_ns),
        late=int(np.count_nonzero(log.lateness_ns > LATE_AFTER_NS)),
        missed=log.missed,
        stale_rows=log.stale_rows,
        stale_actions=log.stale_actions,
        not_finite=not_finite,
        ended=ended,
        cameras={
            key: _build_camera_report(log.rows, camera, meters[key], statistics[key])
            for key, camera in log.cameras.items()
        },
        buses=buses,
        alarms=tuple(sorted(log.alarms)),
    )


def _build_camera_report(rows: int, log: CameraLog, meter: PacketMeter, statistics: CameraStatistics) -> CameraReport:
    steps = np.diff(log.numbers[:rows])
    intervals = np.diff(np.asarray(meter.captured_ns, np.int64))
    usual_ns = float(np.median(intervals)) if len(intervals) else 0.0
    return CameraReport(
        packets=len(meter.captured_ns),
        rate_hz=round(rate_hz(meter.captured_ns), 3),
        repeats=int(np.count_nonzero(steps == 0)),
        skipped=int(np.maximum(steps - 1, 0).sum()),
        max_age_ms=round(float(log.ages_ns[:rows].max(initial=0)) / 1e6, 3),
        old_rows=log.late_rows,
        alarms=log.alarms,
        gaps=int(np.count_nonzero(intervals > round(GAP_PERIODS * usual_ns))),
        max_gap_ms=round(float(intervals.max(initial=0)) / 1e6, 3),
        identical=statistics.repeats,
        frozen=statistics.frozen,
        damaged=statistics.empty + statistics.cut + statistics.unreachable,
        bytes=meter.bytes,
    )
