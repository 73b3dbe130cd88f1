"""`lerotool setup`: its commands, and the walk through all of them."""

from __future__ import annotations

from typing import Annotated

import typer

from lerotool.cli.help import HELP_OPTIONS, Examples, Group, add_command, examples
from lerotool.cli.output import Output
from lerotool.cli.setup import bus, calibrate, cameras, emulate, lerobot_types, motors, ports
from lerotool.errors import UsageError

EXAMPLES: Examples = {
    "From nothing to a robot that records, step by step": "lerotool setup",
    "What is wrong with an arm": "lerotool setup bus bench",
}

app = typer.Typer(
    cls=Group,
    epilog=examples(EXAMPLES),
    rich_markup_mode="rich",
    invoke_without_command=True,
    context_settings=HELP_OPTIONS,
)
add_command(app, "ports", ports.EXAMPLES)(ports.ports)
add_command(app, "motors", motors.EXAMPLES)(motors.motors)
add_command(app, "calibrate", calibrate.EXAMPLES)(calibrate.calibrate)
add_command(app, "cameras", cameras.EXAMPLES)(cameras.cameras)
add_command(app, "bus", bus.EXAMPLES)(bus.bus)
add_command(app, "emulate", emulate.EXAMPLES)(emulate.emulate)
add_command(app, "robots", lerobot_types.EXAMPLES)(lerobot_types.robots)


@app.callback()
def setup(
    context: typer.Context,
    robot: Annotated[
        str | None, typer.Option("--robot", metavar="NAME", help="What the robot is called; without it, asks.")
    ] = None,
) -> None:
    """Set up a robot: ports, motor ids, calibration, cameras; examine its motors.

    Without a command: all of it, step by step. What is done already is passed.
    """
    if context.invoked_subcommand is None:
        from lerotool.cli.setup.walk import walk

        walk(robot, Output())
    elif robot is not None:
        command = context.invoked_subcommand
        raise UsageError("--robot goes with the walk through all steps", hint=f"lerotool setup {command} {robot}")
