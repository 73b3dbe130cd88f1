"""How far a joint is moved by hand, and its calibration from that.

The encoder counts 0 to 4095 and starts again, and the seam may lie anywhere in a travel. Between two readings a joint
moves less than half a turn, so the shorter way round is the way it took; the sum of these ways has no seam.

A servo reports ``(encoder - homing offset) modulo 4096``. The offset is chosen after the travel is known, so that the
seam lies as far outside it as can be and the middle of the travel reads 2047. The register of the offset has a sign and
11 bits: -2047 to 2047. What ``lerobot-calibrate`` writes has the same meaning: ranges are readings after the offset,
ends included; the wrist's roll, which may turn all the way, has the range 0 to 4095 around a pose that a person chose.
"""

from __future__ import annotations

from dataclasses import dataclass

from lerotool.devices.arms.calibration import JointCalibration
from lerotool.devices.servos.registers import RESOLUTION
from lerotool.errors import CalibrationError

CLEAR_STEP = RESOLUTION // 4
"""The most that a joint may move from one reading to the next; farther, and the way round might be the other one."""
MIDDLE = RESOLUTION // 2 - 1
"""What the middle of the travel reads."""
MAX_OFFSET = 2047
MAX_TRAVEL = RESOLUTION - 2
"""One step less than a turn leaves room for an offset that is one step off the middle."""
MIN_TRAVEL = 300
"""26°: less, and the joint was not moved from end to end. The shortest travel, a leader's gripper, is about 1000."""
SHORT_TRAVEL = 700
"""62°: less is possible, but every joint of an SO-100 or SO-101 goes farther."""


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
    return MAX_OFFSET if wrapped < -MAX_OFFSET else wrapped
