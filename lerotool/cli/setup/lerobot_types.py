"""`lerotool setup robots`: the robots and teleoperators that LeRobot and its plug-ins have."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import JsonOption, Output
from lerotool.cli.robots import LeRobotOption
from lerotool.errors import UsageError

EXAMPLES: Examples = {
    "Which robots LeRobot and its plug-ins drive": "lerotool setup robots --lerobot ~/lerobot/bin/python",
    "The options that one of them has": "lerotool setup robots koch_follower --lerobot ~/lerobot/bin/python",
}


def robots(
    kind: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="A robot or teleoperator; with it, its options are listed.")
    ] = None,
    lerobot: LeRobotOption = None,
    json: JsonOption = False,
) -> None:
    """List the robots and teleoperators of LeRobot and its plug-ins, and the options of each.

    Plug-ins are found by their name, with hyphens or without; all that are installed there are imported.
    """
    from lerotool.devices.config.kinds import find_python
    from lerotool.devices.lerobot.process import CLOSE_S, START_S, LeRobotProcess

    output = Output(is_json=json)
    output.note("starting LeRobot, which takes some seconds")
    process = LeRobotProcess(find_python(None if lerobot is None else str(lerobot)))
    try:
        types = process.ask("list", START_S)
    finally:
        process.end(CLOSE_S)
    if kind is not None:
        types = _only(types, kind)
    output.document(types)
    for title, key in (("robot", "robots"), ("teleop", "teleops")):
        for name, options in types[key].items():
            output.result(_line(title, name, options) if kind is None else _all_options(title, name, options))
    for problem in types["problems"]:
        output.warn(f"cannot be imported: {problem}")


def _only(types: dict[str, Any], kind: str) -> dict[str, Any]:
    found = {key: {kind: types[key][kind]} if kind in types[key] else {} for key in ("robots", "teleops")}
    if not any(found.values()):
        raise UsageError(f"LeRobot has no robot or teleoperator {kind!r}", hint="leave it out to list all of them")
    return {**found, "problems": []}


def _line(title: str, name: str, options: list[dict[str, Any]]) -> str:
    needed = [f"--{title}.{option['name']}=…" for option in options if option["required"]]
    return " ".join((f"--{title}.type={name}", *needed))


def _all_options(title: str, name: str, options: list[dict[str, Any]]) -> str:
    rows = [f"  --{title}.{option['name']}  {option['type']}{'  (needed)' * option['required']}" for option in options]
    return "\n".join((f"--{title}.type={name}", *rows))
