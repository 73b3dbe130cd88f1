"""What happens in a session, in words for people."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from lerotool.dataset.marks import Mark
from lerotool.features import CAMERA_PREFIX
from lerotool.recording import events
from lerotool.recording.episode_report import EpisodeReport
from lerotool.recording.events import Event
from lerotool.wording import counted, sized


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
        case events.ViewsChanged():
            return f"{'; '.join(event.notes)}: look at the cameras before the first take"
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
                f"{event.path}, use them with: {_salvage_command(event.path)}"
            )
        case events.TakeLeft():
            return (
                f"episode {event.episode} was not saved ({event.reason}); its {event.rows} rows are in "
                f"{event.path}, use them with: {_salvage_command(event.path)}"
            )
    return None


def _salvage_command(path: Path) -> str:
    """Return what salvages a take, by its folder: DATASET/.lerotool/pending/NAME."""
    return f"lerotool encode --pending --salvage {shlex.quote(str(path.parents[2]))}"


def describe(event: Event) -> str | None:
    """Return an event in words for people, or None if there is nothing to say."""
    return _describe_session(event) or _describe_take(event)


def _describe_session(event: Event) -> str | None:
    match event:
        case events.SessionStarted():
            done = event.committed + event.waiting
            had = f"{done} there already" + (f" ({event.waiting} wait to be encoded)" if event.waiting else "")
            last = event.goal - 1
            range_text = f"episode {last}" if done == last else f"episodes {done} to {last}"
            return (
                f"recording {range_text}{', ' + had if done else ''}; "
                f"about {sized(event.needed_bytes)} until encoded, {sized(event.free_bytes)} are free"
                if done < event.goal
                else f"nothing to record: {done} of {event.goal} episodes are there"
            )
        case events.PictureAlarm():
            return f"camera {_name(event.camera)!r} sends pictures again"
        case events.FreezeAlarm():
            return f"camera {_name(event.camera)!r} sends new pictures again"
        case events.DevicesBack():
            return "all devices work again"
        case events.AlignmentStarted():
            return "the follower comes to the first pose slowly: keep clear of it"
        case events.EncodingStarted():
            when = "encoding" if event.at_end else "encoding in the background:"
            return f"{when} {counted(event.episodes, 'episode')}"
    return None


def _describe_take(event: Event) -> str | None:
    match event:
        case events.TakeStarted():
            return f"recording {episode_of(event.episode, event.goal)}: {event.task}"
        case events.EpisodeSaved():
            return f"saved {episode_of(event.episode, event.goal)}: {describe_report(event.report)}"
        case events.EpisodeMarked():
            return f"episode {event.episode} is marked: {_describe_mark(event.mark)}"
        case events.QuestionAsked():
            return f"how did episode {event.episode} go?"
        case events.EpisodeDiscarded():
            why = f": {event.reason}" if event.reason else ""
            return f"discarded episode {event.episode} ({counted(event.rows, 'row')}){why}"
        case events.ResetStarted():
            return f"reset the scene: {event.seconds:g} s until episode {event.next_episode}: {event.task}"
    return None


def _describe_mark(mark: Mark) -> str:
    said = [mark.outcome.value] if mark.outcome is not None else []
    return ", ".join([*said, "flagged"] if mark.flagged else said) or "nothing"


def describe_report(report: EpisodeReport) -> str:
    """Return an episode's report in one or two lines."""
    text = f"{counted(report.rows, 'row')} in {report.duration_s:.1f} s ({report.fps:.2f}/s), {sized(report.bytes)}"
    troubles = (
        [counted(report.late, "late tick") + f" ({report.lateness.max_ms:.0f} ms at most)"] if report.late else []
    )
    for count, name in ((report.missed, "missed tick"), (report.stale_actions, "stale action")):
        troubles += [counted(count, name)] if count else []
    marked = {"a stale joint": report.stale_rows, "numbers that are not finite": sum(report.not_finite.values())}
    troubles += [f"{counted(count, 'row')} with {name}" for name, count in marked.items() if count]
    text += f"\n  {', '.join(troubles)}" if troubles else ""
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


def episode_of(number: int, goal: int) -> str:
    """Return an episode by its number in the dataset, from 0, and which one that is of how many."""
    return f"episode {number} ({number + 1} of {goal})"


def _name(key: str) -> str:
    return key.removeprefix(CAMERA_PREFIX)


def duration(seconds: float) -> str:
    """Return a length of time in words."""
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
