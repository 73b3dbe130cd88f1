"""A robot on the table: two emulated buses in processes of their own, and folders of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lerotool.devices.arms.calibration import calibration_path
from lerotool.devices.arms.joints import Role
from lerotool.devices.servos.registers import Register
from lerotool.testing.servo_bus import EmulatedBus
from tests.patience import PATIENCE_S
from tests.recording.terminal import Terminal

SIX = range(1, 7)
STRIDE = 800
"""Steps that a joint is moved at a time: less than a quarter of a turn."""
COMMAND = (sys.executable, "-m", "lerotool", "setup")


@dataclass(frozen=True)
class Bench:
    """Where things are."""

    folder: Path
    leader: EmulatedBus
    follower: EmulatedBus

    @property
    def environment(self) -> dict[str, str]:
        """What lerotool is told."""
        return {
            "LEROTOOL_CONFIG": str(self.folder / "config"),
            "HF_LEROBOT_HOME": str(self.folder / "lerobot"),
            "LEROTOOL_SERIAL_PORTS": f"{self.folder}/leader=L1,{self.folder}/follower=F1",
        }

    @property
    def robot_file(self) -> Path:
        return self.folder / "config" / "robots" / "bench.toml"

    def calibration(self, role: Role) -> Path:
        """Return the place of a calibration file; only with the environment set."""
        return calibration_path(role, "bench")

    def setup(self, *arguments: str) -> Terminal:
        """Return `lerotool setup …` on a terminal, not yet running."""
        return Terminal([*COMMAND, *arguments], self.environment)


@contextmanager
def open_bench(folder: Path, leader: Iterable[int] = SIX, follower: Iterable[int] = SIX) -> Iterator[Bench]:
    """Put a robot on the table."""
    with (
        EmulatedBus(leader, link=folder / "leader") as first,
        EmulatedBus(follower, link=folder / "follower") as second,
    ):
        yield Bench(folder, first, second)


def write_robot(bench: Bench) -> None:
    """Write the robot's file as `lerotool setup ports` does."""
    bench.robot_file.parent.mkdir(parents=True, exist_ok=True)
    bench.robot_file.write_text(
        '[follower]\nport = "serial:F1"\nid = "bench"\n[leader]\nport = "serial:L1"\nid = "bench"\n'
    )


def move(bus: EmulatedBus, angles: Mapping[int, float]) -> None:
    """Turn joints by hand, and wait until that has been read."""
    for servo, angle in angles.items():
        bus.servo(servo).change(angle=angle)
    before = bus.counts()["replies"]
    end = time.monotonic() + PATIENCE_S
    while any(bus.counts()["replies"].get(servo, 0) < before.get(servo, 0) + 2 for servo in angles):
        assert time.monotonic() < end, "nobody reads the joints"
        time.sleep(0.002)


def sweep(bus: EmulatedBus, spans: Mapping[int, tuple[int, int]]) -> None:
    """Move joints from where they are to one end, to the other and to the middle, in readable strides."""
    at = {servo: bus.servo(servo).angle for servo in spans}
    for share in (0, 2, 1):
        goals = {servo: low + (high - low) * share // 2 for servo, (low, high) in spans.items()}
        while any(at[servo] != goals[servo] for servo in goals):
            at = {servo: at[servo] + max(-STRIDE, min(STRIDE, goals[servo] - at[servo])) for servo in at}
            move(bus, at)


def registers(bus: EmulatedBus, register: Register, ids: Iterable[int] = SIX) -> list[int]:
    """Return a register of several servos."""
    return [bus.servo(servo).read(register) for servo in ids]
