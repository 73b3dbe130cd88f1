"""An arm that a person moves by hand: how far its joints go, and its calibration from that.

The encoder counts 0 to 4095 and starts again, and the seam may lie anywhere in a travel. Between two readings a joint
moves less than half a turn, so the shorter way round is the way it took; the sum of these ways has no seam.

A servo reports ``(encoder - homing offset) modulo 4096``. The offset is chosen after the travel is known, so that the
seam lies as far outside it as can be and the middle of the travel reads 2047. The register of the offset has a sign and
11 bits: -2047 to 2047. What ``lerobot-calibrate`` writes has the same meaning: ranges are readings after the offset,
ends included; the wrist's roll, which may turn all the way, has the range 0 to 4095 around a pose that a person chose.

While an arm is swept nothing of its calibration is changed: the encoder is what the servo reports plus the homing
offset it has. Only what keeps a joint from being moved or read is switched off first: torque, other modes, counting of
turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lerotool.devices.arms.calibration import MOST_OFFSET, Calibration, JointCalibration
from lerotool.devices.arms.joints import JOINTS, Joint
from lerotool.devices.arms.settings import write_settings
from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.registers import (
    HOMING_OFFSET,
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
from lerotool.setup.arms import motor_names
from lerotool.setup.listening import PATIENCE

CLEAR_STEP = RESOLUTION // 4
"""The most that a joint may move from one reading to the next; farther, and the way round might be the other one."""
MIDDLE = RESOLUTION // 2 - 1
"""What the middle of the travel reads."""
MAX_TRAVEL = RESOLUTION - 2
"""One step less than a turn leaves room for an offset that is one step off the middle."""
MIN_TRAVEL = 300
"""26°: less, and the joint was not moved from end to end. The shortest travel, a leader's gripper, is about 1000."""
SHORT_TRAVEL = 700
"""62°: less is possible, but every joint of an SO-100 or SO-101 goes farther."""
SILENT_READS = 50
"""So many readings in a row without any answer, one second, and the arm is lost."""
MOVED_STEPS = 200
"""18°: farther than a hand moves a joint from one reading to the next while registers are written."""


