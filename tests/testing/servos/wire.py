"""The wire format written down once more, from Feetech's protocol manual: what the emulator must speak."""

from __future__ import annotations

import time

import serial

from tests.patience import PATIENCE_S

PING, READ, WRITE, REG_WRITE, ACTION, SYNC_READ, SYNC_WRITE, BROADCAST = 1, 2, 3, 4, 5, 0x82, 0x83, 0xFE


def packet(servo: int, code: int, *parameters: int) -> bytes:
    """Return an instruction, or a status packet if ``code`` is the status."""
    body = [servo, len(parameters) + 2, code, *parameters]
    return bytes([0xFF, 0xFF, *body, 255 - sum(body) % 256])


class Wire:
    """A port that one writes bytes to and reads bytes from."""

    def __init__(self, path: str, baudrate: int = 1_000_000) -> None:
        self.port = serial.Serial(path, baudrate, timeout=PATIENCE_S)

    def ask(self, servo: int, code: int, *parameters: int, size: int) -> bytes:
        """Send an instruction and return so many bytes of the answer."""
        self.port.write(packet(servo, code, *parameters))
        return self.port.read(size)

    def tell(self, servo: int, code: int, *parameters: int) -> None:
        """Send an instruction that nobody answers."""
        self.port.write(packet(servo, code, *parameters))

    def write(self, servo: int, address: int, *data: int) -> None:
        """Write, and check the acknowledgement."""
        assert self.ask(servo, WRITE, address, *data, size=6) == packet(servo, 0)

    def read(self, servo: int, address: int, size: int) -> int:
        """Read a number without a sign."""
        answer = self.ask(servo, READ, address, size, size=size + 6)
        assert answer == packet(servo, 0, *answer[5:-1])
        return int.from_bytes(answer[5:-1], "little")

    def read_until(self, servo: int, address: int, size: int, expected: int) -> None:
        """Read until a value is reached."""
        deadline = time.monotonic() + PATIENCE_S
        while (value := self.read(servo, address, size)) != expected:
            assert time.monotonic() < deadline, f"register {address} is {value}, expected {expected}"

    def is_silent(self, servo: int, code: int, *parameters: int) -> bool:
        """Tell whether an instruction is not answered, by asking servo 1 for something afterwards."""
        self.port.write(packet(servo, code, *parameters))
        return self.ask(1, READ, 3, 2, size=8) == packet(1, 0, 9, 3)
