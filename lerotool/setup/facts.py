"""What was found on a bus: plain values, without judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from lerotool.devices.servos.status_packets import Status

if TYPE_CHECKING:
    from lerotool.devices.arms.calibration import JointCalibration
    from lerotool.devices.servos.adapters import Adapter


@dataclass(frozen=True, slots=True)
class Replies:
    """How a servo answered to a number of requests."""

    asked: int = 0  # how often it was asked
    answered: int = 0  # whole answers that came in time
    damaged: int = 0  # answers of a wrong length or check sum
    silent: int = 0  # requests without any answer
    late: int = 0  # requests whose answer came after its time, as happens when the computer or the USB hub is busy

    @property
    def failed(self) -> int:
        """Requests that were not answered as they should be, late ones not among them."""
        return self.damaged + self.silent

    @property
    def failed_share(self) -> float:
        """From 0 to 1."""
        return self.failed / self.asked if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class ServoFacts:
    """What a servo says of itself."""

    id: int
    model: int  # 777 is an STS3215
    firmware: str  # such as ``3.10``
    status: Status
    voltage_v: float
    min_voltage_v: float  # below, it reports an error
    max_voltage_v: float  # above, it reports an error
    temperature_c: int
    max_temperature_c: int  # above, it lets go
    load_percent: float
    current_ma: float
    mode: int  # 0 is position
    phase: int  # factory bits; bit 4 lets positions leave 0..4095
    torque: bool
    return_delay_us: int
    position: int  # 0..4095
    homing_offset: int
    range_min: int
    range_max: int
    replies: Replies = field(default_factory=Replies)


class Trouble(Enum):
    """How a servo was heard that cannot be examined."""

    OTHER_SPEED = "other speed"
    CROWDED = "crowded"
    """Several servos answer at once."""
    LOST = "lost"
    """It answered once and then no more."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A servo that was heard but could not be examined."""

    id: int
    baudrate: int
    trouble: Trouble  # why it could not be examined


@dataclass(frozen=True, slots=True)
class BusFacts:
    """What was found on a bus."""

    port: str
    adapter: Adapter | None  # the adapter that is plugged in there, if the system knows
    latency_ms: int | None  # the latency timer of an FTDI adapter, if it can be read
    servos: tuple[ServoFacts, ...]  # what could be examined, by id
    strangers: tuple[Stranger, ...]  # what was heard but could not be examined
    # Of the arm that should be there, by joint, if one is known.
    calibration: Mapping[str, JointCalibration] | None = None

    def strangers_by(self, trouble: Trouble) -> tuple[Stranger, ...]:
        """Return the strangers of one kind."""
        return tuple(stranger for stranger in self.strangers if stranger.trouble is trouble)
