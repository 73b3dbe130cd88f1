"""When to encode: the ways to record side by side, and what they come to with takes of another length.

How long one take takes to encode is measured on takes that are spooled without waiting for a clock, because encoding
does not care how a pending episode came about. Then they are encoded just as ``lerotool record --batch 1 --foreground``
does it: in a process that starts for it, on all cores.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lerotool.benchmarking.bench import Bench, Site, children_cpu_s
from lerotool.benchmarking.clips import spool_episode
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import Basis, Better, Figure, Found
from lerotool.benchmarking.sessions import SessionCost, run_session
from lerotool.encoding.background import BackgroundEncoder
from lerotool.errors import IncompleteError
from lerotool.execution import ProgressFile
from lerotool.media.format import EncoderSettings
from lerotool.recording.config import BatchMode

ONE_TAKE, TAKE_WAIT, TAKE_CPU = "encoding one take", "wait", "CPU"
_LOOK_S = 0.01
GROUP = "recording"
TAKES, WAIT, LONGEST, END, LATER = "takes", "wait per take", "longest wait", "wait at the end", "encoding later"
TOTAL, CPU, RECORDER, DISK = "all in all, a take", "CPU per frame", "recorder's CPU", "most on disk"
SAVE, LATE, LOST = "saving", "ticks late, p99", "lost frames"


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to record."""

    name: str
    flags: str  # of ``lerotool record``
    batch: int
    mode: BatchMode


IMMEDIATE = Strategy("immediate", "--batch 1 --foreground", 1, BatchMode.FOREGROUND)
BACKGROUND = Strategy("background", "--batch 1", 1, BatchMode.BACKGROUND)
PENDING = Strategy("all pending", "--batch 0", 0, BatchMode.LATER)


def group_of(take_s: float) -> str:
    """Return what figures of takes of a length are filed under."""
    return f"{GROUP}, {take_s:g}-s takes"


def strategies(sizes: Sequence[int]) -> list[Strategy]:
    """Return the strategies to compare, with batches of these sizes."""
    waited = [Strategy(f"batch {n}", f"--batch {n} --foreground", n, BatchMode.FOREGROUND) for n in sizes]
    return [IMMEDIATE, *waited, BACKGROUND, PENDING]


def case_of(length_s: float) -> str:
    """Return what a take of a length is called."""
    return f"a take of {length_s:g} s"


def measure_takes(site: Site, lengths_s: Sequence[float]) -> list[Figure]:
    """Encode takes of several lengths, each by itself."""
    rig = site.rig
    rows = [max(2, round(length_s * rig.fps)) for length_s in lengths_s]
    progress = site.progress(sum(rows) * rig.cameras)
    figures, before = [], 0
    for number, (length_s, count) in enumerate(zip(lengths_s, rows, strict=True)):
        root, case, frames = site.folder / f"take{number}", case_of(length_s), count * rig.cameras
        save_s = spool_episode(root, rig, site.clips, 0, count, EncoderSettings())
        wait_s, cpu_s = _encode(root, before, frames, progress)
        before += frames
        figures += [
            Figure(ONE_TAKE, case, TAKE_WAIT, "s", (wait_s,)),
            Figure(ONE_TAKE, case, TAKE_CPU, "s", (cpu_s,)),
            Figure(ONE_TAKE, case, SAVE, "s", (save_s,)),
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


def measure_session(bench: Bench, strategy: Strategy, takes: int, take_s: float) -> list[Figure]:
    """Record a session."""
    cost = bench.run("takes", run_session, strategy.batch, strategy.mode, takes, take_s)
    return figures_of(strategy, cost, bench.site.rig, take_s)


def figures_of(strategy: Strategy, cost: SessionCost, rig: Rig, take_s: float) -> list[Figure]:
    """Return what a session has shown."""
    takes = len(cost.saves_s)
    told = {
        TAKES: ("", takes),
        WAIT: ("s", sum(cost.waits_s) / len(cost.waits_s)),
        LONGEST: ("s", max(cost.waits_s)),
        END: ("s", cost.end_s),
        LATER: ("s", cost.later_s),
        TOTAL: ("s", cost.total_s / takes),
        CPU: ("ms/frame", cost.cpu_s * 1e3 / cost.frames),
        RECORDER: ("ms/frame", cost.recorder_cpu_s * 1e3 / (takes * take_s * rig.frames_per_s)),
        DISK: ("MB", cost.peak_bytes / 1e6),
        SAVE: ("s", max(cost.saves_s)),
        LATE: ("ms", max(cost.late_ms)),
        LOST: ("", cost.lost),
    }
    better = {TAKES: Better.NEITHER, LOST: Better.ZERO}
    return [
        Figure(group_of(take_s), strategy.name, name, unit, (float(value),), better.get(name, Better.LESS))
        for name, (unit, value) in told.items()
    ]


def estimates(found: Found, chosen: Sequence[Strategy], rig: Rig, take_s: float, longest_s: float) -> list[Figure]:
    """Return what the strategies come to with the rig's own, longer takes; calculated from what was measured.

    The longer takes' further frames cost what lies between a short and the longest take that were encoded by
    themselves; everything else stays as it was in the sessions.
    """
    wait_s, cpu_s = (_slope(found, rig, name, take_s, longest_s) for name in (TAKE_WAIT, TAKE_CPU))
    if wait_s is None or cpu_s is None:
        return []
    short, whole = take_s * rig.frames_per_s, rig.take_s * rig.frames_per_s
    further = whole - short
    figures = []
    for strategy in chosen:
        names = (WAIT, LONGEST, CPU, RECORDER, DISK)
        known = {name: found.typical(group_of(take_s), strategy.name, name) for name in names}
        value = {name: number for name, number in known.items() if number is not None}
        if len(value) < len(known):
            continue
        further_s = wait_s * further if strategy.mode is BatchMode.FOREGROUND else 0.0
        told = {
            WAIT: ("s", value[WAIT] + further_s),
            LONGEST: ("s", value[LONGEST] + further_s * strategy.batch),
            CPU: ("ms/frame", (value[CPU] * short + (cpu_s * 1e3 + value[RECORDER]) * further) / whole),
            DISK: ("MB", value[DISK] * whole / short),
        }
        figures += [
            Figure(group_of(rig.take_s), strategy.name, name, unit, (number,), basis=Basis.ESTIMATED)
            for name, (unit, number) in told.items()
        ]
    return figures


def _slope(found: Found, rig: Rig, name: str, take_s: float, longest_s: float) -> float | None:
    """Return what one further frame takes to encode."""
    short, longest = (found.typical(ONE_TAKE, case_of(length_s), name) for length_s in (take_s, longest_s))
    frames = (longest_s - take_s) * rig.frames_per_s
    return None if short is None or longest is None or frames <= 0 else max(0.0, longest - short) / frames


def linearity(found: Found, take_s: float, middle_s: float, longest_s: float) -> float | None:
    """Return how far a take of middle length lies from the line through the short and the longest one, as a share."""
    times = [found.typical(ONE_TAKE, case_of(s), TAKE_WAIT) for s in (take_s, middle_s, longest_s)]
    short, middle, longest = times
    if short is None or middle is None or longest is None or not take_s < middle_s < longest_s:
        return None
    expected = short + (longest - short) * (middle_s - take_s) / (longest_s - take_s)
    return middle / expected - 1
