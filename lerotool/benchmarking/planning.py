"""How much is measured, so that it stays below three minutes on this machine. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lerotool.benchmarking.clips import Clip
from lerotool.benchmarking.codecs import Codec
from lerotool.benchmarking.effort import SCALES, Effort, Part, smaller
from lerotool.benchmarking.steps import Pace, Request, Step, lay_out
from lerotool.wording import clock

LIMIT_S = 180.0
"""What a run takes at most, without LeRobot."""
PLANNED_S = 150.0
"""What is planned for: estimates are not exact."""
SHARES = (1.0, 0.75, 0.5, 0.35, 0.2, 0.1)
"""Few, so that a machine comes to the same sizes every time and its runs can be compared."""
_LEFT_OUT_FIRST = (Part.READING, Part.OPERATIONS, Part.MERGING, Part.CODECS)
_LEAST_DISK_MB = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done, and about how long that takes."""

    request: Request  # with its sizes, and without the parts that are left out
    steps: tuple[Step, ...]
    expected_s: float  # from the beginning of the run to its end, without LeRobot
    peer_s: float  # of the steps beside LeRobot
    left_out: tuple[Part, ...] = ()

    @property
    def limit_s(self) -> float | None:
        """What it must not take longer than; None where the person has chosen the size."""
        return LIMIT_S if self.request.effort is Effort.NORMAL else None

    @property
    def is_too_long(self) -> bool:
        """Whether it is at its least and still takes longer than the limit."""
        return self.limit_s is not None and self.expected_s > self.limit_s

    @property
    def words(self) -> str:
        """What is done and how long that takes, for people."""
        parts = [f"{len(self.steps)} steps, about {clock(self.expected_s)}"]
        if self.peer_s:
            parts.append(f"and about {clock(self.peer_s)} beside LeRobot, which is not counted")
        if self.left_out:
            parts.append(f"left out to stay below {clock(LIMIT_S)}: {', '.join(self.left_out)}")
        if self.is_too_long:
            parts.append("this is the least, and this machine is too slow for less")
        if self.request.effort is not Effort.FULL:
            parts.append("--full measures longer")
        return "; ".join(parts)

    def has_no_time_for(self, step: Step, spent_s: float) -> bool:
        """Whether a step would end after the limit at the pace of those before it, which took so much time.

        LeRobot's steps are not counted, and what is too long from the beginning is done as it was announced.
        """
        is_counted = self.limit_s is not None and not self.is_too_long and step.part is not Part.LEROBOT
        if not is_counted:
            return False
        place = self.steps.index(step)
        counted = (later.expected_s for later in self.steps[place:] if later.part is not Part.LEROBOT)
        pace = max(1.0, spent_s / (self.expected_s - sum(counted)))
        return spent_s + step.expected_s * pace > LIMIT_S


def make_plan(request: Request, clips: tuple[Clip, ...], tried: Sequence[Codec], pace: Pace, spent_s: float) -> Plan:
    """Return the largest plan that stays below the limit; with --quick and --full the sizes are fixed."""

    def laid_out(request: Request, left_out: tuple[Part, ...] = ()) -> Plan:
        steps = tuple(lay_out(request, clips, tried, pace))
        peer_s = sum(step.expected_s for step in steps if step.part is Part.LEROBOT)
        own_s = sum(step.expected_s for step in steps) - peer_s
        return Plan(request, steps, spent_s + own_s, peer_s, left_out)

    def sized(share: float, left_out: tuple[Part, ...] = ()) -> Plan:
        scale = smaller(SCALES[Effort.NORMAL], share)
        disk_mb = max(_LEAST_DISK_MB, min(scale.disk_mb, round(pace.disk_mb_s * share)))
        parts = request.parts - set(left_out)
        return laid_out(replace(request, planned=replace(scale, disk_mb=disk_mb), parts=parts), left_out)

    if request.effort is not Effort.NORMAL:
        return laid_out(request)
    for share in SHARES:
        plan = sized(share)
        if plan.expected_s <= PLANNED_S:
            return plan
    for part in _LEFT_OUT_FIRST:
        if plan.expected_s > PLANNED_S and part in request.parts and len(plan.request.parts - {Part.LEROBOT}) > 1:
            plan = sized(SHARES[-1], (*plan.left_out, part))
    return plan
