"""The live panel: what it shows, how large, and that nothing of it wraps."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from lerotool.cli.output import Output
from lerotool.cli.panel_view import _WORDS, HEIGHT, PanelView, big
from lerotool.cli.recorder import LinePanel
from lerotool.dataset.marks import Outcome
from lerotool.execution import EncoderStatus
from lerotool.recording import events
from lerotool.recording.episode_report import Lateness
from lerotool.recording.events import Event
from lerotool.recording.housekeeping import DiskStatus
from lerotool.recording.status import CameraStatus, MarkedStatus, Phase, Status, TakeStatus

TASK = "Pick up the red cube and put it into the box on the left"


def status(phase: Phase, **changes: Any) -> Status:
    """A session of two cameras late in a long day."""
    usual: dict[str, Any] = {
        "episode": 127,
        "length_s": 90.0 if phase in (Phase.TAKE, Phase.RESET) else None,
        "alarms": ("the follower's gripper is hot: 61 degrees",),
    }
    return replace(
        Status(phase=phase, elapsed_s=13.4, **usual),
        goal=500,
        take=TakeStatus(402, 29.9, Lateness(0.1, 9, 31), 12, 3, 4) if phase is Phase.TAKE else None,
        cameras=(CameraStatus("front", 30.0, 12.0, False, False), CameraStatus("wrist", 29.0, 950.0, True, False)),
        pending=17,
        until_batch=7,
        batch=10,
        encoder=EncoderStatus(is_busy=True, waiting=10, done=110, fraction=0.4, left_s=3725.0, frames_per_s=301.0),
        disk=DiskStatus(70_000_000_000, 28_000.0),
        marked=MarkedStatus(126, Outcome.SUCCESS, flagged=True) if phase in (Phase.RESET, Phase.ASKING) else None,
        task=TASK,
        **changes,
    )


def lines(shown: Status, width: int = 80, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(PanelView(shown, has_keys=True), soft_wrap=False)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 20)])
def test_the_panel_fits_the_terminal(phase: Phase, width: int, height: int) -> None:
    shown = lines(status(phase), width, height)
    assert len(shown) < height
    assert max(map(len, shown)) <= width


@pytest.mark.parametrize("phase", [Phase.TAKE, Phase.RESET, Phase.ASKING, Phase.ENCODING])
def test_no_line_is_broken_at_eighty_columns(phase: Phase) -> None:
    assert len(lines(status(phase), 80, 60)) == len(lines(status(phase), 300, 60))


@pytest.mark.parametrize(("phase", "text"), [(Phase.TAKE, "REC 1:17"), (Phase.RESET, "RESET 1:17")])
def test_phase_and_countdown_are_five_lines_high_at_eighty_columns(phase: Phase, text: str) -> None:
    shown = lines(status(phase))
    assert shown[1 : 1 + HEIGHT] == [line.rstrip() for line in big(text)]


def test_where_phase_and_countdown_are_too_wide_the_countdown_stays_large() -> None:
    assert lines(status(Phase.RESET), 40, 40)[1 : 1 + HEIGHT] == [line.rstrip() for line in big("1:17")]


def test_in_a_low_terminal_everything_but_the_large_letters_is_shown() -> None:
    shown = lines(status(Phase.TAKE), 80, 14)
    assert not any("██" in line for line in shown)
    assert any(line.startswith("● RECORDING episode 127 (128 of 500)") for line in shown)
    assert TASK in shown


def test_time_left_is_shown_while_the_rest_is_encoded() -> None:
    shown = "\n".join(lines(status(Phase.ENCODING)))
    assert "1:02:05 left" in shown
    assert TASK not in shown


def test_the_task_of_the_next_take_is_not_shown_beside_the_question_about_the_last_one() -> None:
    assert any(TASK in line for line in lines(status(Phase.RESET)))
    assert not any(TASK in line for line in lines(status(Phase.ASKING)))


def test_lateness_is_shown_only_where_there_was_some() -> None:
    late = status(Phase.TAKE)
    assert late.take is not None
    assert "12 late, 31 ms at most   3 missed   4 stale" in "\n".join(lines(late))
    well = replace(late, take=replace(late.take, late=0, missed=0, stale_rows=0))
    assert not any("late" in line or "ms" in line for line in lines(well) if line.startswith("rows"))


@pytest.mark.parametrize("text", [*_WORDS.values(), "0123456789:"])
def test_every_letter_that_is_shown_large_has_a_form(text: str) -> None:
    (width,) = {len(line) for line in big(text)}
    assert width == sum(len(big(letter)[0]) for letter in text) + 2 * (len(text) - 1)
    assert all(any("█" in line for line in big(letter)) for letter in text)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("bell", "output", "event", "rings"),
    [
        (True, Output(), events.TakeStarted(0, 1, TASK), True),
        (True, Output(), events.ResetStarted(1, 60.0, TASK), True),
        (True, Output(), events.DevicesBack(), False),
        (False, Output(), events.TakeStarted(0, 1, TASK), False),
        (True, Output(is_json=True), events.TakeStarted(0, 1, TASK), False),
        (True, Output(is_quiet=True), events.TakeStarted(0, 1, TASK), False),
    ],
)
def test_the_bell_rings_when_a_phase_begins_unless_nobody_wants_it(
    bell: bool, output: Output, event: Event, rings: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream, rung in ((_Terminal(), rings), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", stream)
        LinePanel(output, has_bell=bell).tell(event)
        assert ("\a" in stream.getvalue()) is rung
