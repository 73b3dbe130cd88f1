"""The arms of a robot: a leader and a follower, once or twice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lerotool.devices.arms.joints import Role


class Side(StrEnum):
    """Which pair of two."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Place:
    """Which arm of a robot.

    Attributes:
        role: leader or follower.
        side: of a robot with two pairs; None for the only pair.
    """

    role: Role
    side: Side | None = None

    def __str__(self) -> str:
        """Return the arm in words, such as ``left leader``."""
        return f"{self.side} {self.role}" if self.side else str(self.role)

    @property
    def key(self) -> str:
        """Its place in the robot's file, such as ``left.leader``."""
        return f"{self.side}.{self.role}" if self.side else str(self.role)

    @property
    def option(self) -> str:
        """The option that names its port, such as ``--left-leader``."""
        return f"--{self.side}-{self.role}" if self.side else f"--{self.role}"

    @property
    def arm_options(self) -> str:
        """The options that choose it, such as ``--arm leader --side left``."""
        return f"--arm {self.role}" + (f" --side {self.side}" if self.side else "")

    def arm_id(self, robot: str) -> str:
        """Return what its calibration file is called if nobody says otherwise."""
        return f"{robot}_{self.side}" if self.side else robot


SINGLE = (Place(Role.LEADER), Place(Role.FOLLOWER))
BIMANUAL = tuple(Place(role, side) for side in Side for role in (Role.LEADER, Role.FOLLOWER))
