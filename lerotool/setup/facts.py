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
    """How a servo answered to a number of requests.

    Attributes:
        asked: how often it was asked.
        answered: whole answers that came in time.
        damaged: answers of a wrong length or check sum.
        silent: requests without any answer.
        late: requests whose answer came after its time, as happens when the computer or the USB hub is busy.
    """

    asked: int = 0
    answered: int = 0
    damaged: int = 0
    silent: int = 0
    late: int = 0

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
    """What a servo says of itself.

    Attributes:
        model: 777 is an STS3215.
        firmware: such as ``3.10``.
        min_voltage_v: below, it reports an error.
        max_voltage_v: above, it reports an error.
        max_temperature_c: above, it lets go.
        mode: 0 is position.
        phase: factory bits; bit 4 lets positions leave 0..4095.
        position: 0..4095.
    """

    id: int
    model: int
    firmware: str
    status: Status
    voltage_v: float
    min_voltage_v: float
    max_voltage_v: float
    temperature_c: int
    max_temperature_c: int
    load_percent: float
    current_ma: float
    mode: int
    phase: int
    torque: bool
    return_delay_us: int
    position: int
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
    """A servo that was heard but could not be examined.

    Attributes:
        trouble: why it could not be examined.
    """

    id: int
    baudrate: int
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class BusFacts:
    """What was found on a bus.

    Attributes:
        adapter: the adapter that is plugged in there, if the system knows.
        latency_ms: the latency timer of an FTDI adapter, if it can be read.
        servos: what could be examined, by id.
        strangers: what was heard but could not be examined.
        calibration: of the arm that should be there, by joint, if one is known.
    """

    port: str
    adapter: Adapter | None
    latency_ms: int | None
    servos: tuple[ServoFacts, ...]
    strangers: tuple[Stranger, ...]
    calibration: Mapping[str, JointCalibration] | None = None

    def strangers_by(self, trouble: Trouble) -> tuple[Stranger, ...]:
        """Return the strangers of one kind."""
        return tuple(stranger for stranger in self.strangers if stranger.trouble is trouble)
