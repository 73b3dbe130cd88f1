"""`lerotool setup motors`: ids and baud rate, one motor at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import Output
from lerotool.cli.setup.commands import ArmOption, NameArgument, SideOption
from lerotool.cli.setup.person import Person, resumable, watched
from lerotool.devices.arms.joints import JOINT_NAMES, ArmType, Joint, Role
from lerotool.errors import DeviceError, IncompleteError, UsageError

if TYPE_CHECKING:
    from lerotool.devices.config import SoRobotConfig
    from lerotool.setup.arms import Place
    from lerotool.setup.listening import Found, Listen

EXAMPLES: Examples = {
    "New motors, one after the other": "lerotool setup motors bench --arm follower",
    "The motor that is alone on the cable becomes the gripper's, without questions": (
        "lerotool setup motors bench --arm follower --joint gripper"
    ),
}


def motors(
    name: NameArgument,
    arm: ArmOption = None,
    side: SideOption = None,
    joint: Annotated[
        str | None, typer.Option(metavar="JOINT", help="Only this joint's motor, which is alone on the cable.")
    ] = None,
    renumber: Annotated[
        bool, typer.Option("--renumber", help="With --joint: also a motor that has another joint's id.")
    ] = False,
    *,
    output: Output,
) -> None:
    """Give new motors their ids, one motor at a time on the cable.

    Motors that are right already are recognised, so an interrupted run goes on where it was.

    Nothing is written while two motors are heard, or one of another model.
    """
    from lerotool.devices.config import load_robot
    from lerotool.setup.arms import select

    person = Person.at(output)
    config = load_robot(name)
    if joint is not None and joint not in JOINT_NAMES:
        raise UsageError(f"--joint {joint!r}: expected one of {', '.join(JOINT_NAMES)}")
    chosen = select(config, arm, side)
    if joint is not None and len(chosen) > 1:
        raise UsageError(f"--joint needs to know which arm: {' or '.join(place.arm_options for place in chosen)}")
    results = []
    with resumable(output, f"lerotool setup motors {name}"):
        for place in chosen:
            if joint is None:
                results.append(set_up_arm(config, place, person))
            else:
                results.append(_set_one(config, place, joint, person, renumber=renumber))
    output.document({"robot": name, "arms": results})
    for result in results:
        output.result(f"{result['arm']}: {', '.join(result['right']) or 'no motor'} right")
    if any(result["left"] for result in results):
        lists = [f"{result['arm']}: {', '.join(result['left'])}" for result in results if result["left"]]
        raise IncompleteError(f"motors left to be set: {'; '.join(lists)}", hint=f"lerotool setup motors {name}")


def set_up_arm(config: SoRobotConfig, place: Place, person: Person) -> dict[str, Any]:
    """Give all motors of an arm their ids with the person's help; those that are right are not asked for."""
    from lerotool.devices.servos.adapters import find_port

    arm = config.arms[place.key]
    port = find_port(arm.port)
    person.output.note(f"listening to the {place} at {arm.port}")
    while missing := _find_missing(port, place, person.output):
        person.require("--joint")
        question = "Give them their ids now, one motor at a time; listen again; or leave it"
        answer = person.choose(question, ("ids", "again", "leave"), "ids", "--joint")
        if answer == "leave":
            return _result(place, missing)
        if answer == "ids":
            left = _set_all(config, place, port, missing, person)
            if left:
                return _result(place, left)
    return _result(place, ())


def _find_missing(port: str, place: Place, output: Output) -> tuple[Joint, ...]:
    """Return the joints whose motor is not heard as it should be, and say which."""
    from lerotool.setup.listening import listen_for_arm
    from lerotool.setup.motors import find_missing

    heard = listen_for_arm(port)
    missing = find_missing(heard)
    if not missing:
        output.note(f"all six motors of the {place} answer with the right id and baud rate")
    elif not heard:
        output.warn(
            f"no motor of the {place} answers",
            hint="new motors need ids; if they have them, check the power supply and the cable at motor 1",
        )
    elif len(missing) < len(JOINT_NAMES):
        output.warn(f"not heard: {', '.join(map(str, missing))}", hint="new motors need ids; else check the cables")
    else:
        output.note(f"the motors of the {place} have no ids yet")
    return missing


