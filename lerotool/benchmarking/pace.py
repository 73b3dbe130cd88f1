"""How fast this machine is: one short measurement, by which the rest is planned."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lerotool.benchmarking import disk
from lerotool.benchmarking.bench import Bench, wall_s
from lerotool.benchmarking.clips import Clip
from lerotool.benchmarking.codecs import DEFAULT, CodecJob, frames_of, measure_codec
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.rowwise import column_stats
from lerotool.execution import cores

_ENCODED_S = 1.0
_MOST_ROWS = 30
_DISK_MB = 8
_LOOPS, _LOOP_ROWS = 20, 5000
_LOOP_S = 0.007
"""What one loop takes on the two-core machine that `steps` has its seconds from."""
_LEAST_S = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """What a machine does."""

    frames_per_s: float
    start_s: float  # that a step takes before its first frame and after its last one
    slowness: float  # of plain Python and small files; 1 is an ordinary two-core machine
    disk_mb_s: float
    cores: int

    def encoding_s(self, frames: float, videos: int | None = None) -> float:
        """Return how long frames take to encode; those of fewer videos than cores leave cores idle."""
        idle = 1.0 if videos is None else max(1.0, self.cores / videos)
        return frames / self.frames_per_s * idle


def measure_pace(bench: Bench, rig: Rig, clips: tuple[Clip, ...]) -> Pace:
    """Encode a second of the rig's recording, write some megabytes, and do a loop in Python."""
    (written, *_) = disk.measure_disk(bench.folder, _DISK_MB, 0.0)
    rows = [[float(n + joint) for joint in range(6)] for n in range(_LOOP_ROWS)]
    loop_s = wall_s(lambda: [column_stats(rows) for _ in range(_LOOPS)]) / _LOOPS
    seconds = min(_ENCODED_S, _MOST_ROWS / rig.fps)
    job = CodecJob(bench.folder / "set", rig, clips, DEFAULT, seconds, bench.signs)
    began = time.perf_counter()
    rate = bench.run("frames", measure_codec, job)[0].typical
    elapsed_s = time.perf_counter() - began
    start_s = max(_LEAST_S, elapsed_s - frames_of(rig, seconds, cores()) / rate)
    return Pace(rate, start_s, loop_s / _LOOP_S, min(written.values), cores())
