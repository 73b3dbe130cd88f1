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
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from lerotool.choices import Units
from lerotool.devices.arms.joints import (
    JOINT_NAMES,
    JOINTS,
    LAST_STEP,
    ArmType,
    JointScale,
    Role,
    joint_units,
    setup_command,
)
from lerotool.errors import CalibrationError
from lerotool.storage import make_directory, write_atomic, write_json
from lerotool.workspace import lerobot_home

MOST_OFFSET = 2047
"""Register 31 holds a sign and 11 bits."""

_FAMILIES = {Role.FOLLOWER: "robots", Role.LEADER: "teleoperators"}


@dataclass(frozen=True, slots=True)
class JointCalibration:
    """One joint's entry of a calibration file."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: Annotated[int, Field(ge=0, le=253)]
    drive_mode: Annotated[int, Field(ge=0, le=1)]  # 1 turns the direction of values in range units; 0 on SO arms
    # Steps that the servo takes off its encoder's position.
    homing_offset: Annotated[int, Field(ge=-MOST_OFFSET, le=MOST_OFFSET)]
    range_min: Annotated[int, Field(ge=0, le=LAST_STEP)]  # lowest step that the joint reaches
    range_max: Annotated[int, Field(ge=0, le=LAST_STEP)]  # highest step that the joint reaches


Calibration = Mapping[str, JointCalibration]
_FILE = TypeAdapter(dict[str, JointCalibration])


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
        calibration = _FILE.validate_python(json.loads(path.read_bytes().decode()))
    except FileNotFoundError:
        raise _error(path, ["the file is missing"], robot) from None
    except ValidationError as error:
        raise _error(path, map(_describe, error.errors(include_url=False)), robot) from None
    except (ValueError, RecursionError) as error:
        raise _error(path, [f"expected JSON: {error}"], robot) from None
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
    if problem["type"] == "unexpected_keyword_argument":
        return f"{place} is unknown"
    text = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{place or 'the file'} is {problem['input']!r:.40}: {text}"


def _error(path: Path, problems: Any, robot: str | None = None) -> CalibrationError:
    hint = f"calibrate the arm: {setup_command('calibrate', robot)}"
    return CalibrationError(f"{path}: {'; '.join(problems)}", hint=hint)


def read_existing(role: Role, arm_id: str, arm_type: ArmType) -> Calibration | None:
    """Return the calibration that an arm has, or None."""
    path = find_existing(role, arm_id, arm_type)
    return load_calibration(path) if path else None


def keep_calibration(role: Role, arm_id: str, calibration: Calibration) -> tuple[Path, Path | None]:
    """Write an arm's calibration file where LeRobot looks first, durably; what was there is kept beside it.

    Return the file, and the copy of the one that was there, if any. After an OSError the old file is as it was.
    """
    path = calibration_path(role, arm_id)
    backup = None
    if path.is_file():
        backup = _free_name(path)
        write_atomic(backup, path.read_bytes())
    save_calibration(path, calibration)
    return path, backup


def _free_name(path: Path) -> Path:
    """Return a name beside a file that LeRobot does not take for a calibration."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = [path.with_name(f"{path.stem}.{stamp}.backup")]
    names += [path.with_name(f"{path.stem}.{stamp}-{number}.backup") for number in range(2, 100)]
    return next(name for name in names if not name.exists())
