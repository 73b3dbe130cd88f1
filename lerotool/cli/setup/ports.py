"""`lerotool setup ports`: which adapter belongs to which arm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import Output, columns
from lerotool.cli.setup.commands import read_or_new, save
from lerotool.cli.setup.person import Person, resumable
from lerotool.devices.arms.joints import ArmType, Role
from lerotool.errors import UsageError
from lerotool.setup.arms import BIMANUAL, SINGLE, Place, Side

if TYPE_CHECKING:
    from lerotool.devices.config import SoRobotConfig

EXAMPLES: Examples = {
    "What is plugged in": "lerotool setup ports",
    "Which adapter is the leader's, which the follower's, told apart by pulling a cable": "lerotool setup ports bench",
    "Without questions": ("lerotool setup ports bench --leader serial:5A68011111 --follower serial:5A68022222"),
}
_PORT = "PORT"


def ports(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The robot; without one, adapters are listed.")
    ] = None,
    leader: Annotated[
        str | None, typer.Option(metavar=_PORT, help="The leader's port: a path or serial:NUMBER.")
    ] = None,
    follower: Annotated[str | None, typer.Option(metavar=_PORT, help="The follower's port.")] = None,
    left_leader: Annotated[str | None, typer.Option(metavar=_PORT, help="Of the left pair of two.")] = None,
    left_follower: Annotated[str | None, typer.Option(metavar=_PORT, help="Of the left pair of two.")] = None,
    right_leader: Annotated[str | None, typer.Option(metavar=_PORT, help="Of the right pair of two.")] = None,
    right_follower: Annotated[str | None, typer.Option(metavar=_PORT, help="Of the right pair of two.")] = None,
    arm_type: Annotated[ArmType | None, typer.Option("--type", help="Which arms.", show_default="so101")] = None,
    *,
    output: Output,
) -> None:
    """Find out which adapter belongs to which arm, and keep it in the robot's file.

    Adapters are named by their serial numbers, so it does not matter in which order they are plugged in later.
    """
    given = {
        Place(Role.LEADER): leader,
        Place(Role.FOLLOWER): follower,
        Place(Role.LEADER, Side.LEFT): left_leader,
        Place(Role.FOLLOWER, Side.LEFT): left_follower,
        Place(Role.LEADER, Side.RIGHT): right_leader,
        Place(Role.FOLLOWER, Side.RIGHT): right_follower,
    }
    chosen = {place: port for place, port in given.items() if port is not None}
    if name is None:
        if chosen:
            raise UsageError(f"{next(iter(chosen)).option} needs the robot's NAME")
        _list_adapters(output)
        return
    person = Person.at(output)
    with resumable(output, f"lerotool setup ports {name}"):
        assign_ports(name, chosen, arm_type, person)
    _conclude(name, output)


def _list_adapters(output: Output) -> None:
    from lerotool.devices.servos.adapters import describe_plugged_in, list_adapters

    adapters = list_adapters()
    entries = [
        {
            "path": a.path,
            "serial_number": a.serial_number,
            "kind": str(a.kind),
            "name": a.name,
            "description": a.description,
        }
        for a in adapters
    ]
    output.document({"adapters": entries})
    if not adapters:
        output.result(describe_plugged_in(adapters))
        return
    rows = [(a.path, a.serial_number or "-", f"{a.kind}  {a.description}") for a in adapters]
    output.result(columns(("path", "serial number", "adapter"), rows))


def _conclude(name: str, output: Output) -> None:
    from lerotool.devices.config import load_robot, robot_path

    arms = load_robot(name).arms
    output.document({"robot": name, "file": str(robot_path(name)), "arms": {k: a.port for k, a in arms.items()}})
    for place, arm in arms.items():
        output.result(f"{place}: {arm.port}")


def assign_ports(name: str, chosen: dict[Place, str], arm_type: ArmType | None, person: Person) -> SoRobotConfig:
    """Give a robot's arms their ports, by options or by asking, and save its file.

    If any port is given by an option, nothing else is asked. What is known when the person stops is saved.
    """
    from lerotool.devices.config import SoRobotConfig
    from lerotool.setup.arms import with_ports

    before = read_or_new(name)
    config = before or SoRobotConfig(type=arm_type or _ask_type(chosen, person))
    if arm_type is not None:
        config = config.model_copy(update={"type": arm_type})
    if chosen:
        config = with_ports(config, name, {place: _named(port, person.output) for place, port in chosen.items()})
        _keep(name, config, before, person.output)
        return config
    person.require("--leader and --follower")
    found: dict[Place, str] = {}
    try:
        _find_all(config, _ask_places(config, person), found, person)
    finally:
        if found:
            config = with_ports(config, name, found)
            _keep(name, config, before, person.output)
    return config


def _keep(name: str, config: SoRobotConfig, before: SoRobotConfig | None, output: Output) -> None:
    save(name, config, before, output)
    for place, arm in before.arms.items() if before else ():
        if place not in config.arms:
            output.warn(f"the {place} had the port {arm.port} so far; it has none now")


def _ask_type(chosen: dict[Place, str], person: Person) -> ArmType:
    if chosen or not person.is_there:
        return ArmType.SO101
    return ArmType(person.choose("which arms?", [*ArmType], ArmType.SO101, "--type"))


def _ask_places(config: SoRobotConfig, person: Person) -> tuple[Place, ...]:
    from lerotool.setup.arms import places_of

    if config.arms or config.is_bimanual:
        return places_of(config)
    pairs = person.choose("how many pairs of leader and follower?", ["1", "2"], "1", "--leader or --left-leader")
    return BIMANUAL if pairs == "2" else SINGLE


def _named(port: str, output: Output) -> str:
    """Return how the robot's file names a port that was given, which must be plugged in."""
    from lerotool.devices.servos.adapters import find_adapter, find_path_risk, find_port, list_adapters, port_of

    path = find_port(port)
    adapter = find_adapter(path)
    name = port_of(adapter, list_adapters()) if adapter and adapter.serial_number else port
    if risk := find_path_risk(name):
        output.warn(risk)
    return name


def _find_all(config: SoRobotConfig, places: tuple[Place, ...], found: dict[Place, str], person: Person) -> None:
    from lerotool.cli.setup.pulling import find_adapter_of
    from lerotool.devices.servos.adapters import find_path_risk, list_adapters, port_of
    from lerotool.setup.arms import arm_at

    for place in places:
        adapters = list_adapters()
        known = arm_at(config, place)
        is_there = known is not None and known.port in {port_of(a, adapters) for a in adapters} - set(found.values())
        if known and is_there:
            question = f"the {place} is at {known.port}; keep it?"
            if person.confirm(question, default=True, option=place.option):
                found[place] = known.port
                continue
        adapter = find_adapter_of(place, found, person)
        if adapter is None:
            person.output.note(f"the {place} is left out for now")
            continue
        found[place] = port_of(adapter, list_adapters())
        person.output.note(f"the {place} is at {found[place]}")
        if risk := find_path_risk(found[place]):
            person.output.warn(risk)
