"""Where a calibration goes: LeRobot's file first, then the motors, so that an interruption leaves nothing half.

With the file complete, the motors get the rest when the arm is next connected; without it nothing has changed.
"""

from __future__ import annotations

import time
from pathlib import Path

from lerotool.devices.arms.calibration import (
    Calibration,
    calibration_path,
    find_existing,
    load_calibration,
    save_calibration,
)
from lerotool.devices.arms.joints import ArmType, Role
from lerotool.storage import write_atomic


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
