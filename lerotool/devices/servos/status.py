"""The status byte of a servo's reply: what is wrong with it, told with every answer. A status is no failed request."""

from __future__ import annotations

from enum import IntFlag


class Status(IntFlag):
    """Bits of the status byte, and of register 65.

    Bit 0x10 is not among them: some firmware sets it while the torque is on.
    """

    NONE = 0
    VOLTAGE = 0x01
    ANGLE = 0x02
    OVERHEAT = 0x04
    OVERCURRENT = 0x08
    OVERLOAD = 0x20

    @classmethod
    def of(cls, raw: int) -> Status:
        """Return the bits that mean something."""
        return _KNOWN[raw & 0x2F]

    def describe(self) -> tuple[str, ...]:
        """Return one text per bit that is set, for people."""
        return tuple(text for bit, text in _TEXTS.items() if bit in self)


_TEXTS = {
    Status.VOLTAGE: "supply voltage out of range",
    Status.ANGLE: "position sensor broken",
    Status.OVERHEAT: "too hot",
    Status.OVERCURRENT: "too much current",
    Status.OVERLOAD: "overloaded",
}
_KNOWN = tuple(Status(raw) for raw in range(0x30))
