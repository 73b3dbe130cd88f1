"""`lerotool setup`: the commands, and the walk through all of them."""

from __future__ import annotations

import typer

from lerotool.cli.setup import bus, calibrate, motors, ports

app = typer.Typer(
    help="Set up a robot: ports, motor ids, calibration, cameras; look at its bus.",
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("ports", epilog=ports.EXAMPLES)(ports.ports)
app.command("motors", epilog=motors.EXAMPLES)(motors.motors)
app.command("calibrate", epilog=calibrate.EXAMPLES)(calibrate.calibrate)
app.command("bus", epilog=bus.EXAMPLES)(bus.bus)
