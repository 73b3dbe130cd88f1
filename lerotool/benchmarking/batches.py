"""How long encoding a take keeps a person waiting, by the length of the take.

Takes are spooled without waiting for a clock, because encoding does not care how a pending episode came about. Then
they are encoded just as ``lerotool record --batch 1 --foreground`` does it: in a process that starts for it, on
all cores.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from lerotool.benchmarking.bench import Signs, children_cpu_s
from lerotool.benchmarking.clips import Clip, spool_episode
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import Better, Figure
from lerotool.encoding.background import BackgroundEncoder
from lerotool.errors import IncompleteError
from lerotool.execution import ProgressFile
from lerotool.media.format import EncoderSettings

GROUP = "encoding one take"
WAIT = "wait"
CPU = "CPU"
SAVE = "saving"
_LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class BatchJob:
    """Takes that are encoded one after another."""

    folder: Path
    rig: Rig
    clips: tuple[Clip, ...]
    lengths_s: tuple[float, ...]
    signs: Signs


def case_of(length_s: float) -> str:
    """Return what a take of a length is called."""
    return f"a take of {length_s:g} s"


def measure_batches(job: BatchJob) -> list[Figure]:
    """Encode takes of several lengths, each by itself."""
    rows = [max(2, round(length_s * job.rig.fps)) for length_s in job.lengths_s]
    progress = ProgressFile(job.signs.progress, sum(rows) * job.rig.cameras, job.signs.stop)
    figures, before = [], 0
    for number, (length_s, count) in enumerate(zip(job.lengths_s, rows, strict=True)):
        root = job.folder / f"take{number}"
        save_s = spool_episode(root, job.rig, job.clips, 0, count, EncoderSettings())
        frames = count * job.rig.cameras
        wait_s, cpu_s = _encode(root, before, frames, progress)
        before += frames
        case = case_of(length_s)
        figures += [
            Figure(GROUP, case, WAIT, "s", (wait_s,)),
            Figure(GROUP, case, CPU, "s", (cpu_s,)),
            Figure(GROUP, case, SAVE, "s", (save_s,)),
        ]
    return figures


def _encode(root: Path, before: int, frames: int, progress: ProgressFile) -> tuple[float, float]:
    """Encode what is pending; return the seconds until it is in the dataset, and CPU seconds."""
    encoder = BackgroundEncoder.while_waiting(root)
    cpu_before, began = children_cpu_s(), time.perf_counter()
    encoder.notify(1)
    was_busy, wait_s = False, 0.0
    try:
        while True:
            status = encoder.status()
            if not wait_s and status.waiting == 0:
                wait_s = time.perf_counter() - began
            if was_busy and not status.is_busy:
                break
            was_busy = was_busy or status.is_busy
            progress.report(before + int(status.fraction * frames))
            time.sleep(_LOOK_S)
    finally:
        encoder.stop()
    if not wait_s:
        raise IncompleteError(encoder.status().problem or f"{root}: the take was not encoded")
    return wait_s, children_cpu_s() - cpu_before


def linearity_figure(length_s: float, off: float) -> Figure:
    """Return how far the measured wait for a take lies from the line that the estimates go by, in percent."""
    return Figure(GROUP, case_of(length_s), "off the estimates' line", "%", (off * 100,), Better.NEITHER)
