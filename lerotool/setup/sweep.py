"""An arm that a person moves by hand: where its joints are, and the registers of its calibration.

While it is swept nothing of its calibration is changed: the encoder is what the servo reports plus the homing offset it
has. Only what keeps a joint from being moved or read is switched off first: torque, other modes, counting of turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from lerotool.devices.arms.calibration import Calibration, JointCalibration
from lerotool.devices.arms.joints import JOINTS, Joint
from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.registers import (
    HOMING_OFFSET,
    LOCK,
    MAX_POSITION,
    MIN_POSITION,
    MULTI_TURN,
    OPERATING_MODE,
    PHASE,
    PRESENT_POSITION,
    RESOLUTION,
    TORQUE_ENABLE,
    Register,
)
from lerotool.errors import CalibrationError, DeviceLostError, DeviceTimeoutError
from lerotool.setup.arm_names import motor_names
from lerotool.setup.centring import (
    Travel,
    begin_travel,
    centre,
    centre_full_turn,
    find_doubt,
    find_problem,
    find_roll_doubt,
)
from lerotool.setup.listening import PATIENCE

SILENT_READS = 50
"""So many readings in a row without any answer, one second, and the arm is lost."""
MOVED_STEPS = 200
"""18°: farther than a hand moves a joint from one reading to the next while registers are written."""


class SweptArm:
    """An arm whose joints are followed, made by ``open_arm``. ``travels`` has every joint read since `begin`."""

    def __init__(self, bus: ServoBus, offsets: Mapping[int, int]) -> None:
        self.travels: dict[str, Travel] = {}
        self._bus = bus
        self._offsets = offsets
        self._silent = 0

    def begin(self, joints: Sequence[Joint] = JOINTS) -> None:
        """Forget what joints have travelled; where they are now is the straight pose of those that turn fully."""
        for joint in joints:
            position = self._bus.read(joint.id, PRESENT_POSITION, PATIENCE)
            self.travels[joint.name] = begin_travel(position + self._offsets[joint.id])

    def follow(self, joints: Sequence[Joint] = JOINTS) -> None:
        """Read the joints once more; one that does not answer keeps its last position.

        DeviceLostError: the arm was unplugged, or no joint has answered for a second.
        """
        reading = self._bus.sync_read(PRESENT_POSITION, [joint.id for joint in joints])
        self._silent = 0 if reading.values else self._silent + 1
        if self._silent >= SILENT_READS:
            raise DeviceLostError(
                "no motor answers any more", hint="check the arm's power supply and the cable at motor 1"
            )
        for joint in joints:
            if joint.id in reading.values:
                encoder = reading.values[joint.id] + self._offsets[joint.id]
                self.travels[joint.name] = self.travels[joint.name].moved_to(encoder % RESOLUTION)

    def find_problems(self, joints: Sequence[Joint] = JOINTS) -> dict[Joint, str]:
        """Return why joints cannot be calibrated by what they have travelled."""
        problems = {j: find_problem(j.name, self.travels[j.name]) for j in joints if not j.turns_fully}
        return {joint: text for joint, text in problems.items() if text}

    def find_doubts(self, joints: Sequence[Joint] = JOINTS) -> dict[Joint, str]:
        """Return what is strange about what joints have travelled."""
        doubts = {
            joint: (find_roll_doubt if joint.turns_fully else find_doubt)(joint.name, self.travels[joint.name])
            for joint in joints
        }
        return {joint: text for joint, text in doubts.items() if text}

    def calibrate(self, joints: Sequence[Joint] = JOINTS) -> dict[str, JointCalibration]:
        """Return the calibration that follows from what joints have travelled; changes nothing."""
        return {
            joint.name: centre_full_turn(joint.id, self.travels[joint.name].start)
            if joint.turns_fully
            else centre(joint.name, joint.id, self.travels[joint.name])
            for joint in joints
        }

    def write(self, calibration: Calibration) -> tuple[str, ...]:
        """Write a calibration to the motors' memories, check that they took it, and return what to tell the person."""
        unused = [joint for joint in JOINTS if not self._write_joint(joint, calibration[joint.name])]
        return tuple(
            f"{joint} has its new offset in memory but does not use it yet: switch the arm's power off and on"
            for joint in unused
        )

    def _write_joint(self, joint: Joint, entry: JointCalibration) -> bool:
        before = self._bus.read(joint.id, PRESENT_POSITION, PATIENCE) + self._offsets[joint.id]
        wanted = {HOMING_OFFSET: entry.homing_offset, MIN_POSITION: entry.range_min, MAX_POSITION: entry.range_max}
        write_memory(self._bus, joint.id, wanted)
        self._offsets = {**self._offsets, joint.id: entry.homing_offset}
        after = self._bus.read(joint.id, PRESENT_POSITION, PATIENCE) + entry.homing_offset
        return abs((after - before + RESOLUTION // 2) % RESOLUTION - RESOLUTION // 2) <= MOVED_STEPS


@contextmanager
def open_arm(port: str) -> Iterator[SweptArm]:
    """Open an arm and make it soft, so that a person can move it; calibration registers stay as they are."""
    with ServoBus(port) as bus:
        require_motors(bus)
        offsets = {}
        for joint in JOINTS:
            bus.write(joint.id, TORQUE_ENABLE, 0, PATIENCE)
            phase = bus.read(joint.id, PHASE, PATIENCE)
            write_memory(bus, joint.id, {OPERATING_MODE: 0, PHASE: phase & ~MULTI_TURN})
            offsets[joint.id] = bus.read(joint.id, HOMING_OFFSET, PATIENCE)
        yield SweptArm(bus, offsets)


def require_motors(bus: ServoBus) -> None:
    """Make sure that all motors of an arm answer."""
    absent = [joint.id for joint in JOINTS if bus.ping(joint.id, PATIENCE) is None]
    if absent:
        verb = "does" if len(absent) == 1 else "do"
        raise DeviceTimeoutError(f"{motor_names(absent)} {verb} not answer", hint='"lerotool setup bus" finds out why')


def write_memory(bus: ServoBus, motor: int, wanted: Mapping[Register, int]) -> None:
    """Write registers that outlive the power, those only that differ, and check them."""
    differing = {register: value for register, value in wanted.items() if bus.read(motor, register, PATIENCE) != value}
    if not differing:
        return
    bus.write(motor, LOCK, 0, PATIENCE)
    try:
        for register, value in differing.items():
            bus.write(motor, register, value, PATIENCE)
        for register, value in differing.items():
            if (has := bus.read(motor, register, PATIENCE)) != value:
                raise CalibrationError(
                    f"motor {motor} did not take {register.name} {value}: it has {has}",
                    hint="switch the arm's power off and on and try again",
                )
    finally:
        with suppress(DeviceTimeoutError):
            bus.write(motor, LOCK, 1, PATIENCE)
