"""How old the positions are that a program gets from a servo bus whose host, hub or driver stalls now and then.

    python scripts/benchmarks/stale_positions.py [--rate 60] [--json FILE]

Four clients read an emulated bus (a process of its own behind a pseudo-terminal) at a fixed rate while random answers
are held back: the Feetech SDK as it is, the SDK as LeRobot 0.6.1 uses it (50 ms more time, three tries), that with late
answers forgotten before each request, as `lerotool record --lerobot` has it, and lerotool.
Servo 1 turns at a constant speed, so its position tells when it was read. A position is stale if it is older than the
call that returned it. What waiting costs a recording is the ticks of 1/30 s that pass within calls.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import scservo_sdk

from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.registers import PRESENT_POSITION
from lerotool.testing.servo_bus import EmulatedBus

IDS = range(1, 7)
STEPS_PER_S = 1000.0
TURN_S = 4096 / STEPS_PER_S
STALLS_S = (0.012, 0.09)
TICK_S = 1 / 30
TOLERANCE_S = 0.005
"""A position tells its time in steps of 1 ms; the rest is for a busy machine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client got.

    Attributes:
        client: which.
        reads: how often it asked.
        values: positions of servo 1 that it got.
        stale: of them, older than the call that returned them.
        oldest_ms: the longest time between the reading of a position by the servo and its return.
        cpu_ms: processor time per call.
        missed: ticks that passed while it waited.
        held: ticks that the answers were held back for.
    """

    client: str
    reads: int
    values: int
    stale: int
    oldest_ms: float
    cpu_ms: float
    missed: int
    held: int


class Client(Protocol):
    """A program that reads positions."""

    def read(self) -> int | None:
        """Return the position of servo 1, or None if there is none to be had."""
        ...

    def close(self) -> None:
        """Close the port."""
        ...


class PlainSdk:
    """The SDK's own group read."""

    tries = 1

    def __init__(self, path: str) -> None:
        self.port = scservo_sdk.PortHandler(path)
        self.port.openPort()
        self.group = scservo_sdk.GroupSyncRead(self.port, scservo_sdk.PacketHandler(0), PRESENT_POSITION.address, 2)
        for servo in IDS:
            self.group.addParam(servo)

    def read(self) -> int | None:
        """Read all servos."""
        for _ in range(self.tries):
            if self.group.txRxPacket() == scservo_sdk.COMM_SUCCESS:
                return int(self.group.getData(1, PRESENT_POSITION.address, 2))
        return None

    def close(self) -> None:
        """Close the port."""
        self.port.closePort()


class LeRobotsWay(PlainSdk):
    """The SDK with LeRobot's time-out and tries."""

    tries = 3

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.port.setPacketTimeout = self._set_timeout

    def _set_timeout(self, packet_length: int) -> None:
        port = self.port
        port.packet_start_time = port.getCurrentTime()
        port.packet_timeout = port.tx_time_per_byte * (packet_length + 3) + 50


class Forgetting(LeRobotsWay):
    """LeRobot's way, and what came too late for one request is not there for the next."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.port.clearPort = self.port.ser.reset_input_buffer


class Lerotool:
    """This package."""

    def __init__(self, path: str) -> None:
        self.bus = ServoBus(path)
        self.bus.open()

    def read(self) -> int | None:
        """Read all servos."""
        return self.bus.sync_read(PRESENT_POSITION, IDS).values.get(1)

    def close(self) -> None:
        """Close the port."""
        self.bus.close()


CLIENTS: dict[str, Callable[[str], Client]] = {
    "SDK as it is": PlainSdk,
    "LeRobot's way": LeRobotsWay,
    "late forgotten": Forgetting,
    "lerotool": Lerotool,
}


def measure(name: str, reads: int, rate: float, seed: int) -> Outcome:
    """Let a client read at a fixed rate while one answer in five is held back."""
    draw = random.Random(seed)
    ages: list[tuple[float, float]] = []
    missed = held = 0
    with EmulatedBus(IDS) as emulated:
        origin = time.monotonic()
        emulated.servo(1).ramp(origin=origin, rate=STEPS_PER_S)
        client = CLIENTS[name](emulated.port)
        try:
            began, busy = time.monotonic(), time.process_time()
            for tick in range(reads):
                time.sleep(max(0.0, began + tick / rate - time.monotonic()))
                if tick % 5 == 0:
                    stall_s = draw.uniform(*STALLS_S)
                    held += int(stall_s / TICK_S)
                    emulated.stall(stall_s)
                asked = time.monotonic()
                position = client.read()
                returned = time.monotonic()
                missed += int((returned - asked) / TICK_S)
                if position is not None:
                    ages.append((age_of(position, returned - origin), returned - asked))
            cpu_s = time.process_time() - busy
        finally:
            client.close()
    stale = sum(age > took + TOLERANCE_S for age, took in ages)
    oldest = max((age for age, _ in ages), default=0.0)
    return Outcome(name, reads, len(ages), stale, oldest * 1e3, cpu_s / reads * 1e3, missed, held)


def age_of(position: int, now: float) -> float:
    """Return how many seconds ago the servo stood there, on its present turn."""
    age = (now - position / STEPS_PER_S) % TURN_S
    return age if age < TURN_S / 2 else age - TURN_S


def show(outcomes: list[Outcome]) -> None:
    """Print the figures as a table."""
    print(f"{'client':<16}{'reads':>7}{'positions':>11}{'stale':>7}{'oldest':>12}{'CPU per read':>15}{'missed':>13}")
    for o in outcomes:
        counts = f"{o.reads:>7}{o.values:>11}{o.stale:>7}"
        print(f"{o.client:<16}{counts}{o.oldest_ms:>9.1f} ms{o.cpu_ms:>12.2f} ms{o.missed:>6} of {o.held:<3}")


def main() -> None:
    """Measure, check, print."""
    parser = argparse.ArgumentParser(description="How old the positions are that a stalling servo bus gives.")
    parser.add_argument("--reads", type=int, default=300)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    outcomes = [measure(name, options.reads, options.rate, options.seed) for name in CLIENTS]
    if outcomes[-1].stale:
        sys.exit(f"error: lerotool gave {outcomes[-1].stale} stale positions as fresh ones")
    show(outcomes)
    if options.json:
        results: dict[str, Any] = {
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "rate": options.rate,
            "stalls_s": STALLS_S,
            "clients": [asdict(outcome) for outcome in outcomes],
        }
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
