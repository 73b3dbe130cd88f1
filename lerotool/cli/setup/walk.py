"""`lerotool setup` without a command: the way from parts on a table to a robot that records."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lerotool.cli.output import Output
from lerotool.cli.setup.commands import read_or_new
from lerotool.cli.setup.person import Person, resumable
from lerotool.devices.arms.joints import JOINTS
from lerotool.errors import DeviceError, UsageError

if TYPE_CHECKING:
    from lerotool.devices.config import SoRobotConfig

STEPS = 5
CHECK_READS = 50
_INTRODUCTION = """\
This sets a robot up: a leader arm that you move, a follower that repeats it, and cameras.

- Plug in the arms' power supplies and USB cables, and the cameras.
- Every question has a default, in brackets: Enter takes it.
- q or Ctrl-C stops at any time. What was done is kept; the same command goes on from there."""


def walk(robot: str | None, output: Output) -> None:
    """Take a person through all steps; what is done already is shown and passed, and kept if a later step fails."""
    person = Person.at(output)
    if not person.is_there:
        raise UsageError(
            "this asks questions and needs a terminal",
            hint="use the single commands with their options: lerotool setup ports, motors, calibrate, cameras, bus",
        )
    with resumable(output, f"lerotool setup{f' --robot {robot}' if robot else ''}"):
        output.note(_INTRODUCTION)
        name = robot or _ask_name(person)
    again = f"lerotool setup --robot {name}"
    with resumable(output, again):
        try:
            fit = _take_steps(name, person)
        except DeviceError:
            output.note(f"\nThis step could not be finished; what was done is kept. Go on with: {again}")
            raise
    _conclude(name, output, fit=fit)


def _take_steps(name: str, person: Person) -> bool:
    """Take all steps; return whether the arms can be used."""
    from lerotool.cli.setup.bus import check_robot

    config = _connect(name, person)
    _set_up_motors(config, person)
    _calibrate(config, person)
    _find_cameras(name, person)
    _title(5, "a look at all motors", person.output)
    return check_robot(name, CHECK_READS, person.output)


def _title(number: int, text: str, output: Output) -> None:
    output.note(f"\nStep {number} of {STEPS}: {text}")


def _ask_name(person: Person) -> str:
    from lerotool.devices.config import list_robots, robot_path

    known = list_robots()
    if known:
        person.output.note(f"robots that are known: {', '.join(known)}")
    while True:
        name = person.text("\nWhat is the robot called?", known[0] if len(known) == 1 else "bench", "--robot")
        try:
            robot_path(name)
        except UsageError as error:
            person.output.warn(str(error), hint=error.hint)
        else:
            return name


def _connect(name: str, person: Person) -> SoRobotConfig:
    from lerotool.cli.setup.ports import assign_ports

    _title(1, "which USB adapter belongs to which arm", person.output)
    config = read_or_new(name)
    if config is None or not _is_connected(config, person.output):
        config = assign_ports(name, {}, None, person)
    if not config.arms:
        raise DeviceError("no arm is known yet", hint=f"plug one in and run: lerotool setup --robot {name}")
    return config


def _is_connected(config: SoRobotConfig, output: Output) -> bool:
    """Whether all arms of a robot are known and plugged in."""
    from lerotool.devices.servos.adapters import find_port
    from lerotool.setup.arms import arm_at, places_of

    for place in places_of(config):
        arm = arm_at(config, place)
        if arm is None:
            return False
        try:
            find_port(arm.port)
        except DeviceError as error:
            output.note(f"the {place}'s adapter is not plugged in: {error}")
            return False
        output.note(f"the {place} is at {arm.port}")
    return True


def _set_up_motors(config: SoRobotConfig, person: Person) -> None:
    from lerotool.cli.setup.motors import set_up_arm
    from lerotool.setup.arms import select

    _title(2, "the motors' ids", person.output)
    for place in select(config, None, None):
        set_up_arm(config, place, person)


def _calibrate(config: SoRobotConfig, person: Person) -> None:
    from lerotool.cli.setup.calibrate import calibrate_arm
    from lerotool.errors import CalibrationError
    from lerotool.setup.arms import select

    _title(3, "how far each joint goes", person.output)
    for place in select(config, None, None):
        again = True
        while again:
            try:
                calibrate_arm(config, place, JOINTS, person, asks_first=True)
                again = False
            except CalibrationError as error:
                person.output.warn(str(error), hint=error.hint)
                again = person.confirm(f"Calibrate the {place} from the beginning?", default=True, option="--arm")


def _find_cameras(name: str, person: Person) -> None:
    from lerotool.cli.setup.cameras import SECONDS, name_cameras

    _title(4, "cameras", person.output)
    config = read_or_new(name)
    if config and config.cameras:
        known = ", ".join(f"{camera} ({entry.source})" for camera, entry in config.cameras.items())
        person.output.note(f"cameras that are known: {known}")
        if not person.confirm("Look for cameras again?", default=False, option="--camera"):
            return
    name_cameras(name, SECONDS, Path(tempfile.gettempdir()) / "lerotool-cameras", person)


def _conclude(name: str, output: Output, *, fit: bool) -> None:
    if not fit:
        output.note("\nThe robot is set up, but a problem is left: see above.")
        output.note(f"Look again with: lerotool setup bus {name}")
    output.note("\nRecord with it:")
    output.result(f'lerotool record --robot {name} --task "what it does"')
