"""Reports of an episode and of a session: what really happened, in numbers. They are kept in ``saved.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.cameras.camera import CameraStatistics
from lerotool.devices.servos.tallies import BusStatistics
from lerotool.recording.loop import Ending
from lerotool.recording.takelog import CameraLog, TakeLog

LATE_AFTER_NS = 5_000_000
GAP_PERIODS = 1.8
"""Two packets further apart than this many median intervals have a gap between them."""


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
        p50, p99, worst = np.quantile(lateness_ns, (0.5, 0.99, 1.0)) / 1e6
        return cls(round(float(p50), 3), round(float(p99), 3), round(float(worst), 3))


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


@dataclass(frozen=True, slots=True)
class PacketTimes:
    """When the packets of a camera arrived in a take, and how many bytes they have together."""

    captured_ns: Sequence[int]
    bytes: int


def achieved_fps(started_ns: NDArray[np.int64]) -> float:
    """Return the measured rate of ticks that began at these times, 0 for fewer than two."""
    if len(started_ns) < 2:
        return 0.0
    return (len(started_ns) - 1) * 1e9 / float(started_ns[-1] - started_ns[0])


def build_report(
    log: TakeLog,
    fps: Fraction,
    ended: Ending,
    packets: Mapping[str, PacketTimes],
    statistics: Mapping[str, CameraStatistics],
    not_finite: Mapping[str, int],
    buses: Mapping[str, BusReport],
) -> EpisodeReport:
    """Return the report of a take."""
    started_ns = log.started_ns
    span_ns = int(started_ns[-1] - started_ns[0]) if log.rows else 0
    return EpisodeReport(
        rows=log.rows,
        duration_s=round(span_ns / 1e9 + (float(1 / fps) if log.rows else 0.0), 6),
        fps=round(achieved_fps(started_ns), 4),
        nominal_fps=float(fps),
        lateness=Lateness.of(log.lateness_ns),
        late=int(np.count_nonzero(log.lateness_ns > LATE_AFTER_NS)),
        missed=log.missed,
        stale_rows=log.stale_rows,
        stale_actions=log.stale_actions,
        not_finite=dict(not_finite),
        ended=ended,
        cameras={
            key: _build_camera_report(log.rows, camera, packets[key], statistics[key])
            for key, camera in log.cameras.items()
        },
        buses=dict(buses),
        alarms=tuple(sorted(log.alarms)),
    )


def _build_camera_report(rows: int, log: CameraLog, packets: PacketTimes, statistics: CameraStatistics) -> CameraReport:
    steps = np.diff(log.numbers(rows))
    intervals = np.diff(np.asarray(packets.captured_ns, np.int64))
    usual_ns = float(np.median(intervals)) if len(intervals) else 0.0
    return CameraReport(
        packets=len(packets.captured_ns),
        rate_hz=round(len(intervals) * 1e9 / float(intervals.sum()), 3) if len(intervals) else 0.0,
        repeats=int(np.count_nonzero(steps == 0)),
        skipped=int(np.maximum(steps - 1, 0).sum()),
        max_age_ms=round(float(log.ages_ns(rows).max()) / 1e6, 3) if rows else 0.0,
        old_rows=log.late_rows,
        alarms=log.alarms,
        gaps=int(np.count_nonzero(intervals > round(GAP_PERIODS * usual_ns))),
        max_gap_ms=round(float(intervals.max()) / 1e6, 3) if len(intervals) else 0.0,
        identical=statistics.repeats,
        frozen=statistics.frozen,
        damaged=statistics.empty + statistics.cut + statistics.unreachable,
        bytes=packets.bytes,
    )
