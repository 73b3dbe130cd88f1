"""What `lerotool record` shows: a live panel on a terminal, one line per event elsewhere, JSON lines for machines."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lerotool.cli.output import Output
from lerotool.features import CAMERA_PREFIX
from lerotool.recording import events
from lerotool.recording.events import Event
from lerotool.recording.report import EpisodeReport
from lerotool.recording.status import CameraStatus, Phase, Status, TakeStatus
from lerotool.wording import counted, sized

REFRESH_S = 0.25
_STYLES = {
    Phase.TAKE: "bold red",
    Phase.RESET: "bold yellow",
    Phase.WAITING: "bold yellow",
    Phase.ALIGNING: "bold yellow",
    Phase.RECONNECTING: "bold red",
}


class Panel(Protocol):
    """Shows a session. Used by one thread, never the session's."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def tell(self, event: Event) -> None:
        """Show an event."""

    def say(self, text: str) -> None:
        """Show a line of our own."""

    def refresh(self, status: Callable[[], Status]) -> None:
        """Show where the session is, if it is time to."""


def open_panel(output: Output, *, has_keys: bool) -> Panel:
    """Return the panel for an output; enter it to show it."""
    if output.shows_progress:
        return LivePanel(output, has_keys=has_keys)
    return LinePanel(output)


class LinePanel:
    """One line per event on stderr; in JSON mode one JSON line per event on stdout."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def tell(self, event: Event) -> None:
        """Show an event."""
        self._output.record(event.type, event.to_json())
        if warning := describe_warning(event):
            self._output.warn(warning)
        elif text := describe(event):
            self._output.note(text)

    def say(self, text: str) -> None:
        """Show a line of our own."""
        self._output.note(text)

    def refresh(self, status: Callable[[], Status]) -> None:
        """Show nothing: events are enough."""


class LivePanel:
    """A few lines that are repainted at most four times a second; events scroll by above them."""

    def __init__(self, output: Output, *, has_keys: bool) -> None:
        self._output = output
        self._has_keys = has_keys
        self._live = Live(console=output.talk, auto_refresh=False, transient=True)
        self._next_s = 0.0

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def tell(self, event: Event) -> None:
        """Show an event."""
        if warning := describe_warning(event):
            self._output.warn(warning)
        elif not isinstance(event, events.TakeStarted | events.ResetStarted) and (text := describe(event)):
            self._output.note(text)

    def say(self, text: str) -> None:
        """Show a line of our own."""
        self._output.note(text)

    def refresh(self, status: Callable[[], Status]) -> None:
        """Repaint, if it is time to."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + REFRESH_S
            self._live.update(render(status(), has_keys=self._has_keys), refresh=True)


