"""``--help`` reads well at 80 columns, and every command says by examples how it is used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

import pytest
import typer

from lerotool.cli import help as pages
from lerotool.cli.app import make_app, run

WIDTH = 80
TWO_SCREENS = 120
OLD_TYPER = tuple(map(int, version("typer").split(".")[:2])) < (0, 29)
TYPES_OF_PYTHON = re.compile(r"<(bool|int|float|str|path|list)\b")
EXAMPLES_IN_HELP = re.compile(r"^ +\$ lerotool ", re.MULTILINE)


def _commands() -> Iterator[tuple[str, ...]]:
    """Every command as it is typed, the app itself and groups included."""
    root = typer.main.get_command(make_app())
    todo = [((), root)]
    while todo:
        path, command = todo.pop()
        yield path
        todo += [((*path, name), each) for name, each in getattr(command, "commands", {}).items() if not each.hidden]


COMMANDS = sorted(_commands())


@pytest.fixture(autouse=True)
def _narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def _help(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    assert run([*command, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_80_columns_and_speaks_no_python(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = _help(command, capsys)

    assert max(len(line.rstrip()) for line in shown.splitlines()) <= WIDTH
    assert TYPES_OF_PYTHON.findall(shown) == []
    assert [line for line in shown.splitlines() if line.startswith("╭") and not line.endswith("─╮")] == []
    assert [line for line in shown.splitlines() if re.search(r"--[\w-]*…", line)] == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_examples_stand_before_the_options(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    shown = _help(command, capsys)

    first = EXAMPLES_IN_HELP.search(shown)
    assert first is not None
    assert first.start() < shown.index("─ Options ─")


@pytest.mark.skipif(OLD_TYPER, reason="it shows the range of each number too, which takes more lines")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_two_screens(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert len(_help(command, capsys).splitlines()) <= TWO_SCREENS


def test_help_of_record_fits_two_screens_of_24_lines_and_leads_to_every_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = _help(("record",), capsys)
    assert len(short.splitlines()) <= (52 if OLD_TYPER else 48)  # the older one shows ranges of numbers
    assert "All options, keys and examples: lerotool help record" in short
    assert run(["help", "record"]) == 0
    whole = capsys.readouterr().out
    options = [name for each in _record().params for name in each.opts if name.startswith("--")]
    assert [name for name in options if name not in whole] == []
    # What --help leaves out can be typed and completed all the same, and it is the same the next time.
    assert not any(each.hidden for each in _record().params if hasattr(each, "hidden"))
    assert _help(("record",), capsys) == short
    assert "--seed" in whole
    assert "--seed" not in short


def _record() -> typer.core.TyperCommand:
    command = typer.main.get_command(make_app(["record"])).commands["record"]
    assert isinstance(command, typer.core.TyperCommand)
    return command


def test_paragraphs_are_filled_whatever_the_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    lines = _help(("encode",), capsys).splitlines()

    paragraph = next(line for line in lines if line.strip().startswith("One video per episode"))
    assert paragraph.rstrip().endswith("the same command goes on where it was.")


def test_an_example_with_several_lines_is_shown_as_typed() -> None:
    shown = pages.examples({"Tonight, then tomorrow": ["lerotool record --batch 0", "lerotool encode --pending"]})

    assert shown.index("Tonight") < shown.index("$ lerotool record") < shown.index("$ lerotool encode")


@pytest.mark.parametrize("asked", [["--version"], ["-V"], ["version"]])
def test_the_version_is_found_however_it_is_asked_for(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(asked) == 0
    assert re.fullmatch(r"lerotool \S+\n", capsys.readouterr().out)


def test_a_command_is_run_without_the_modules_of_others() -> None:
    program = (
        "import sys; from lerotool.cli.app import run; run(['info', '--help']); "
        "print([name for name in ('info', 'record', 'merge', 'edit') if f'lerotool.cli.{name}' in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "['info']"


def test_help_is_a_command_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "setup", "bus"]) == 0
    assert capsys.readouterr().out == _help(("setup", "bus"), capsys)


@pytest.mark.parametrize(
    ("typed", "said", "hint"),
    [
        (["recrod"], "no such command 'recrod'. Did you mean 'record'", "lerotool --help"),
        (["merge", "--dry-rum", "a", "-o", "b"], "--dry-run", "lerotool merge --help"),
        (["info"], "missing argument 'DATASET'", "lerotool info --help"),
    ],
)
def test_a_slip_of_the_keyboard_is_answered_like_any_other_error(
    typed: list[str], said: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed) == 2

    error, advice = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert advice == f"hint: {hint}"


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    asked = {
        "_LEROTOOL_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "lerotool me",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "lerotool me",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    program = "import sys; sys.argv = ['lerotool']; from lerotool.cli.app import main; main()"

    completed = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )

    assert "merge" in completed.stdout
    assert "record" not in completed.stdout
