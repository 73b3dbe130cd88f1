"""When to encode: the ways to record side by side, and what they come to with takes of another length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lerotool.benchmarking import batches
from lerotool.benchmarking.effort import Rig
from lerotool.benchmarking.figures import Basis, Better, Figure, Found
from lerotool.benchmarking.sessions import SessionCost
from lerotool.recording.config import BatchMode

GROUP = "recording"
WAIT = "wait per take"
LONGEST = "longest wait"
END = "wait at the end"
LATER = "encoding later"
TOTAL = "all in all, a take"
TAKES = "takes"
CPU = "CPU per frame"
RECORDER = "recorder's CPU"
DISK = "most on disk"
LATE = "ticks late, p99"
LOST = "lost frames"
SAVE = "saving"


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


def figures_of(strategy: Strategy, cost: SessionCost, rig: Rig, take_s: float) -> list[Figure]:
    """Return what a session has shown."""
    group = group_of(take_s)
    case = strategy.name
    takes = len(cost.saves_s)
    recorded = takes * take_s * rig.frames_per_s
    return [
        Figure(group, case, TAKES, "", (float(takes),), Better.NEITHER),
        Figure(group, case, WAIT, "s", (sum(cost.waits_s) / len(cost.waits_s),)),
        Figure(group, case, LONGEST, "s", (max(cost.waits_s),)),
        Figure(group, case, END, "s", (cost.end_s,)),
        Figure(group, case, LATER, "s", (cost.later_s,)),
        Figure(group, case, TOTAL, "s", (cost.total_s / takes,)),
        Figure(group, case, CPU, "ms/frame", (cost.cpu_s * 1e3 / cost.frames,)),
        Figure(group, case, RECORDER, "ms/frame", (cost.recorder_cpu_s * 1e3 / recorded,)),
        Figure(group, case, DISK, "MB", (cost.peak_bytes / 1e6,)),
        Figure(group, case, SAVE, "s", (max(cost.saves_s),)),
        Figure(group, case, LATE, "ms", (max(cost.late_ms),)),
        Figure(group, case, LOST, "", (float(cost.lost),), Better.ZERO),
    ]


def estimates(found: Found, chosen: Sequence[Strategy], rig: Rig, take_s: float, longest_s: float) -> list[Figure]:
    """Return what the strategies come to with the rig's own, longer takes; calculated from what was measured.

    The longer takes' further frames cost what `batches` has measured between a short and the longest take; everything
    else stays as it was in the sessions.
    """
    slopes = slopes_between(found, rig, take_s, longest_s)
    if slopes is None:
        return []
    group, measured = group_of(rig.take_s), group_of(take_s)
    short, whole = take_s * rig.frames_per_s, rig.take_s * rig.frames_per_s
    further = whole - short
    figures = []
    for strategy in chosen:
        known = {name: found.typical(measured, strategy.name, name) for name in (WAIT, LONGEST, CPU, RECORDER, DISK)}
        if any(value is None for value in known.values()):
            continue
        value = {name: float(number or 0.0) for name, number in known.items()}
        is_waited = strategy.mode is BatchMode.FOREGROUND
        wait_s = value[WAIT] + (slopes[0] * further if is_waited else 0.0)
        longest_s = value[LONGEST] + (slopes[0] * further * strategy.batch if is_waited else 0.0)
        cpu = (value[CPU] * short + (slopes[1] * 1e3 + value[RECORDER]) * further) / whole
        figures += [
            Figure(group, strategy.name, WAIT, "s", (wait_s,), basis=Basis.ESTIMATED),
            Figure(group, strategy.name, LONGEST, "s", (longest_s,), basis=Basis.ESTIMATED),
            Figure(group, strategy.name, CPU, "ms/frame", (cpu,), basis=Basis.ESTIMATED),
            Figure(group, strategy.name, DISK, "MB", (value[DISK] * whole / short,), basis=Basis.ESTIMATED),
        ]
    return figures


def slopes_between(found: Found, rig: Rig, take_s: float, longest_s: float) -> tuple[float, float] | None:
    """Return the seconds and CPU seconds that one further frame takes to encode."""
    slopes = []
    frames = (longest_s - take_s) * rig.frames_per_s
    for name in (batches.WAIT, batches.CPU):
        short = found.typical(batches.GROUP, batches.case_of(take_s), name)
        longest = found.typical(batches.GROUP, batches.case_of(longest_s), name)
        if short is None or longest is None or frames <= 0:
            return None
        slopes.append(max(0.0, longest - short) / frames)
    return slopes[0], slopes[1]


def linearity(found: Found, take_s: float, middle_s: float, longest_s: float) -> float | None:
    """Return how far a take of middle length lies from the line through the short and the longest one, as a share."""
    times = [found.typical(batches.GROUP, batches.case_of(s), batches.WAIT) for s in (take_s, middle_s, longest_s)]
    short, middle, longest = times
    if short is None or middle is None or longest is None or not take_s < middle_s < longest_s:
        return None
    expected = short + (longest - short) * (middle_s - take_s) / (longest_s - take_s)
    return middle / expected - 1
