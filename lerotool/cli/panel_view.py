"""The live panel: a session's status as something to look at, from the robot and from the chair."""

from __future__ import annotations

from collections.abc import Iterable

from rich.align import Align
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lerotool.cli.event_words import duration, episode_of
from lerotool.cli.progress import time_left
from lerotool.dataset.marks import Outcome
from lerotool.recording.status import CameraStatus, MarkedStatus, Phase, Status, TakeStatus
from lerotool.wording import clock, sized

_STYLES = {
    Phase.TAKE: "bold red",
    Phase.RESET: "bold yellow",
    Phase.ASKING: "bold yellow",
    Phase.WAITING: "bold yellow",
    Phase.ALIGNING: "bold yellow",
    Phase.RECONNECTING: "bold red",
}
_WORDS = {
    Phase.STARTING: "START",
    Phase.ALIGNING: "ALIGN",
    Phase.TAKE: "REC",
    Phase.SAVING: "SAVE",
    Phase.RESET: "RESET",
    Phase.ASKING: "MARK?",
    Phase.WAITING: "WAIT",
    Phase.RECONNECTING: "LOST",
    Phase.TELEOPERATING: "FOLLOW",
    Phase.REPLAYING: "REPLAY",
    Phase.ENCODING: "ENCODE",
}
_BEFORE_A_TAKE = (Phase.STARTING, Phase.ALIGNING, Phase.RESET, Phase.WAITING)
_WITHOUT_DEVICES = (Phase.ENCODING, Phase.DONE)
_NAME_WIDTH = 20
_BAR_WIDTH = 20
_MARK_KEYS = "s: success    f: failure    !: flag"
_OUTCOMES: dict[Outcome | None, tuple[str, str]] = {
    Outcome.SUCCESS: ("success", "bold green"),
    Outcome.FAILURE: ("failure", "bold red"),
    None: ("not yet", "dim"),
}


