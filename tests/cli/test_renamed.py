"""Options that have another name now are found by the old one too, which says so on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from lerotool.cli.app import make_app, run
from lerotool.cli.help import RENAMED, with_new_names
from tests.shared import GOLDEN

ROOT = GOLDEN / "v30_lerobot061_novideo"
DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("old", ["--only", "--only=action"])
def test_an_old_name_does_the_same_and_says_so(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = [] if "=" in old else ["action"]
    assert run(["stats", str(ROOT), "--feature", "action", "--per-episode", "--json"]) == 0
    new = capsys.readouterr()

    assert run(["stats", str(ROOT), old, *value, "--episodes", "--json"]) == 0

    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads(new.out)
    assert not new.err
    assert printed.err == (
        "warning: --only is called --feature now; the old name goes with the next release\n"
        "warning: --episodes is called --per-episode now; the old name goes with the next release\n"
    )


@pytest.mark.parametrize("command", RENAMED)
def test_new_names_are_options_and_old_ones_are_not(command: str) -> None:
    found = typer.main.get_command(make_app()).commands[command]  # type: ignore[attr-defined]
    options = {name for parameter in found.params for name in parameter.opts}

    assert set(RENAMED[command].values()) <= options
    assert not set(RENAMED[command]) & options


def test_what_stands_behind_two_dashes_stays_as_it_is() -> None:
    said: list[str] = []

    assert with_new_names("encode", ["--only=3", "--", "--only", "4"], said.append) == [
        "--episodes=3",
        "--",
        "--only",
        "4",
    ]
    assert len(said) == 1


def test_the_manual_lists_what_has_another_name() -> None:
    text = (DOCS / "stability.md").read_text(encoding="utf-8")
    for command, names in RENAMED.items():
        old, new = (", ".join(f"`{name}`" for name in column) for column in (names, names.values()))
        assert f"| `{command}` | {old} | {new} |" in text
