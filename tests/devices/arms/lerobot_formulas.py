"""Run by an interpreter that has LeRobot: answers what its own code makes of positions, values and calibration files.

Reads {"cases": [{"mode", "drive_mode", "min", "max", "steps", "values"}], "calibration": file or null, "write": file,
"offsets": [int]} from stdin; writes {"normalised", "unnormalised", "calibration", "encoded"} to stdout.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import draccus
from lerobot.motors import Motor, MotorCalibration, MotorNormMode
from lerobot.motors.encoding_utils import encode_sign_magnitude
from lerobot.motors.feetech import FeetechMotorsBus


def _bus(case):
    # The constructor wants the servo SDK, the formulas do not.
    bus = FeetechMotorsBus.__new__(FeetechMotorsBus)
    bus.motors = {"joint": Motor(1, "sts3215", MotorNormMode(case["mode"]))}
    bus.calibration = {"joint": MotorCalibration(1, case["drive_mode"], 0, case["min"], case["max"])}
    bus._id_to_name_dict = {1: "joint"}
    bus._id_to_model_dict = {1: "sts3215"}
    return bus


def main():
    asked = json.load(sys.stdin)
    buses = [_bus(case) for case in asked["cases"]]
    with Path(asked["calibration"]).open() as file, draccus.config_type("json"):
        calibration = draccus.load(dict[str, MotorCalibration], file)
    with Path(asked["write"]).open("w") as file, draccus.config_type("json"):
        draccus.dump(calibration, file, indent=4)
    json.dump(
        {
            "normalised": [
                [bus._normalize({1: step})[1] for step in case["steps"]]
                for bus, case in zip(buses, asked["cases"], strict=True)
            ],
            "unnormalised": [
                [bus._unnormalize({1: value})[1] for value in case["values"]]
                for bus, case in zip(buses, asked["cases"], strict=True)
            ],
            "calibration": {name: vars(entry) for name, entry in calibration.items()},
            "encoded": [encode_sign_magnitude(offset, 11) for offset in asked["offsets"]],
        },
        sys.stdout,
    )


main()
