"""The leader: the arm that a person moves. Its torque is off all the time."""

from __future__ import annotations

from typing import ClassVar

from lerotool.devices.arms.joints import JOINTS, Role
from lerotool.devices.arms.so_arm import SoArm
from lerotool.devices.servos.registers import TORQUE_ENABLE


class SoLeader(SoArm):
    """An SO-100 or SO-101 that is moved by hand."""

    role: ClassVar[Role] = Role.LEADER

    def _prepare(self) -> None:
        for joint in JOINTS:
            self._bus.write(joint.id, TORQUE_ENABLE, 0)
        self._may_hold = False
        self._read_first_positions()