@dataclass(frozen=True, slots=True)
class Travel:
    """Where a joint was, in encoder steps without a seam: 4100 is step 4 of the next turn."""

    start: int  # where it was first; the straight pose of a joint that turns fully
    lowest: int  # the lower end; any integer
    highest: int  # the upper end, not below ``lowest``
    now: int
    jumps: int = 0

    @property
    def steps(self) -> int:
        """From end to end."""
        return self.highest - self.lowest

    @property
    def degrees(self) -> float:
        """From end to end."""
        return to_degrees(self.steps)

    def moved_to(self, encoder: int) -> Travel:
        """Return the travel with one more reading of the encoder, without homing offset; counted modulo 4096."""
        step = (encoder - self.now + RESOLUTION // 2) % RESOLUTION - RESOLUTION // 2
        now = self.now + step
        jumps = self.jumps + (abs(step) > CLEAR_STEP)
        return Travel(self.start, min(self.lowest, now), max(self.highest, now), now, jumps)


def begin_travel(encoder: int) -> Travel:
    """Return the travel of a joint that has been read once."""
    start = encoder % RESOLUTION
    return Travel(start, start, start, start)


def to_degrees(steps: int) -> float:
    """Return an angle in degrees."""
    return steps * 360 / RESOLUTION


def find_problem(joint: str, travel: Travel) -> str | None:
    """Return in words why no calibration can be made of a travel, or None."""
    if travel.jumps:
        return f"{joint} moved too fast to be followed, or its servo was not heard for a while"
    if travel.steps > MAX_TRAVEL:
        return (
            f"{joint} was turned {travel.degrees:.0f}°, a full turn or more: a joint with two ends cannot. "
            "Is its horn loose, or the leader's gear not the right one?"
        )
    if travel.steps < MIN_TRAVEL:
        return f"{joint} moved {travel.degrees:.0f}° only: move it from one end to the other"
    return None


def find_doubt(joint: str, travel: Travel) -> str | None:
    """Return in words what is strange about a travel of which a calibration can be made, or None."""
    if travel.steps < SHORT_TRAVEL:
        return f"{joint} moved {travel.degrees:.0f}°: were both ends reached?"
    return None


def find_roll_doubt(joint: str, travel: Travel) -> str | None:
    """Return in words what is strange about the travel of a joint with a full turn, or None."""
    reach = max(travel.start - travel.lowest, travel.highest - travel.start)
    if reach <= RESOLUTION // 2:
        return None
    return (
        f"{joint} was turned {to_degrees(reach):.0f}° away from its straight pose; beyond 180° its position jumps by a "
        "full turn"
    )


def centre(joint: str, motor: int, travel: Travel) -> JointCalibration:
    """Return the calibration in which the middle of a travel reads 2047 (or 2048 where no offset gives 2047)."""
    if problem := find_problem(joint, travel):
        raise CalibrationError(problem, hint="move that joint again, slowly, from end to end")
    middle = travel.lowest + travel.steps // 2
    offset = wrap_offset(middle - MIDDLE)
    lowest = (middle - offset) % RESOLUTION - travel.steps // 2
    return JointCalibration(
        id=motor, drive_mode=0, homing_offset=offset, range_min=lowest, range_max=lowest + travel.steps
    )


def centre_full_turn(motor: int, straight: int) -> JointCalibration:
    """Return the calibration of a joint that may turn all the way; the encoder at ``straight`` is to read 2047."""
    return JointCalibration(
        id=motor, drive_mode=0, homing_offset=wrap_offset(straight - MIDDLE), range_min=0, range_max=RESOLUTION - 1
    )


def wrap_offset(offset: int) -> int:
    """Return the offset from -2047 to 2047 that is the same modulo a full turn; -2048, which is not, becomes 2047."""
    wrapped = (offset + RESOLUTION // 2) % RESOLUTION - RESOLUTION // 2
    return MOST_OFFSET if wrapped < -MOST_OFFSET else wrapped


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
            position = self._bus.read(joint.id, PRESENT_POSITION)
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
        before = self._bus.read(joint.id, PRESENT_POSITION) + self._offsets[joint.id]
        wanted = {HOMING_OFFSET: entry.homing_offset, MIN_POSITION: entry.range_min, MAX_POSITION: entry.range_max}
        write_memory(self._bus, joint.id, wanted)
        self._offsets = {**self._offsets, joint.id: entry.homing_offset}
        after = self._bus.read(joint.id, PRESENT_POSITION) + entry.homing_offset
        return abs((after - before + RESOLUTION // 2) % RESOLUTION - RESOLUTION // 2) <= MOVED_STEPS


@contextmanager
def open_arm(port: str) -> Iterator[SweptArm]:
    """Open an arm and make it soft, so that a person can move it; calibration registers stay as they are."""
    with ServoBus(port) as bus:
        require_motors(bus)
        offsets = {}
        for joint in JOINTS:
            bus.write(joint.id, TORQUE_ENABLE, 0)
            phase = bus.read(joint.id, PHASE)
            write_memory(bus, joint.id, {OPERATING_MODE: 0, PHASE: phase & ~MULTI_TURN})
            offsets[joint.id] = bus.read(joint.id, HOMING_OFFSET)
        yield SweptArm(bus, offsets)


def require_motors(bus: ServoBus) -> None:
    """Make sure that all motors of an arm answer."""
    absent = [joint.id for joint in JOINTS if bus.ping(joint.id, PATIENCE) is None]
    if absent:
        verb = "does" if len(absent) == 1 else "do"
        raise DeviceTimeoutError(f"{motor_names(absent)} {verb} not answer", hint='"lerotool setup bus" finds out why')


def write_memory(bus: ServoBus, motor: int, wanted: Mapping[Register, int]) -> None:
    """Write registers that outlive the power, those only that differ, and check them."""
    differing = {register: value for register, value in wanted.items() if bus.read(motor, register) != value}
    if not differing:
        return
    write_settings(bus, motor, differing, {})
    for register, value in differing.items():
        if (has := bus.read(motor, register)) != value:
            raise CalibrationError(
                f"motor {motor} did not take {register.name} {value}: it has {has}",
                hint="switch the arm's power off and on and try again",
            )
