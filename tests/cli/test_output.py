"""What commands print arrives as it was said."""

from __future__ import annotations

import json

import pytest

from lerotool.cli.app import run
from lerotool.cli.output import Output, print_error
from lerotool.errors import DatasetLockedError

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
    output = Output.of(json=True, quiet=False)
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
        (["record", "--bogus"], 2, "No such option: --bogus"),
        (["frobnicate"], 2, "No such command"),
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