class PanelView:
    """The panel's lines, as large as the terminal has room for."""

    def __init__(self, status: Status, *, has_keys: bool) -> None:
        self._status = status
        self._has_keys = has_keys

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the largest form that fits; the smallest one is cut by whoever shows it."""
        for form in self._forms(options):
            if len(console.render_lines(form, options, pad=False)) < console.height:
                break
        yield form

    def _forms(self, options: ConsoleOptions) -> Iterable[RenderableType]:
        status = self._status
        keys = _render_keys(status) if self._has_keys else Text("Ctrl-C: finish and leave", style="dim")
        rest = [_render_facts(status), keys]
        words = "" if status.phase in (*_WITHOUT_DEVICES, Phase.ASKING) else status.task
        title, task = _render_phase(status, options.max_width), [Text(words, style="bold")] if words else []
        banner = [_banner(words)] if words and status.phase in _BEFORE_A_TAKE else task
        if (large := _large(status, options)) is not None:
            yield Group(Text(""), large, Text(""), title, *banner, *rest)
        yield Group(Text(""), title, *banner, *rest)
        yield Group(Text(""), title, *task, *rest)


def _large(status: Status, options: ConsoleOptions) -> RenderableType | None:
    """Return phase and countdown in large letters, the countdown alone where there is no room for both."""
    if (word := _WORDS.get(status.phase)) is None or options.ascii_only:
        return None
    seconds = _left_s(status)
    texts = [word] if seconds is None else [f"{word} {clock(seconds)}", clock(seconds)]
    for lines in map(big, texts):
        if len(lines[0]) <= options.max_width:
            return Text("\n".join(lines), style=_STYLES.get(status.phase, "bold"), no_wrap=True)
    return None


def _banner(task: str) -> RenderableType:
    """Return a task as a bar across the whole terminal."""
    return Padding(Align.center(Text(task, style="bold reverse")), (1, 2), style="reverse", expand=True)


def _left_s(status: Status) -> float | None:
    if status.phase is Phase.ENCODING:
        return status.encoder.left_s if status.encoder is not None else None
    return status.left_s


def _render_facts(status: Status) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True, max_width=_NAME_WIDTH)
    facts.add_column(overflow="fold")
    if status.take is not None:
        facts.add_row("rows", _render_take(status.take))
    if status.phase not in _WITHOUT_DEVICES:
        for camera in status.cameras:
            facts.add_row(camera.name, _render_camera(camera))
    if status.marked is not None:
        facts.add_row("marked", _render_mark(status.marked))
    if status.alarms and status.phase not in _WITHOUT_DEVICES:
        facts.add_row("arms", Text("; ".join(status.alarms), style="bold red"))
    if status.goal:
        facts.add_row("waiting", _render_waiting(status))
    if status.disk is not None:
        facts.add_row("disk", _render_disk(status))
    return facts


def _render_phase(status: Status, width: int) -> RenderableType:
    number = episode_of(status.episode, status.goal)
    title = {
        Phase.STARTING: "STARTING",
        Phase.ALIGNING: "ALIGNING: the follower comes to the first pose",
        Phase.TAKE: f"● RECORDING {number}",
        Phase.SAVING: f"SAVING {number}",
        Phase.RESET: f"RESET THE SCENE, next {number}",
        Phase.ASKING: f"HOW DID EPISODE {status.marked.episode if status.marked else status.episode} GO?",
        Phase.WAITING: f"WAITING for the encoder, next {number}",
        Phase.RECONNECTING: "RECONNECTING: a device is missing",
        Phase.TELEOPERATING: "FOLLOWING the leader, nothing is recorded",
        Phase.REPLAYING: f"REPLAYING episode {status.episode}",
        Phase.ENCODING: "ENCODING what is left",
        Phase.DONE: "DONE",
    }[status.phase]
    line = Table.grid(padding=(0, 2))
    texts = [Text(title, style=_STYLES.get(status.phase, "bold"), no_wrap=True)]
    if (left_s := _left_s(status)) is not None:
        texts.append(Text(time_left(left_s), no_wrap=True))
    has_room = sum(len(text) + 2 for text in texts) + _BAR_WIDTH <= width
    bar = [ProgressBar(total=1.0, completed=done, width=_BAR_WIDTH)] if (done := _done(status)) is not None else []
    line.add_row(*texts, *(bar if has_room else []))
    return line


def _done(status: Status) -> float | None:
    """Return how much of the phase is over, 0 to 1; None if it is open."""
    if status.length_s:
        return min(1.0, status.elapsed_s / status.length_s)
    return status.encoder.fraction if status.phase is Phase.ENCODING and status.encoder is not None else None


def _render_take(take: TakeStatus) -> Text:
    text = Text(f"{take.fps:.1f}/s")
    late = f"late, {take.lateness.max_ms:.0f} ms at most"
    for count, name in ((take.late, late), (take.missed, "missed"), (take.stale_rows, "stale")):
        if count:
            text.append(f"   {count} {name}", style="bold yellow")
    return text


def _render_camera(camera: CameraStatus) -> Text:
    """Return how a camera does, in words."""
    if camera.age_ms is None:
        return Text("no picture yet", style="bold yellow")
    if camera.is_stale:
        return Text(f"NO NEW PICTURE for {camera.age_ms / 1e3:.1f} s", style="bold red")
    if camera.is_frozen:
        return Text("FROZEN: always the same picture", style="bold red")
    return Text("fine" if camera.rate_hz is None else f"fine, {camera.rate_hz:.0f} pictures/s")


def _render_mark(marked: MarkedStatus) -> Text:
    """Return what was said about the take before: in a word and a colour, so that a wrong key is seen."""
    text = Text(f"episode {marked.episode}: ")
    text.append(*_OUTCOMES[marked.outcome])
    if marked.flagged:
        text.append("   flagged", style="bold yellow")
    return text


def _render_waiting(status: Status) -> Text:
    text = Text(f"{status.pending} to encode")
    if status.batch and status.phase is not Phase.ENCODING:
        text.append(f", {min(status.until_batch, status.batch)}/{status.batch} of the batch")
    encoder = status.encoder
    if encoder is None:
        return text.append("   (later: lerotool encode --pending)", style="dim")
    if encoder.is_busy:
        left = "" if encoder.left_s is None else f", {time_left(encoder.left_s)}"
        text.append(f"  encoding {encoder.fraction:.0%}{left}")
    if encoder.done:
        text.append(f"  {encoder.done} done")
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
        Phase.RESET: f"→ or n: start the take    ← or r: take the last one back    q: leave\n{_MARK_KEYS}",
        Phase.ASKING: f"{_MARK_KEYS}\n→ or n: no answer    ← or r: record again    q: leave",
        Phase.WAITING: "→ or n: do not wait    q: leave",
        Phase.ALIGNING: "q: leave",
        Phase.RECONNECTING: "q: leave",
        Phase.TELEOPERATING: "q: leave",
        Phase.REPLAYING: "q: stop",
        Phase.ENCODING: "q or Ctrl-C: leave the rest for later",
    }
    return Text(texts.get(status.phase, ""), style="dim")


HEIGHT = 5
_PIXEL = "██"
_GLYPHS = {
    "0": "###,#.#,#.#,#.#,###",
    "1": ".#.,##.,.#.,.#.,###",
    "2": "###,..#,###,#..,###",
    "3": "###,..#,.##,..#,###",
    "4": "#.#,#.#,###,..#,..#",
    "5": "###,#..,###,..#,###",
    "6": "###,#..,###,#.#,###",
    "7": "###,..#,..#,.#.,.#.",
    "8": "###,#.#,###,#.#,###",
    "9": "###,#.#,###,..#,###",
    ":": ".,#,.,#,.",
    "?": "###,..#,.##,...,.#.",
    " ": ".,.,.,.,.",
    "A": ".#.,#.#,###,#.#,#.#",
    "C": ".##,#..,#..,#..,.##",
    "D": "##.,#.#,#.#,#.#,##.",
    "E": "###,#..,##.,#..,###",
    "F": "###,#..,##.,#..,#..",
    "G": ".##,#..,#.#,#.#,.##",
    "I": "###,.#.,.#.,.#.,###",
    "K": "#.#,#.#,##.,#.#,#.#",
    "L": "#..,#..,#..,#..,###",
    "M": "#.#,###,###,#.#,#.#",
    "N": "##.,#.#,#.#,#.#,#.#",
    "O": ".#.,#.#,#.#,#.#,.#.",
    "P": "##.,#.#,##.,#..,#..",
    "R": "##.,#.#,##.,#.#,#.#",
    "S": ".##,#..,###,..#,##.",
    "T": "###,.#.,.#.,.#.,.#.",
    "V": "#.#,#.#,#.#,#.#,.#.",
    "W": "#.#,#.#,#.#,###,#.#",
    "Y": "#.#,#.#,.#.,.#.,.#.",
}


def big(text: str) -> list[str]:
    """Return a text as `HEIGHT` lines of equal width; letters that have no form are left out."""
    glyphs = [_GLYPHS[letter].split(",") for letter in text if letter in _GLYPHS]
    rows = (".".join(glyph[row] for glyph in glyphs) for row in range(HEIGHT))
    return ["".join(_PIXEL if pixel == "#" else " " * len(_PIXEL) for pixel in row) for row in rows]
