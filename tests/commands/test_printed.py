"""Every command line that the product prints runs as it is printed; one that nobody has thought of fails here."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.commands.printed import Printed, command_of, printed_lines

PRINTED = printed_lines()

QUOTED = re.compile(r"\{(as_argument|shlex\.quote)\(.*\)\}")
SAFE = {
    "{name}": "a robot's name, which needs no quotes",
    "{robot}": "a robot's name",
    "{name or ''}": "a robot's name",
    "{where or ''}": "a robot's name, or a port as it was typed",
    "{JOINTS[motor - 1].name}": "a joint's name",
    "{command}": "a command of setup",
    "{DATASET}": "the word that stands for the dataset in its history, where it is shown and not run",
    "{step}": "a command of setup",
    "{numbers}": "numbers of episodes, which need no quotes",
    "{source}": "a dataset and its episodes, quoted when they are put together",
    "{copy}": "the name of a dataset in the Hub's cache, quoted before",
    "{flags}": "the options of one of the ways to record that a benchmark compares",
    "{options}": "options whose values are quoted when they are put together",
}
VALUES = {
    "DATASET": "me/pick-cube",
    "{DATASET}": "me/pick-cube",
    "[DATASET]...": "me/pick-cube",
    "SOURCE...": "ds1 ds2",
    "TARGET": "new",
    "FOLDER": "new",
    "EPISODE": "0",
    "NAME": "bench",
    "ARM": "follower",
    "{command}": "bus",
    "{step}": "bus",
    "{numbers}": "0",
    "{options}": "",
    "{named}": " me/pick-cube",
    "TARGET{version}": "new",
    "{copy}": "new",
    "{source}": "me/pick-cube:0",
    "DATASET:KEPT": "me/pick-cube:0",
    "{flags}": "--batch 1 --robot sim",
    "{JOINTS[motor - 1].name}": "gripper",
}
"""What stands for what is put in when a line is printed, or typed in its place."""

NAMES_ONLY = {
    "lerotool encode": "docs name the command",
    "lerotool stats": "docs name the command",
    "lerotool check": "docs name the command",
    "lerotool stats --verify": "docs name the option",
    "lerotool stats --write": "docs name the option",
    "lerotool check --repair": "docs name the option",
    "lerotool setup calibrate": "named beside the robot that was asked for",
    "lerotool setup motors": "named beside the robot that was asked for",
}
PARSED_ONLY = {
    r"benchmark": "measures for minutes; tests/cli/test_benchmark.py runs it on little",
    r".*(--dask|/shared/)": "names other machines; tests/encoding/test_cluster.py runs it on a cluster",
    r".*--lerobot ": "needs LeRobot; tests/devices/lerobot records and lists with it",
    r".*--camera ": "names cameras of a desk; tests/devices/cameras runs each kind",
    r"setup(?! bus \w+$| cameras$| ports$)": "asks a person; tests/cli/test_setup_*.py answers",
    r"setup bus /dev": "names a port of a desk",
    r"record --episodes 0$": "moves arms until it is interrupted; tests/test_real_arms.py does it",
    r"record .*--ask": "waits for an answer; tests/cli/test_record.py gives one",
    r"check .*--accept": "reads a person's file; tests/checking/test_quality.py writes one",
    r"view": "serves until it is stopped; tests/web does it",
    r"(push|pull) ": "asks the Hub; tests/sharing has one on loopback",
    r".*--help$": "prints its help, which tests/cli reads",
}
CODES = {
    "lerotool check DATASET --repair --drop-episodes": 0,
    "lerotool encode --pending {as_argument(root)} --dry-run": 0,
}
"""Exit codes other than 0 that a line promises."""


def typed(printed: Printed) -> list[str]:
    """Return the words after ``lerotool`` as a shell would hand them over."""
    line = printed.line.removeprefix("lerotool ")
    for hole in re.findall(r"\{(?:[^{}\"]|\{[^{}]*\})*\}", line):
        line = line.replace(hole, VALUES.get(hole, "bench" if hole in SAFE else "me/pick-cube"))
    words = [part for word in shlex.split(line.split(" > ")[0].removesuffix(" &")) for part in _value(word)]
    return [path for word in words for path in expanded(word)]


def _value(word: str) -> list[str]:
    return VALUES[word].split() if word in VALUES else [word]


def expanded(word: str) -> list[str]:
    """Return what a shell makes of ``~`` and ``*``."""
    if not word.startswith("~"):
        return [word]
    path = Path(word).expanduser()
    return [str(found) for found in (sorted(path.parent.glob("*")) if path.name == "*" else [path])]


def kind_of(printed: Printed) -> str:
    line = printed.line.removeprefix("lerotool ")
    if printed.line in NAMES_ONLY:
        return "named"
    if any(re.match(pattern, line) for pattern in PARSED_ONLY):
        return "parsed"
    return "recorded" if line.startswith("record") else "run"


def lines(kind: str) -> list[object]:
    return [pytest.param(printed, id=printed.line) for printed in PRINTED if kind_of(printed) == kind]


@pytest.mark.parametrize("printed", [pytest.param(printed, id=printed.line) for printed in PRINTED])
def test_every_printed_line_is_understood(printed: Printed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "recordings/one").mkdir(parents=True)
    words = [word for word in typed(printed) if word != "--help"]
    command, depth = command_of(words)
    if printed.line not in NAMES_ONLY:
        # What is wrong with an option or an argument is raised.
        command.make_context(command.name, words[depth:])


@pytest.mark.parametrize("printed", [pytest.param(printed, id=printed.line) for printed in PRINTED])
def test_what_is_put_into_a_line_is_quoted(printed: Printed) -> None:
    holes = [word for word in printed.words if word.startswith("{") and not word.startswith('"')]
    assert [hole for hole in holes if not QUOTED.fullmatch(hole) and hole not in SAFE] == [], printed.place


@pytest.mark.parametrize("printed", lines("named"))
def test_a_line_without_its_arguments_only_names_a_command_in_prose(printed: Printed) -> None:
    assert printed.place.startswith(("README", "docs", "lerotool/setup")), printed.place
