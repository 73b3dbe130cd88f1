"""`lerotool config`: which settings hold, and who says so."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import JsonOption, Output, columns
from lerotool.cli.robots import Overrides, choose_robot
from lerotool.devices.robots import SIMULATED
from lerotool.wording import one_line

if TYPE_CHECKING:
    from lerotool.cli.robots import RobotChoice

EXAMPLES: Examples = {
    "All robots that are set up, or the simulated one if none is": "lerotool config",
    "One robot": "lerotool config bench",
    "Change what holds for it: options of record that are typed once and kept": (
        'lerotool record --robot bench --task "Pick up the cube" --batch 20 --save-defaults'
    ),
}
NOTES = """[bold]Who says what[/bold]

The command line wins over the robot's file, the file over lerotool. Change the file as you like: it is TOML."""
_BUILT_IN = "default"


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting: its value, and who says so: a file, the environment, or lerotool itself."""

    name: str
    value: Any
    origin: str


def config(
    robot: Annotated[
        str | None,
        typer.Argument(metavar="ROBOT", help="A robot that lerotool setup has described, a TOML file, or 'sim'."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show which settings hold for a robot and its recordings, and where each comes from.

    Settings of record are those that hold when its command line says nothing else.
    """
    from lerotool.devices.config import list_robots

    output = Output(is_json=as_json)
    names = [robot] if robot is not None else [*list_robots()] or [SIMULATED]
    choices = [choose_robot(name, Overrides()) for name in names]
    places = list(_places())
    robots = {choice.name: list(_settings(choice)) for choice in choices}
    output.document(
        {
            "robots": [
                {"name": choice.name, "file": choice.path, "settings": [asdict(e) for e in robots[choice.name]]}
                for choice in choices
            ],
            "places": [asdict(entry) for entry in places],
        }
    )
    for choice in choices:
        output.result(_table(f"robot {choice.name}", robots[choice.name]))
        output.result("")
    output.result(_table("places", places))


def _settings(choice: RobotChoice) -> Iterator[Entry]:
    from lerotool.cli.record_options import settle

    file = str(choice.path)
    if choice.config is not None:
        given = choice.config.model_dump(mode="json", exclude_unset=True)
        for name, value in choice.config.model_dump(mode="json", exclude={"record"}).items():
            yield from _flat(name, value, given.get(name), file)
    in_file = choice.settings_in_file()
    for name, value in asdict(settle(choice, {})).items():
        yield Entry(f"record.{name}", value, file if name in in_file else _BUILT_IN)


def _flat(name: str, value: Any, given: Any, file: str) -> Iterator[Entry]:
    """Yield a setting, or those of a table one by one."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _flat(f"{name}.{key}", part, given.get(key) if isinstance(given, Mapping) else None, file)
    elif value not in (None, {}, []):
        yield Entry(name, value, _BUILT_IN if given is None else file)


def _places() -> Iterator[Entry]:
    from lerotool.devices.config import robots_folder
    from lerotool.devices.config.kinds import VARIABLE
    from lerotool.workspace import lerobot_home

    homes = ("HF_LEROBOT_HOME", "HF_HOME", "XDG_CACHE_HOME")
    yield Entry("datasets", str(lerobot_home()), _environment(*homes))
    yield Entry("robots", str(robots_folder()), _environment("LEROTOOL_CONFIG", "XDG_CONFIG_HOME"))
    if python := os.environ.get(VARIABLE):
        yield Entry("Python with LeRobot", python, _environment(VARIABLE))


def _environment(*names: str) -> str:
    """Return the first variable that is set, as it says where something is."""
    return next((f"${name}" for name in names if os.environ.get(name)), _BUILT_IN)


def _table(title: str, entries: list[Entry]) -> str:
    rows = [(one_line(entry.name), one_line(_shown(entry.value)), one_line(entry.origin)) for entry in entries]
    return columns((title, "value", "from"), rows)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
