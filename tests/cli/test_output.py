"""What commands print arrives as it was said."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from rich.console import RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lerotool.cli.app import run
from lerotool.cli.console import PlainConsole
from lerotool.cli.output import Output, print_error
from lerotool.errors import DatasetLockedError, LerotoolError

LONG = "lerotool encode --pending /somewhere/" + "far/" * 40 + "[draft] set"


def test_a_line_of_text_is_neither_broken_nor_read_as_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    output = Output()
    output.result(LONG)
    output.note(LONG)
    said = capsys.readouterr()
    assert LONG in said.out
    assert LONG in said.err


def test_in_json_mode_stdout_carries_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(is_json=True)
    output.result("for people")
    output.note("for people")
    output.document({"answer": 42})
    said = capsys.readouterr()
    assert json.loads(said.out) == {"schema": 1, "answer": 42}
    assert said.err == ""


def test_an_error_for_machines_is_one_object_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    code = print_error(DatasetLockedError("in use", hint="wait"), as_json=True)
    said = capsys.readouterr()
    assert code == 5
    assert said.out == ""
    assert json.loads(said.err) == {"type": "DatasetLockedError", "code": 5, "message": "in use", "hint": "wait"}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["record", "--bogus"], 2, "no such option: --bogus"),
        (["frobnicate"], 2, "no such command"),
        (["record", "--fps", "abc"], 2, "--fps"),
        (["info", "/nowhere/at/all"], 3, "hint:"),
        (["record", "--camera", "front"], 2, "NAME=SOURCE"),
    ],
)
def test_bad_command_lines_have_an_exit_code_and_no_traceback(
    arguments: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err
    assert "Traceback" not in said.err


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "record" in "".join(capsys.readouterr())


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lerotool ")


HOSTILE = "\x1b]0;PWNED\x1b[2J[red]x[/] [/] :smile: \x9b31m\udcff"
SHOWN = r"\x1b]0;PWNED\x1b[2J[red]x[/] [/] :smile: \x9b31m\xff"


def hostile_table() -> Table:
    table = Table(HOSTILE, box=None)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE, "bold"))
    return table


@pytest.mark.parametrize("make", [lambda: HOSTILE, lambda: Text(HOSTILE), hostile_table], ids=["line", "text", "table"])
def test_a_terminal_shows_hostile_text_and_does_not_act_on_it(
    make: Callable[[], RenderableType], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    output = Output()
    output.result(make())
    output.note(HOSTILE)
    output.warn(HOSTILE, hint=HOSTILE)
    print_error(LerotoolError(HOSTILE, hint=HOSTILE), as_json=False)
    said = capsys.readouterr()
    assert SHOWN[:30] in said.out  # cells are cut
    assert said.err.count(SHOWN) == 5
    assert all(c.isprintable() or c == "\n" for c in said.out + said.err)


def test_a_live_display_shows_hostile_text_and_does_not_act_on_it() -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    console = PlainConsole(stream)
    with Live(Text(HOSTILE), console=console, auto_refresh=False) as live:
        live.update(hostile_table(), refresh=True)
    assert "PWNED" in stream.getvalue()
    assert "\x1b]0" not in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()
    assert "\x9b" not in stream.getvalue()


def test_json_holds_hostile_text_escaped_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(is_json=True)
    output.document({"task": HOSTILE, "name": "Würfel"})
    output.record("event", {"task": HOSTILE})
    print_error(LerotoolError(HOSTILE, hint=HOSTILE), as_json=True)
    said = capsys.readouterr()
    assert all(c.isprintable() or c == "\n" for c in said.out + said.err)
    assert "Würfel" in said.out
    document, event = said.out.rsplit("\n", 2)[:2]
    assert json.loads(document)["task"] == json.loads(event)["task"] == HOSTILE
    assert json.loads(said.err)["message"] == HOSTILE
