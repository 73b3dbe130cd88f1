"""Calibration files: LeRobot's own, in its own places, so that an arm calibrated there needs nothing new.

    HF_LEROBOT_CALIBRATION, or <LeRobot home>/calibration
      robots/so_follower/<id>.json          teleoperators/so_leader/<id>.json          LeRobot 0.4.3 and later
      robots/so101_follower/<id>.json …     teleoperators/so101_leader/<id>.json …     before; so100_… likewise

A file is one JSON object per joint: ``{"shoulder_pan": {"id": 1, "drive_mode": 0, "homing_offset": 453,
"range_min": 1347, "range_max": 2746}, …}``. The servo reports encoder − homing offset; the range is in those steps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lerotool.choices import Units
from lerotool.devices.arms.joints import JOINT_NAMES, JOINTS, LAST_STEP, ArmType, Role, setup_command
from lerotool.devices.arms.units import JointScale, joint_units
from lerotool.errors import CalibrationError
from lerotool.storage import make_directory, write_json
from lerotool.workspace import lerobot_home

MOST_OFFSET = 2047
"""Register 31 holds a sign and 11 bits."""

_FAMILIES = {Role.FOLLOWER: "robots", Role.LEADER: "teleoperators"}


@dataclass(frozen=True, slots=True)
class JointCalibration:
    """One joint's entry of a calibration file."""

    id: int
    drive_mode: int  # 1 turns the direction of values in range units; 0 on SO arms
    homing_offset: int  # steps that the servo takes off its encoder's position, −2047 to 2047
    range_min: int  # lowest step that the joint reaches
    range_max: int  # highest step that the joint reaches, up to 4095


Calibration = Mapping[str, JointCalibration]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[int, Field(ge=0, le=253)]
    drive_mode: Annotated[int, Field(ge=0, le=1)]
    homing_offset: Annotated[int, Field(ge=-MOST_OFFSET, le=MOST_OFFSET)]
    range_min: Annotated[int, Field(ge=0, le=LAST_STEP)]
    range_max: Annotated[int, Field(ge=0, le=LAST_STEP)]


_FILE = TypeAdapter(dict[str, _Entry])


def calibration_home() -> Path:
    """Return the folder of all calibrations: ``HF_LEROBOT_CALIBRATION``, else ``calibration`` in the LeRobot home."""
    if home := os.environ.get("HF_LEROBOT_CALIBRATION"):
        return Path(home).expanduser()
    return lerobot_home() / "calibration"


def calibration_path(role: Role, arm_id: str) -> Path:
    """Return where an arm's calibration is written: where LeRobot has it since 0.4.3."""
    return calibration_home() / _FAMILIES[role] / f"so_{role}" / f"{arm_id}.json"


def calibration_places(role: Role, arm_id: str, arm_type: ArmType = ArmType.SO101) -> tuple[Path, ...]:
    """Return all places where an arm's calibration may be, best first: the new folder, the type's own, the other's."""
    newest = calibration_path(role, arm_id)
    types = (arm_type, *(other for other in ArmType if other is not arm_type))
    older = (newest.parent.with_name(f"{each}_{role}") / newest.name for each in types)
    return (newest, *older)


def find_existing(role: Role, arm_id: str, arm_type: ArmType = ArmType.SO101) -> Path | None:
    """Return the calibration file that an arm has, in any of LeRobot's places, or None."""
    return next((path for path in calibration_places(role, arm_id, arm_type) if path.is_file()), None)


def find_calibration(role: Role, arm_id: str, arm_type: ArmType = ArmType.SO101, *, robot: str | None = None) -> Path:
    """Return an arm's calibration file; ``robot`` is the name by which it can be set up."""
    if (path := find_existing(role, arm_id, arm_type)) is not None:
        return path
    places = ", ".join(map(str, calibration_places(role, arm_id, arm_type)))
    raise CalibrationError(
        f"the {role} {arm_id!r} has no calibration; looked for {places}",
        hint=f"calibrate it: {setup_command('calibrate', robot)}",
    )


def load_calibration(path: Path, *, robot: str | None = None) -> Calibration:
    """Read a calibration file of an SO arm; ``robot`` is the name by which it can be set up."""
    try:
        document = json.loads(path.read_bytes().decode())
        entries = _FILE.validate_python(document)
    except FileNotFoundError:
        raise _error(path, ["the file is missing"], robot) from None
    except ValidationError as error:
        raise _error(path, map(_describe, error.errors(include_url=False)), robot) from None
    except (ValueError, RecursionError) as error:
        raise _error(path, [f"expected JSON: {error}"], robot) from None
    calibration = {name: JointCalibration(**entry.model_dump()) for name, entry in entries.items()}
    if problems := find_problems(calibration):
        raise _error(path, problems, robot)
    return {name: calibration[name] for name in JOINT_NAMES}


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration file as LeRobot does, durably, its folder made where needed."""
    if problems := find_problems(calibration):
        raise _error(path, problems)
    make_directory(path.parent)
    write_json(path, {name: asdict(calibration[name]) for name in JOINT_NAMES})


def find_problems(calibration: Calibration) -> list[str]:
    """Return what in a calibration does not fit an SO arm, in words; empty if all does."""
    problems = [f"{name!r} is not a joint of an SO arm" for name in calibration if name not in JOINT_NAMES]
    problems += [f"joint {name!r} is missing" for name in JOINT_NAMES if name not in calibration]
    for joint in JOINTS:
        if (entry := calibration.get(joint.name)) is None:
            continue
        if entry.id != joint.id:
            problems.append(f"{joint.name}.id is {entry.id}, expected {joint.id}")
        if not 0 <= entry.range_min < entry.range_max <= LAST_STEP:
            problems.append(
                f"{joint.name} goes from step {entry.range_min} to {entry.range_max}, "
                f"expected a range within 0 to {LAST_STEP}"
            )
        if abs(entry.homing_offset) > MOST_OFFSET:
            problems.append(f"{joint.name}.homing_offset is {entry.homing_offset}, expected ±{MOST_OFFSET} at most")
    return problems


def build_scales(calibration: Calibration, units: Units) -> tuple[JointScale, ...]:
    """Return how steps and values belong together, in ``JOINTS`` order."""
    entries = [calibration[name] for name in JOINT_NAMES]
    return tuple(
        JointScale(unit, entry.range_min, entry.range_max, bool(entry.drive_mode))
        for unit, entry in zip(joint_units(units), entries, strict=True)
    )


def _describe(problem: Any) -> str:
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"{place} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{place} is unknown"
    text = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{place or 'the file'} is {problem['input']!r:.40}: {text}"


def _error(path: Path, problems: Any, robot: str | None = None) -> CalibrationError:
    hint = f"calibrate the arm: {setup_command('calibrate', robot)}"
    return CalibrationError(f"{path}: {'; '.join(problems)}", hint=hint)
