"""`lerotool setup cameras`: what they see, how fast, and what to call them."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import Output, columns
from lerotool.cli.setup.commands import read_or_new, save
from lerotool.cli.setup.person import Person, resumable
from lerotool.errors import DeviceError, UsageError
from lerotool.wording import sized

if TYPE_CHECKING:
    from lerotool.devices.cameras.spec import CameraSpec
    from lerotool.devices.config import SoRobotConfig
    from lerotool.setup.camera_looks import Look

SECONDS = 2.0
EXAMPLES: Examples = {
    "What is plugged in, with a picture of each": "lerotool setup cameras",
    "Give them names in a robot's file": "lerotool setup cameras bench",
    "Without questions": (
        "lerotool setup cameras bench --camera front=0,640x480,30 --camera wrist=http://10.0.0.7:81/stream"
    ),
}
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def cameras(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The robot; without one, cameras are only looked at.")
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SOURCE[,WxH][,FPS]", help="A camera, without questions; repeat for more."),
    ] = None,
    stills: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Folder for a picture of each.",
            show_default="lerotool-cameras in the temporary folder",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="N", min=0.2, max=60.0, help="How long each is measured.")
    ] = SECONDS,
    every_mode: Annotated[
        bool, typer.Option("--every-mode", help="Measure every size and format that a camera offers.")
    ] = False,
    *,
    output: Output,
) -> int:
    """List cameras, measure what they really deliver, save a picture of each, and give them names.

    Cameras are kept by names that stay the same when they are plugged in again.
    """
    person = Person.at(output)
    folder = stills or Path(tempfile.gettempdir()) / "lerotool-cameras"
    given = _parse(camera or [])
    with resumable(output, f"lerotool setup cameras {name or ''}".rstrip()):
        if name is None or given:
            looks = _look_at_all(given or _listed(every_mode=every_mode), seconds, folder, output)
            if name is not None:
                _keep_given(name, looks, output)
        else:
            person.require("--camera")
            looks = name_cameras(name, seconds, folder, person)
    _show(looks, output)
    return DeviceError.exit_code if given and any(look.probe is None for look in looks) else 0


def _parse(texts: list[str]) -> list[CameraSpec]:
    from lerotool.devices.cameras.kinds import pin_source
    from lerotool.devices.cameras.spec import CameraSpec

    specs = [CameraSpec.parse(text) for text in texts]
    for spec in specs:
        if sum(other.name == spec.name for other in specs) > 1:
            raise UsageError(f"--camera {spec.name} is given twice")
    return [pin_source(spec) for spec in specs]


def _listed(*, every_mode: bool) -> list[CameraSpec]:
    from lerotool.devices.cameras.listing import list_cameras
    from lerotool.setup.camera_looks import iter_mode_specs, usual_spec

    devices = [(f"camera{number}", device) for number, device in enumerate(list_cameras())]
    if every_mode:
        return [spec for name, device in devices for spec in iter_mode_specs(name, device)]
    return [usual_spec(name, device) for name, device in devices]


def _look_at_all(specs: list[CameraSpec], seconds: float, folder: Path, output: Output) -> list[Look]:
    from lerotool.setup.camera_looks import look_at

    looks = []
    for spec in specs:
        output.note(f"looking at {spec.source} for {seconds:g} s")
        looks.append(look_at(spec, seconds, folder))
    return looks


def _keep_given(name: str, looks: list[Look], output: Output) -> None:
    from lerotool.devices.config import SoRobotConfig

    before = read_or_new(name)
    config = before or SoRobotConfig()
    for look in looks:
        if look.probe is not None:
            config = _with(config, look.spec.name, look)
    save(name, config, before, output)


def _with(config: SoRobotConfig, name: str, look: Look) -> SoRobotConfig:
    from lerotool.setup.arms import with_camera
    from lerotool.setup.camera_looks import config_of

    return with_camera(config, name, config_of(look, config.cameras.get(name)))


def name_cameras(name: str, seconds: float, folder: Path, person: Person) -> list[Look]:
    """Look at every camera there is and keep those in a robot's file that the person gives a name.

    What has a name is saved at once.
    """
    from lerotool.devices.cameras.listing import describe_cameras, list_cameras
    from lerotool.devices.cameras.spec import CameraSpec
    from lerotool.setup.camera_looks import usual_spec

    named: list[Look] = []
    devices = list_cameras()
    if not devices:
        person.output.note(describe_cameras())
    for number, device in enumerate(devices):
        person.output.note(f"\n{device.name}, {device.stable_path}")
        named += _look_and_name(name, usual_spec(f"camera{number}", device), seconds, folder, person)
    while True:
        question = "Address of a network camera (http://…, rtsp://…), or Enter if there is none"
        address = person.text(question, "none", "--camera")
        if address == "none":
            return named
        try:
            spec = CameraSpec.parse(f"network={address}")
        except UsageError as error:
            person.output.warn(str(error), hint=error.hint)
            continue
        named += _look_and_name(name, spec, seconds, folder, person)


def _look_and_name(robot: str, spec: CameraSpec, seconds: float, folder: Path, person: Person) -> list[Look]:
    from dataclasses import replace

    from lerotool.devices.config import SoRobotConfig

    try:
        [look] = _look_at_all([spec], seconds, folder, person.output)
    except UsageError as error:
        person.output.warn(str(error), hint=error.hint)
        return []
    if look.probe is None:
        person.output.warn(look.problem or "", hint=look.hint)
        return []
    person.output.note(f"{_describe(look)}; look at its picture: {look.still}")
    for warning in look.warnings:
        person.output.warn(warning)
    before = read_or_new(robot)
    config = before or SoRobotConfig()
    name = _ask_name(config, look, person)
    if name is None:
        return []
    save(robot, _with(config, name, look), before, person.output)
    return [replace(look, spec=replace(look.spec, name=name))]


def _ask_name(config: SoRobotConfig, look: Look, person: Person) -> str | None:
    from lerotool.setup.camera_looks import NAMES

    known = next((name for name, entry in config.cameras.items() if entry.source == look.spec.source), None)
    default = known or next((name for name in NAMES if name not in config.cameras), None)
    while True:
        name = person.text("What is it called? (front, wrist, …; -: do not use it)", default, "--camera")
        if name == "-":
            return None
        if not _NAME.fullmatch(name):
            person.output.note("letters, digits, '_' and '-' only")
        elif name in config.cameras and name != known:
            question = f"{name} is {config.cameras[name].source} so far; use this one instead?"
            if person.confirm(question, default=False, option="--camera"):
                return name
        else:
            return name


def _describe(look: Look) -> str:
    assert look.probe is not None, "only cameras that deliver are described"
    form, rate = look.probe.format, look.probe.rate
    measured = "one picture only" if rate is None else f"{rate:.1f} pictures a second"
    return f"{form.width}x{form.height} {form.codec}, {measured}, {sized(look.probe.bytes_per_s)}/s"


def _show(looks: list[Look], output: Output) -> None:
    from lerotool.devices.cameras.listing import describe_cameras

    output.document({"cameras": [_document(look) for look in looks]})
    if not looks:
        output.result(describe_cameras())
        return
    rows = [
        (look.spec.name, look.spec.source, _describe(look) if look.probe else "-", str(look.still or look.problem))
        for look in looks
    ]
    output.result(columns(("camera", "source", "delivers", "picture"), rows))
    for look in looks:
        for warning in look.warnings:
            output.warn(f"camera {look.spec.name}: {warning}")
        if look.problem:
            output.warn(look.problem, hint=look.hint)


def _document(look: Look) -> dict[str, Any]:
    probe = look.probe
    return {
        "name": look.spec.name,
        "source": look.spec.source,
        "problem": look.problem,
        "still": str(look.still) if look.still else None,
        "warnings": list(look.warnings),
        "delivers": None
        if probe is None
        else {
            "width": probe.format.width,
            "height": probe.format.height,
            "codec": str(probe.format.codec),
            "fps": probe.format.fps,
            "measured_fps": probe.rate,
            "bytes_per_s": round(probe.bytes_per_s),
        },
    }
