"""The table of joints that are moved: how far each has gone, while it is followed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lerotool.cli.output import Output
from lerotool.cli.setup.person import EnterKey
from lerotool.devices.arms.joints import Joint
from lerotool.setup.sweep import MIN_TRAVEL, SweptArm, Travel, find_problem, to_degrees

READ_S = 0.02
PAINT_S = 0.1


def follow(swept: SweptArm, joints: tuple[Joint, ...], output: Output, seconds: float | None = None) -> None:
    """Follow joints until Enter is pressed, or for so many seconds, and show how far they have gone."""
    with ExitStack() as stack:
        is_over = _until(stack, seconds)
        live = None
        if output.shows_progress:
            live = stack.enter_context(Live(console=output.talk, auto_refresh=False, transient=True))
        painted_s = 0.0
        while not is_over():
            started_s = time.monotonic()
            swept.follow(joints)
            if live and started_s - painted_s >= PAINT_S:
                painted_s = started_s
                live.update(render(swept, joints, by_enter=seconds is None), refresh=True)
            time.sleep(max(0.0, started_s + READ_S - time.monotonic()))
    if output.shows_progress:
        output.talk.print(_table(swept, joints))


def _until(stack: ExitStack, seconds: float | None) -> Callable[[], bool]:
    if seconds is None:
        return stack.enter_context(EnterKey()).is_pressed
    end_s = time.monotonic() + seconds
    return lambda: time.monotonic() >= end_s


def render(swept: SweptArm, joints: tuple[Joint, ...], *, by_enter: bool) -> RenderableType:
    """Return the table with what to do below it."""
    missing = [j.name for j in joints if not j.turns_fully and swept.travels[j.name].steps < MIN_TRAVEL]
    text = ""
    if missing:
        text = f"still to be moved: {', '.join(missing)}"
    elif by_enter:
        text = "when every joint has been at both of its ends: Enter (q and Enter: stop)"
    return Group(_table(swept, joints), Text(text, style="dim"))


def _table(swept: SweptArm, joints: tuple[Joint, ...]) -> Table:
    table = Table("joint", box=None, pad_edge=False)
    for title in ("lowest", "now", "highest", "travel"):
        table.add_column(title, justify="right", min_width=8)
    table.add_column("")
    for joint in joints:
        travel = swept.travels[joint.name]
        ends = [to_degrees(end - travel.start) for end in (travel.lowest, travel.now, travel.highest)]
        table.add_row(joint.name, *(f"{end:+.0f}°" for end in ends), f"{travel.degrees:.0f}°", _state(joint, travel))
    return table


def _state(joint: Joint, travel: Travel) -> Text:
    if joint.turns_fully:
        return Text("straight at the start", style="dim")
    if travel.steps < MIN_TRAVEL and not travel.jumps:
        return Text("move it", style="yellow")
    if find_problem(joint.name, travel):
        return Text("moved too far or too fast", style="bold red")
    return Text("moves", style="green")