def _set_all(
    config: SoRobotConfig, place: Place, port: str, joints: tuple[Joint, ...], person: Person
) -> tuple[Joint, ...]:
    """Set motors one after the other and wait until the arm is put together; return those that are left out."""
    note = person.output.note
    note(f"\nThe {place}'s motors get their ids one at a time: each time, only that one motor may hang on the cable.")
    note("Switch the power off while you change cables, if you can. A motor that is right already is recognised.")
    left = tuple(j for j in joints if not _set_with_help(port, j, _motor_words(config, place, j), person))
    if not left:
        note(f"\nNow put the {place} together: adapter, motor 1 (shoulder_pan), 2, 3, 4, 5, 6 (gripper).")
        person.wait("Press Enter when all six are connected (q: stop)", "--joint")
    return left


def _result(place: Place, left: tuple[Joint, ...]) -> dict[str, Any]:
    names = [joint.name for joint in left]
    return {"arm": place.key, "right": [name for name in JOINT_NAMES if name not in names], "left": names}


def _motor_words(config: SoRobotConfig, place: Place, joint: Joint) -> str:
    from lerotool.setup.arms import LEADER_GEARS

    gear = ""
    if place.role is Role.LEADER and config.type is ArmType.SO101:
        gear = f", gear {LEADER_GEARS[joint.name]}"
    return f"the {joint.name} motor (id {joint.id}{gear})"


def _set_with_help(port: str, joint: Joint, words: str, person: Person) -> bool:
    """Set one motor; False if the person leaves it out."""
    from lerotool.setup.listening import listen, listen_everywhere
    from lerotool.setup.motors import Verdict, judge

    more = ""
    while True:
        instruction = f"\nConnect only {words}, then press Enter (s: leave it out{more}, q: stop)"
        answer = person.wait(instruction, "--joint", letters="sa")
        if answer == "s":
            return False
        heard = _listen(port, listen_everywhere if answer == "a" else listen, person.output)
        more = "" if heard else ", a: listen at all ids for 15 s"
        hearing = judge(heard, joint)
        if hearing.text:
            person.output.warn(hearing.text)
        if hearing.verdict is Verdict.SET:
            person.output.note(f"{joint} is right already")
            return True
        wants = hearing.verdict is Verdict.READY or (
            hearing.verdict is Verdict.DOUBTFUL
            and person.confirm(f"Make it {joint} all the same?", default=False, option="--renumber")
        )
        if wants and hearing.motor and _try_to_set(port, hearing.motor, joint, person.output):
            return True


def _listen(port: str, how: Listen, output: Output) -> tuple[Found, ...]:
    with watched(output) as progress:
        return how(port, progress)


def _try_to_set(port: str, motor: Found, joint: Joint, output: Output) -> bool:
    from lerotool.errors import DeviceLostError
    from lerotool.setup.motors import set_motor

    try:
        set_motor(port, motor, joint)
    except DeviceLostError:
        raise
    except DeviceError as error:
        output.warn(str(error), hint=error.hint)
        return False
    output.note(f"{joint} is set: had id {motor.id} at {motor.baudrate} baud, checked in its memory")
    return True


def _set_one(config: SoRobotConfig, place: Place, name: str, person: Person, *, renumber: bool) -> dict[str, Any]:
    """Set the motor that is alone on the cable, or refuse; asks nobody."""
    from lerotool.devices.servos.adapters import find_port
    from lerotool.setup.listening import listen, listen_everywhere
    from lerotool.setup.motors import ORDER, Verdict, judge, set_motor

    joint = next(each for each in ORDER if each.name == name)
    port = find_port(config.arms[place.key].port)
    heard = _listen(port, listen, person.output) or _listen(port, listen_everywhere, person.output)
    hearing = judge(heard, joint)
    if hearing.verdict is Verdict.REFUSED:
        raise DeviceError(hearing.text)
    if hearing.verdict is Verdict.DOUBTFUL and not renumber:
        raise DeviceError(hearing.text, hint="if it is the right motor, add --renumber")
    if hearing.verdict is not Verdict.SET and hearing.motor is not None:
        set_motor(port, hearing.motor, joint)
    return {"arm": place.key, "right": [name], "left": []}
