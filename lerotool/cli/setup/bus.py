"""`lerotool setup bus`: what is on the cable, and what is wrong with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import Output, columns
from lerotool.cli.setup.commands import ArmOption, SideOption
from lerotool.cli.setup.person import resumable, watched
from lerotool.errors import DeviceError, DeviceNotFoundError, UsageError

if TYPE_CHECKING:
    from lerotool.devices.arms.calibration import Calibration
    from lerotool.findings import Finding
    from lerotool.setup.examine import BusFacts, ServoFacts

EXAMPLES: Examples = {
    "Both arms of a robot": "lerotool setup bus bench",
    "Whatever hangs at a port, for machines": "lerotool setup bus /dev/ttyACM0 --json",
}
_TITLES = ("motor", "answers", "voltage", "heat", "load", "firmware", "position", "range", "offset", "errors")


@dataclass(frozen=True, slots=True)
class _Target:
    """A bus to look at."""

    title: str
    port: str
    calibration: Calibration | None = None
    is_arm: bool = False


def bus(
    where: Annotated[
        str | None, typer.Argument(metavar="NAME|PORT", help="A robot, or a port: a path or serial:NUMBER.")
    ] = None,
    arm: ArmOption = None,
    side: SideOption = None,
    reads: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="How often the motors are asked.")] = 200,
    all_ids: Annotated[
        bool, typer.Option("--all-ids", help="Look for missing motors at all ids, not only 0 to 12; takes 15 s.")
    ] = False,
    *,
    output: Output,
) -> int:
    """Examine the motors on a cable and say in words what is wrong.

    Voltage, temperature, load, errors, firmware, settings, and how reliably each motor answers. Nothing is changed.

    Exit code 0 if the arm can be used, 7 if not.
    """
    with resumable(output, f"lerotool setup bus {where or ''}".rstrip()):
        documents = [_examine(target, reads, output, all_ids=all_ids) for target in _targets(where, arm, side)]
    fit = all(document["fit"] for document in documents)
    output.document({"fit": fit, "buses": documents})
    return 0 if fit else DeviceError.exit_code


def check_robot(name: str, reads: int, output: Output) -> bool:
    """Show what is on the cables of a robot's arms; return whether they can be used."""
    documents = [_examine(target, reads, output) for target in _targets(name, None, None)]
    return all(document["fit"] for document in documents)


def _examine(target: _Target, reads: int, output: Output, *, all_ids: bool = False) -> dict[str, Any]:
    from lerotool.setup.diagnosis import diagnose
    from lerotool.setup.examine import examine
    from lerotool.setup.listening import listen, listen_everywhere

    with watched(output) as progress:
        facts = examine(
            target.port,
            reads=reads,
            calibration=target.calibration,
            listen=listen_everywhere if all_ids else listen,
            progress=progress,
        )
    findings = diagnose(facts, should_be_calibrated=target.is_arm)
    _show(target, facts, findings, output)
    return _document(target, facts, findings)


def _targets(where: str | None, arm: Any, side: Any) -> list[_Target]:
    from lerotool.devices.arms.calibration import read_existing
    from lerotool.devices.config import list_robots, load_robot
    from lerotool.devices.servos.adapters import SERIAL_PREFIX, find_candidates, find_port, list_adapters
    from lerotool.setup.arms import select

    if where is None:
        adapters = find_candidates(list_adapters())
        if not adapters:
            raise DeviceNotFoundError("no serial adapter is plugged in", hint="check the USB cable (some only charge)")
        if len(adapters) > 1:
            listed = ", ".join([*list_robots(), *(adapter.name for adapter in adapters)])
            raise UsageError("which one? Give a robot's NAME or a PORT", hint=f"known: {listed}")
        return [_Target(adapters[0].describe(), adapters[0].path)]
    if where.startswith(SERIAL_PREFIX) or "/" in where or "\\" in where or where.upper().startswith("COM"):
        return [_Target(where, find_port(where))]
    config = load_robot(where)
    targets = []
    for place in select(config, arm, side):
        entry = config.arms[place.key]
        calibration = read_existing(place.role, entry.id, config.type)
        targets.append(_Target(f"{where} {place} at {entry.port}", find_port(entry.port), calibration, is_arm=True))
    return targets


def _show(target: _Target, facts: BusFacts, findings: tuple[Finding, ...], output: Output) -> None:
    from rich.text import Text

    from lerotool.cli.findings import append_finding

    output.result(target.title)
    if facts.servos:
        output.result(columns(_TITLES, [_row(servo) for servo in facts.servos], right=_TITLES[1:-1]))
    for finding in findings:
        text = Text()
        append_finding(text, finding, finding.advice)
        output.result(text)
    if not findings:
        output.result("all is well")


def _row(servo: ServoFacts) -> tuple[str, ...]:
    from lerotool.setup.arms import joint_of

    joint = joint_of(servo.id)
    answered = servo.replies
    return (
        f"{servo.id} {joint.name if joint else ''}",
        f"{answered.answered}/{answered.asked}",
        f"{servo.voltage_v:.1f} V",
        f"{servo.temperature_c} °C",
        f"{servo.load_percent:+.0f} %",
        servo.firmware,
        str(servo.position),
        f"{servo.range_min}-{servo.range_max}",
        str(servo.homing_offset),
        ", ".join(servo.status.describe()) or "-",
    )


def _document(target: _Target, facts: BusFacts, findings: tuple[Finding, ...]) -> dict[str, Any]:
    from lerotool.setup.diagnosis import is_fit

    return {
        "fit": is_fit(findings),
        "title": target.title,
        "port": facts.port,
        "adapter": facts.adapter.describe() if facts.adapter else None,
        "latency_ms": facts.latency_ms,
        "motors": [{**asdict(servo), "status": servo.status.describe()} for servo in facts.servos],
        "strangers": [
            {"id": stranger.id, "baudrate": stranger.baudrate, "kind": stranger.trouble.value}
            for stranger in facts.strangers
        ],
        "findings": [finding.to_json() for finding in findings],
    }
