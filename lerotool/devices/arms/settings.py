"""What the servos of an arm are set to: LeRobot's values (0.6.1), and the arm's calibration.

They are read in three requests, and only those that differ are written: EEPROM wears out, and an arm that was set
once needs no more.
"""

from __future__ import annotations

from collections.abc import Mapping

from lerotool.devices.arms.calibration import JointCalibration
from lerotool.devices.arms.joints import GRIPPER, JOINT_IDS, Joint, Role
from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.registers import (
    ACCELERATION,
    D_GAIN,
    FIRMWARE_MAJOR,
    FIRMWARE_MINOR,
    HOMING_OFFSET,
    I_GAIN,
    LOCK,
    MAX_ACCELERATION,
    MAX_POSITION,
    MAX_TORQUE,
    MIN_POSITION,
    MULTI_TURN,
    OPERATING_MODE,
    OVERLOAD_TORQUE,
    P_GAIN,
    PHASE,
    PROTECTION_CURRENT,
    RETURN_DELAY,
    TORQUE_ENABLE,
    Memory,
    Register,
)

_POSITION_MODE = 0
_FASTEST = 254
_TRIES = 3
_BLOCKS = (
    (FIRMWARE_MAJOR, FIRMWARE_MINOR),
    (
        RETURN_DELAY,
        MIN_POSITION,
        MAX_POSITION,
        MAX_TORQUE,
        PHASE,
        P_GAIN,
        D_GAIN,
        I_GAIN,
        PROTECTION_CURRENT,
        HOMING_OFFSET,
        OPERATING_MODE,
        OVERLOAD_TORQUE,
        TORQUE_ENABLE,
        ACCELERATION,
        LOCK,
    ),
    (MAX_ACCELERATION,),
)
"""Registers of one request each, by address."""

Settings = dict[Register, int]


CALIBRATED = (HOMING_OFFSET, MIN_POSITION, MAX_POSITION)
"""The registers that hold the calibration."""


def differing_settings(
    joint: Joint, role: Role, calibration: JointCalibration, present: Mapping[Register, int]
) -> Settings:
    """Return what the registers of one servo should hold and do not, in the order to write them."""
    wanted = {
        RETURN_DELAY: 0,  # new servos wait 0.5 ms before each answer: 3 ms of every reading of an arm
        PHASE: present[PHASE] & ~MULTI_TURN,  # its other bits are the factory's
        OPERATING_MODE: _POSITION_MODE,
        HOMING_OFFSET: calibration.homing_offset,
        MIN_POSITION: calibration.range_min,
        MAX_POSITION: calibration.range_max,
        MAX_ACCELERATION: _FASTEST,
        ACCELERATION: _FASTEST,
    }
    if role is Role.FOLLOWER:
        # Half of what a new servo has: LeRobot's remedy against arms that shake.
        wanted |= {P_GAIN: 16, I_GAIN: 0, D_GAIN: 32}
        if joint is GRIPPER:
            # Half of its torque and current, and a quarter while blocked, so that holding a thing does not burn it.
            wanted |= {MAX_TORQUE: 500, PROTECTION_CURRENT: 250, OVERLOAD_TORQUE: 25}
    return {register: value for register, value in wanted.items() if present[register] != value}


def read_present(bus: ServoBus) -> dict[int, Settings]:
    """Return what the motors of an arm hold, by id, in all registers that matter here."""
    present: dict[int, Settings] = {servo: {} for servo in JOINT_IDS}
    for block in _BLOCKS:
        reading = bus.sync_read(block[0], JOINT_IDS, block=block[-1], tries=_TRIES)
        for servo, registers in present.items():
            if servo in reading.data:
                registers.update({register: reading.value(servo, register) for register in block})
            else:
                registers.update({register: bus.read(servo, register) for register in block})
    return present


def write_settings(
    bus: ServoBus, servo: int, settings: Mapping[Register, int], present: Mapping[Register, int]
) -> None:
    """Write the settings that differ to one servo, its torque off and its memory unlocked meanwhile."""
    if any(register.memory is Memory.EEPROM or register is MAX_ACCELERATION for register in settings):
        bus.write(servo, TORQUE_ENABLE, 0)
        try:
            # While the lock is on a servo obeys, but has forgotten its EEPROM's new values after the next power cut.
            bus.write(servo, LOCK, 0)
            for register, value in settings.items():
                bus.write(servo, register, value)
        finally:
            bus.write(servo, LOCK, 1)
        return
    for register, value in settings.items():
        bus.write(servo, register, value)
    if not present[LOCK]:
        bus.write(servo, LOCK, 1)
