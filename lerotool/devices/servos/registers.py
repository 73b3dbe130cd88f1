"""The control table of the STS3215 servo as data: where a value lies, how it is signed, what one count is.

Names are LeRobot's. Numbers are little endian; signed ones are sign and magnitude, the sign in ``sign_bit``.
Sources: Feetech STS/SMS memory table; LeRobot ``motors/feetech/tables.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType

from lerotool.errors import UsageError

MODEL_STS3215 = 777
RESOLUTION = 4096
"""Steps of one turn."""
MULTI_TURN = 0x10
"""Bit of PHASE: positions go on beyond a turn."""
TABLE_SIZE = 87
"""Bytes of the control table; nothing is read beyond."""
BAUD_CODES: Mapping[int, int] = MappingProxyType({1_000_000: 0, 500_000: 1, 250_000: 2, 128_000: 3, 115_200: 4})
"""Bits per second to the value of BAUD_RATE. Sources disagree about the slower ones, which are left out."""


class Memory(StrEnum):
    """What becomes of a value."""

    EEPROM = "eeprom"  # kept over a power cycle if it was written while LOCK was 0
    SRAM = "sram"  # forgotten
    READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True)
class Register:
    """One value of the control table."""

    name: str
    address: int  # of the first byte
    size: int  # bytes
    sign_bit: int | None  # index of the bit that holds the sign, or None for an unsigned value
    unit: str  # what ``scale`` gives; empty for codes
    scale: float  # units per count
    memory: Memory

    @property
    def minimum(self) -> int:
        """The smallest count that can be written."""
        return 0 if self.sign_bit is None else 1 - (1 << self.sign_bit)

    @property
    def maximum(self) -> int:
        """The largest count that can be written."""
        return (1 << (8 * self.size if self.sign_bit is None else self.sign_bit)) - 1

    def encode(self, value: int) -> bytes:
        """Return the bytes of a count."""
        if not self.minimum <= value <= self.maximum:
            raise UsageError(f"{self.name} cannot be {value}, expected {self.minimum} to {self.maximum}")
        if value < 0 and self.sign_bit is not None:
            value = -value | 1 << self.sign_bit
        return value.to_bytes(self.size, "little")

    def decode(self, data: bytes) -> int:
        """Return the count that ``size`` bytes stand for; bits above the sign are not part of it."""
        raw = int.from_bytes(data, "little")
        if self.sign_bit is None:
            return raw
        sign = 1 << self.sign_bit
        magnitude = raw & (sign - 1)
        return -magnitude if raw & sign else magnitude


_STEP = ("°", 360 / RESOLUTION)
_SPEED = ("°/s", 360 / RESOLUTION)
_CODE = ("", 1.0)
_PERCENT = ("%", 1.0)
_TENTH_PERCENT = ("%", 0.1)
_VOLT = ("V", 0.1)
_AMPERE = ("A", 0.0065)
_CELSIUS = ("°C", 1.0)

_ALL: list[Register] = []


def _register(
    memory: Memory, name: str, address: int, size: int, unit: tuple[str, float], sign_bit: int | None = None
) -> Register:
    register = Register(name, address, size, sign_bit, *unit, memory)
    _ALL.append(register)
    return register


_eeprom = partial(_register, Memory.EEPROM)
_sram = partial(_register, Memory.SRAM)
_read_only = partial(_register, Memory.READ_ONLY)

FIRMWARE_MAJOR = _read_only("Firmware_Major_Version", 0, 1, _CODE)
FIRMWARE_MINOR = _read_only("Firmware_Minor_Version", 1, 1, _CODE)
MODEL_NUMBER = _read_only("Model_Number", 3, 2, _CODE)
ID = _eeprom("ID", 5, 1, _CODE)
BAUD_RATE = _eeprom("Baud_Rate", 6, 1, _CODE)
RETURN_DELAY = _eeprom("Return_Delay_Time", 7, 1, ("µs", 2.0))
RESPONSE_LEVEL = _eeprom("Response_Status_Level", 8, 1, _CODE)
MIN_POSITION = _eeprom("Min_Position_Limit", 9, 2, _STEP)
MAX_POSITION = _eeprom("Max_Position_Limit", 11, 2, _STEP)
MAX_TEMPERATURE = _eeprom("Max_Temperature_Limit", 13, 1, _CELSIUS)
MAX_VOLTAGE = _eeprom("Max_Voltage_Limit", 14, 1, _VOLT)
MIN_VOLTAGE = _eeprom("Min_Voltage_Limit", 15, 1, _VOLT)
MAX_TORQUE = _eeprom("Max_Torque_Limit", 16, 2, _TENTH_PERCENT)
PHASE = _eeprom("Phase", 18, 1, _CODE)
UNLOADING_CONDITION = _eeprom("Unloading_Condition", 19, 1, _CODE)
LED_CONDITION = _eeprom("LED_Alarm_Condition", 20, 1, _CODE)
P_GAIN = _eeprom("P_Coefficient", 21, 1, _CODE)
D_GAIN = _eeprom("D_Coefficient", 22, 1, _CODE)
I_GAIN = _eeprom("I_Coefficient", 23, 1, _CODE)
MIN_START_FORCE = _eeprom("Minimum_Startup_Force", 24, 2, _TENTH_PERCENT)
CW_DEAD_ZONE = _eeprom("CW_Dead_Zone", 26, 1, _STEP)
CCW_DEAD_ZONE = _eeprom("CCW_Dead_Zone", 27, 1, _STEP)
PROTECTION_CURRENT = _eeprom("Protection_Current", 28, 2, _AMPERE)
ANGULAR_RESOLUTION = _eeprom("Angular_Resolution", 30, 1, _CODE)
HOMING_OFFSET = _eeprom("Homing_Offset", 31, 2, _STEP, sign_bit=11)
OPERATING_MODE = _eeprom("Operating_Mode", 33, 1, _CODE)
PROTECTIVE_TORQUE = _eeprom("Protective_Torque", 34, 1, _PERCENT)
PROTECTION_TIME = _eeprom("Protection_Time", 35, 1, ("ms", 10.0))
OVERLOAD_TORQUE = _eeprom("Overload_Torque", 36, 1, _PERCENT)
OVERCURRENT_TIME = _eeprom("Over_Current_Protection_Time", 38, 1, ("ms", 10.0))
TORQUE_ENABLE = _sram("Torque_Enable", 40, 1, _CODE)
ACCELERATION = _sram("Acceleration", 41, 1, ("°/s²", 100 * 360 / RESOLUTION))
GOAL_POSITION = _sram("Goal_Position", 42, 2, _STEP, sign_bit=15)
GOAL_TIME = _sram("Goal_Time", 44, 2, ("ms", 1.0))
GOAL_SPEED = _sram("Goal_Velocity", 46, 2, _SPEED, sign_bit=15)
TORQUE_LIMIT = _sram("Torque_Limit", 48, 2, _TENTH_PERCENT)
LOCK = _sram("Lock", 55, 1, _CODE)
PRESENT_POSITION = _read_only("Present_Position", 56, 2, _STEP, sign_bit=15)
PRESENT_SPEED = _read_only("Present_Velocity", 58, 2, _SPEED, sign_bit=15)
PRESENT_LOAD = _read_only("Present_Load", 60, 2, _TENTH_PERCENT, sign_bit=10)
PRESENT_VOLTAGE = _read_only("Present_Voltage", 62, 1, _VOLT)
PRESENT_TEMPERATURE = _read_only("Present_Temperature", 63, 1, _CELSIUS)
STATUS = _read_only("Status", 65, 1, _CODE)
MOVING = _read_only("Moving", 66, 1, _CODE)
PRESENT_CURRENT = _read_only("Present_Current", 69, 2, _AMPERE)
MAX_ACCELERATION = _sram("Maximum_Acceleration", 85, 1, ("°/s²", 100 * 360 / RESOLUTION))

REGISTERS: Mapping[str, Register] = MappingProxyType({register.name: register for register in _ALL})
"""All of the above by name, in the order of their addresses."""
