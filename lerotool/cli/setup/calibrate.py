"""`lerotool setup calibrate`: move each joint from end to end."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import Output
from lerotool.cli.setup.commands import ArmOption, NameArgument, SideOption
from lerotool.cli.setup.person import Person, resumable
from lerotool.devices.arms.joints import JOINT_NAMES, JOINTS, Joint
from lerotool.errors import CalibrationError, DeviceError, UsageError

if TYPE_CHECKING:
    from lerotool.devices.arms.calibration import Calibration
    from lerotool.devices.config import ArmConfig, SoRobotConfig
    from lerotool.setup.arms import Place
    from lerotool.setup.sweep import SweptArm

EXAMPLES: Examples = {
    "Both arms, one after the other": "lerotool setup calibrate bench",
    "One joint again": "lerotool setup calibrate bench --arm follower --joint elbow_flex",
    "Without questions: the joints are followed for 30 seconds": (
        "lerotool setup calibrate bench --arm leader --seconds 30"
    ),
}


def calibrate(
    name: NameArgument,
    arm: ArmOption = None,
    side: SideOption = None,
    joint: Annotated[list[str] | None, typer.Option(metavar="JOINT", help="Only this joint; repeat for more.")] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="N", min=1.0, help="Follow the joints for so long and ask nothing.")
    ] = None,
    *,
    output: Output,
) -> None:
    """Calibrate an arm: its joints are followed while you move them from end to end.

    The result is a calibration file in LeRobot's own place and format, and the same numbers in the motors.

    What was there before is kept beside it.
    """
    from lerotool.devices.config import load_robot
    from lerotool.setup.arms import select

    person = Person.at(output)
    joints = _chosen(joint or [])
    if seconds is None:
        person.require("--seconds")
    config = load_robot(name)
    results = []
    with resumable(output, f"lerotool setup calibrate {name}"):
        for place in select(config, arm, side):
            asks_first = seconds is None and arm is None and not joint
            result = calibrate_arm(config, place, joints, person, seconds=seconds, asks_first=asks_first)
            if result is not None:
                results.append(result)
    output.document({"robot": name, "arms": results})
    for result in results:
        output.result(f"{result['arm']}: {result['file']}")


def _chosen(names: list[str]) -> tuple[Joint, ...]:
    if unknown := [name for name in names if name not in JOINT_NAMES]:
        raise UsageError(f"--joint {unknown[0]!r}: expected one of {', '.join(JOINT_NAMES)}")
    return tuple(joint for joint in JOINTS if not names or joint.name in names)


def calibrate_arm(
    config: SoRobotConfig,
    place: Place,
    joints: tuple[Joint, ...],
    person: Person,
    *,
    seconds: float | None = None,
    asks_first: bool = False,
) -> dict[str, Any] | None:
    """Calibrate one arm with the person's help, keep the result and return it; None if the person keeps what there is.

    Without ``seconds`` the joints are followed until Enter, with questions. Nothing has changed when the person stops.
    """
    from lerotool.devices.arms.calibration import find_existing, read_existing
    from lerotool.devices.servos.adapters import find_port
    from lerotool.setup.sweep import open_arm

    arm = config.arms[place.key]
    existing = find_existing(place.role, arm.id, config.type)
    if asks_first and existing and not _wants_again(place, str(existing), person):
        return None
    old: Calibration = {}
    if len(joints) < len(JOINTS):
        found = read_existing(place.role, arm.id, config.type)
        if found is None:
            raise CalibrationError(f"the {place} has no calibration yet", hint="calibrate it once without --joint")
        old = found
    with open_arm(find_port(arm.port)) as swept:
        _sweep(swept, place, joints, person, seconds)
        calibration = {**old, **swept.calibrate(joints)}
        return _keep(swept, place, arm, calibration, person.output)


def _wants_again(place: Place, path: str, person: Person) -> bool:
    person.output.note(f"the {place} is calibrated: {path}")
    return person.confirm("calibrate it again?", default=False, option="--arm")


def _sweep(swept: SweptArm, place: Place, joints: tuple[Joint, ...], person: Person, seconds: float | None) -> None:
    """Follow the joints until what they travelled can be used."""
    from lerotool.cli.setup.sweeping import follow

    if seconds is not None:
        swept.begin(joints)
        follow(swept, joints, person.output, seconds=seconds)
        _refuse(swept, joints)
        for doubt in swept.find_doubts(joints).values():
            person.output.warn(doubt)
        return
    again = joints
    while again:
        _introduce(place, again, person)
        swept.begin(again)
        follow(swept, again, person.output)
        again = _find_again(swept, again, person)


def _introduce(place: Place, joints: tuple[Joint, ...], person: Person) -> None:
    note = person.output.note
    note(f"\nThe {place}'s motors are soft now. Hold the arm: it falls.")
    if any(joint.turns_fully for joint in joints):
        note("- First turn the wrist straight, so that it can turn as far to the left as to the right.")
        note("- Press Enter, and then move each joint slowly from one end to the other:")
    else:
        note("- Press Enter, and then move slowly from one end to the other:")
    if ends := [joint.name for joint in joints if not joint.turns_fully]:
        note(f"  {', '.join(ends)}")
    person.wait("Press Enter to begin (q: stop)", "--seconds")


def _find_again(swept: SweptArm, joints: tuple[Joint, ...], person: Person) -> tuple[Joint, ...]:
    """Return the joints to be moved again; empty if all is well."""
    problems = swept.find_problems(joints)
    for problem in problems.values():
        person.output.warn(problem)
    if problems:
        names = ", ".join(joint.name for joint in problems)
        if person.confirm(f"Move {names} again? The others are kept", default=True, option="--joint"):
            return tuple(problems)
        _refuse(swept, joints)
    doubts = swept.find_doubts(joints)
    for doubt in doubts.values():
        person.output.warn(doubt)
    if doubts and person.confirm("Move what is doubtful again?", default=True, option="--joint"):
        return tuple(doubts)
    return ()


def _refuse(swept: SweptArm, joints: tuple[Joint, ...]) -> None:
    if problems := swept.find_problems(joints):
        raise CalibrationError("; ".join(problems.values()), hint="nothing has been changed; move these joints again")


def _keep(swept: SweptArm, place: Place, arm: ArmConfig, calibration: Calibration, output: Output) -> dict[str, Any]:
    from lerotool.devices.arms.calibration import keep_calibration

    path, backup = keep_calibration(place.role, arm.id, calibration)
    if backup:
        output.note(f"the calibration there was is kept in\n  {backup}")
    try:
        notes = swept.write(calibration)
    except DeviceError as error:
        error.hint = f"the calibration is safe in {path}; the motors get it when the arm is next connected"
        raise
    for note in notes:
        output.warn(note)
    output.note(f"calibrated the {place}; its motors hold what this file says:\n  {path}")
    return {
        "arm": place.key,
        "file": str(path),
        "backup": str(backup) if backup else None,
        "notes": list(notes),
        "joints": {name: asdict(entry) for name, entry in calibration.items()},
    }