def render(status: Status, *, has_keys: bool) -> RenderableType:
    """Return the panel's lines."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    if status.take is not None:
        facts.add_row("loop", _render_take(status.take))
    if status.phase not in (Phase.ENCODING, Phase.DONE):
        for camera in status.cameras:
            facts.add_row(camera.name, _render_camera(camera))
    if status.alarms and status.phase not in (Phase.ENCODING, Phase.DONE):
        facts.add_row("arms", Text("; ".join(status.alarms), style="bold red"))
    if status.goal:
        facts.add_row("waiting", _render_waiting(status))
    if status.disk is not None:
        facts.add_row("disk", _render_disk(status))
    keys = _render_keys(status) if has_keys else Text("Ctrl-C: finish and leave", style="dim")
    return Group(Text(""), _render_phase(status), facts, keys)


def _render_phase(status: Status) -> RenderableType:
    number = f"episode {status.episode}/{status.goal}"
    title = {
        Phase.STARTING: "STARTING",
        Phase.ALIGNING: "ALIGNING: the follower comes to the leader's pose",
        Phase.TAKE: f"● RECORDING {number}",
        Phase.SAVING: f"SAVING {number}",
        Phase.RESET: f"RESET THE SCENE, next {number}",
        Phase.WAITING: f"WAITING for the encoder, next {number}",
        Phase.RECONNECTING: "RECONNECTING: a device is missing",
        Phase.TELEOPERATING: "FOLLOWING the leader, nothing is recorded",
        Phase.REPLAYING: f"REPLAYING episode {status.episode}",
        Phase.ENCODING: "ENCODING what is left",
        Phase.DONE: "DONE",
    }[status.phase]
    line = Table.grid(padding=(0, 2))
    cells: list[RenderableType] = [Text(title, style=_STYLES.get(status.phase, "bold"), no_wrap=True)]
    if status.length_s is not None and status.left_s is not None:
        cells.append(Text(f"{clock(status.left_s)} left", no_wrap=True))
        cells.append(ProgressBar(total=status.length_s, completed=min(status.elapsed_s, status.length_s), width=24))
    elif status.phase is Phase.ENCODING and status.encoder is not None:
        cells.append(ProgressBar(total=1.0, completed=status.encoder.fraction, width=24))
    line.add_row(*cells)
    return line


def _render_take(take: TakeStatus) -> Text:
    late = take.lateness
    text = Text(
        f"{take.fps:.1f} rows/s   late {late.p50_ms:.1f} / {late.p99_ms:.1f} / {late.max_ms:.1f} ms (p50/p99/max)"
    )
    for count, name in ((take.late, "late"), (take.missed, "missed"), (take.stale_rows, "stale")):
        if count:
            text.append(f"   {count} {name}", style="bold yellow")
    return text


def _render_camera(camera: CameraStatus) -> Text:
    if camera.age_ms is None:
        return Text("no picture yet", style="bold yellow")
    rate = "" if camera.rate_hz is None else f"{camera.rate_hz:.1f} pictures/s   "
    if camera.is_stale:
        return Text(f"{rate}NO NEW PICTURE for {camera.age_ms / 1e3:.1f} s", style="bold red")
    if camera.is_frozen:
        return Text(f"{rate}FROZEN: always the same picture", style="bold red")
    return Text(f"{rate}newest {camera.age_ms:.0f} ms old")


def _render_waiting(status: Status) -> Text:
    text = Text(f"{status.pending} to encode")
    if status.batch and status.phase is not Phase.ENCODING:
        text.append(f", {min(status.until_batch, status.batch)}/{status.batch} in this batch")
    encoder = status.encoder
    if encoder is None:
        return text.append("   (later: lerotool encode --pending)", style="dim")
    if encoder.is_busy:
        text.append(f"   encoding {encoder.fraction:.0%}, {encoder.frames_per_s:.0f} frames/s")
    if encoder.done:
        text.append(f"   {encoder.done} done")
    if encoder.problem:
        text.append(f"   {encoder.problem}", style="bold yellow")
    return text


def _render_disk(status: Status) -> Text:
    disk = status.disk
    assert disk is not None
    text = Text(f"{sized(disk.free_bytes)} free")
    if disk.left_s is not None:
        text.append(f", enough for {duration(disk.left_s)} of recording", style="bold red" if disk.left_s < 300 else "")
    return text


def _render_keys(status: Status) -> Text:
    if status.is_leaving and status.phase is not Phase.ENCODING:
        return Text("leaving", style="dim")
    texts = {
        Phase.TAKE: "→ or n: end the take    ← or r: discard, record again    q: save and leave",
        Phase.RESET: "→ or n: start the take    ← or r: take the last episode back, record again    q: leave",
        Phase.WAITING: "→ or n: do not wait    q: leave",
        Phase.ALIGNING: "q: leave",
        Phase.RECONNECTING: "q: leave",
        Phase.TELEOPERATING: "q: leave",
        Phase.REPLAYING: "q: stop",
        Phase.ENCODING: "q or Ctrl-C: leave the rest for later",
    }
    return Text(texts.get(status.phase, ""), style="dim")


def describe_warning(event: Event) -> str | None:
    """Return what is alarming about an event, or None."""
    match event:
        case events.PictureAlarm(is_over=False):
            return f"camera {_name(event.camera)!r}: no new picture for {event.age_s:.1f} s"
        case events.FreezeAlarm(is_over=False):
            return f"camera {_name(event.camera)!r} has frozen: it sends the same picture again and again"
        case events.DeviceLost():
            hint = f" ({event.hint})" if event.hint else ""
            return (
                f"{event.reason}{hint}; what was recorded is safe, the device is waited for "
                f"up to {duration(event.patience_s)}"
            )
        case events.RobotOpened(notes=notes) if notes:
            return "; ".join(notes)
        case events.DiskLow():
            return (
                f"the disk has room for {duration(event.left_s)} of recording ({sized(event.free_bytes)} free); "
                f"the rest of the session may need {sized(event.needed_bytes)}"
            )
        case events.InterruptedFound(rows=0):
            return f"an earlier take was never saved and nothing of it can be used ({event.reason}): {event.path}"
        case events.InterruptedFound():
            return (
                f"an earlier take was never saved; it does not count. Its {event.rows} complete rows are in "
                f"{event.path}, use them with: lerotool encode --pending --salvage"
            )
        case events.TakeLeft():
            return (
                f"episode {event.episode} was not saved ({event.reason}); its {event.rows} rows are in "
                f"{event.path}, use them with: lerotool encode --pending --salvage"
            )
    return None


def describe(event: Event) -> str | None:
    """Return an event in words for people, or None if there is nothing to say."""
    match event:
        case events.SessionStarted():
            done = event.committed + event.waiting
            had = f"{done} there already" + (f" ({event.waiting} wait to be encoded)" if event.waiting else "")
            range_text = f"episode {event.goal}" if done + 1 == event.goal else f"episodes {done + 1} to {event.goal}"
            return (
                f"recording {range_text}{', ' + had if done else ''}; "
                f"about {sized(event.needed_bytes)} until encoded, {sized(event.free_bytes)} are free"
                if done < event.goal
                else f"nothing to record: {done} of {event.goal} episodes are there"
            )
        case events.TakeStarted():
            return f"recording episode {event.episode}/{event.goal}"
        case events.EpisodeSaved():
            return f"saved episode {event.episode}/{event.goal}: {describe_report(event.report)}"
        case events.EpisodeDiscarded():
            return f"discarded episode {event.episode} ({counted(event.rows, 'row')})"
        case events.ResetStarted():
            return f"reset the scene: {event.seconds:g} s until episode {event.next_episode}"
        case events.PictureAlarm():
            return f"camera {_name(event.camera)!r} sends pictures again"
        case events.FreezeAlarm():
            return f"camera {_name(event.camera)!r} sends new pictures again"
        case events.DevicesBack():
            return "all devices work again"
        case events.AlignmentStarted():
            return "the follower comes to the leader's pose slowly: keep clear of it"
        case events.EncodingStarted():
            when = "encoding" if event.at_end else "encoding in the background:"
            return f"{when} {counted(event.episodes, 'episode')}"
    return None


def describe_report(report: EpisodeReport) -> str:
    """Return an episode's report in one or two lines."""
    late = report.lateness
    text = (
        f"{counted(report.rows, 'row')} in {report.duration_s:.1f} s ({report.fps:.2f}/s), ticks late "
        f"{late.p50_ms:.1f}/{late.p99_ms:.1f}/{late.max_ms:.1f} ms, {sized(report.bytes)}"
    )
    troubles = {
        "late tick": report.late,
        "missed tick": report.missed,
        "stale action": report.stale_actions,
    }
    text += "".join(f", {counted(count, name)}" for name, count in troubles.items() if count)
    marked = {"a stale joint": report.stale_rows, "numbers that are not finite": sum(report.not_finite.values())}
    text += "".join(f", {counted(count, 'row')} with {name}" for name, count in marked.items() if count)
    text += "".join(f"\n  {alarm}" for alarm in report.alarms)
    for name, bus in report.buses.items():
        if bus.troubles:
            text += (
                f"\n  {name}'s bus: of {bus.requests} requests, {bus.silent} answers missing, {bus.damaged} damaged, "
                f"{bus.refused_late} late; {bus.asked_again} asked again"
            )
    for key, camera in report.cameras.items():
        text += f"\n  {_name(key)}: {counted(camera.packets, 'picture')} at {camera.rate_hz:.1f}/s"
        facts: dict[str, Any] = {
            "repeated": camera.repeats,
            "not used": camera.skipped,
            "gaps": camera.gaps,
            "identical": camera.identical,
            "times frozen": camera.frozen,
            "damaged": camera.damaged,
            "rows with an old picture": camera.old_rows,
        }
        text += "".join(f", {count} {name}" for name, count in facts.items() if count)
        text += f", oldest used {camera.max_age_ms:.0f} ms"
    return text


def _name(key: str) -> str:
    return key.removeprefix(CAMERA_PREFIX)


def clock(seconds: float) -> str:
    """Return seconds as m:ss."""
    whole = int(seconds + 0.5)
    return f"{whole // 60}:{whole % 60:02d}"


def duration(seconds: float) -> str:
    """Return a length of time in words."""
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
