"""`lerotool setup`: its commands, and the walk through all of them."""

from __future__ import annotations

from typing import Annotated

import typer

from lerotool.cli.output import Output
from lerotool.cli.setup import bus, calibrate, cameras, motors, ports
from lerotool.errors import UsageError

EXAMPLES = """
[bold]Examples[/bold]

  From nothing to a robot that records, step by step\n
  $ lerotool setup

  What is wrong with an arm\n
  $ lerotool setup bus bench
"""

app = typer.Typer(
    help="Set up a robot: ports, motor ids, calibration, cameras; examine its motors.",
    epilog=EXAMPLES,
    rich_markup_mode="rich",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("ports", epilog=ports.EXAMPLES)(ports.ports)
app.command("motors", epilog=motors.EXAMPLES)(motors.motors)
app.command("calibrate", epilog=calibrate.EXAMPLES)(calibrate.calibrate)
app.command("cameras", epilog=cameras.EXAMPLES)(cameras.cameras)
app.command("bus", epilog=bus.EXAMPLES)(bus.bus)


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

        walk(robot, Output.of(json=False, quiet=False))
    elif robot is not None:
        command = context.invoked_subcommand
        raise UsageError("--robot goes with the walk through all steps", hint=f"lerotool setup {command} {robot}")
