"""The emulated bus as a process: faults on order and by chance, counts, plugging, and its command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from lerotool.errors import UsageError
from lerotool.testing.servo_bus import EmulatedBus, parse_ids
from tests.patience import PATIENCE_S
from tests.testing.servos.wire import BROADCAST, READ, SYNC_READ, Wire, packet

POSITIONS = b"".join(packet(servo, 0, 0x00, 0x08) for servo in (1, 2, 3))


@pytest.fixture
def emulated() -> Iterator[EmulatedBus]:
    with EmulatedBus(range(1, 4)) as bus:
        yield bus


@pytest.fixture
def wire(emulated: EmulatedBus) -> Iterator[Wire]:
    opened = Wire(emulated.port)
    yield opened
    opened.port.close()


def ask_positions(wire: Wire, size: int) -> bytes:
    return wire.ask(BROADCAST, SYNC_READ, 56, 2, 1, 2, 3, size=size)


def test_lost_replies_of_one_servo_are_missing_and_counted(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.order("lost", servo=2, count=2)
    for _ in range(2):
        assert ask_positions(wire, 16) == POSITIONS[:8] + POSITIONS[16:]
    assert ask_positions(wire, 24) == POSITIONS
    counts = emulated.counts()
    assert counts["faults"] == {"lost": {2: 2}, "late": {}, "cut": {}, "corrupt": {}}
    assert counts["replies"] == {1: 3, 2: 3, 3: 3}
    assert counts["requests"] == 3


def test_a_late_reply_comes_after_the_others(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.faults(late_s=0.05)
    emulated.order("late", servo=1)
    assert ask_positions(wire, 24) == POSITIONS[8:] + POSITIONS[:8]
    assert emulated.counts()["faults"]["late"] == {1: 1}


def test_a_cut_reply_is_its_own_beginning(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.order("cut", servo=2)
    answer = ask_positions(wire, 17)
    wire.tell(1, READ, 3, 2)
    answer += wire.port.read_until(packet(1, 0, 9, 3))
    cut = answer.removesuffix(packet(1, 0, 9, 3)).removeprefix(POSITIONS[:8]).removesuffix(POSITIONS[16:])
    assert 0 < len(cut) < 8
    assert POSITIONS[8:16].startswith(cut)


def test_a_corrupt_reply_differs_in_one_byte(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.order("corrupt")
    answer = ask_positions(wire, 24)
    assert sum(a != b for a, b in zip(answer, POSITIONS, strict=True)) == 1
    assert answer[8:] == POSITIONS[8:]
    assert emulated.counts()["faults"]["corrupt"] == {1: 1}


def test_a_stall_holds_an_answer_and_what_follows_back_in_order(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.stall(0.05)
    began = time.monotonic()
    wire.tell(1, READ, 3, 2)
    wire.tell(2, READ, 3, 2)
    assert wire.port.read(16) == packet(1, 0, 9, 3) + packet(2, 0, 9, 3)
    assert time.monotonic() - began >= 0.05
    assert emulated.counts()["stalls"] == 1


def test_a_latency_holds_every_answer_back(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.faults(usb_s=0.02)
    began = time.monotonic()
    for _ in range(2):
        assert ask_positions(wire, 24) == POSITIONS
    assert time.monotonic() - began >= 0.04
    assert emulated.counts()["stalls"] == 0


def test_bytes_take_their_time_on_the_wire(emulated: EmulatedBus) -> None:
    emulated.faults(wire=True, check_baud=False)
    wire = Wire(emulated.port, 9600)
    began = time.monotonic()
    assert ask_positions(wire, 24) == POSITIONS
    assert time.monotonic() - began >= 35 * 10 / 9600
    wire.port.close()


def test_faults_by_chance_are_the_same_for_one_seed() -> None:
    def run(seed: int) -> object:
        with EmulatedBus(range(1, 4), seed=seed, lost=0.2, cut=0.2, corrupt=0.2, check_baud=False) as emulated:
            wire = Wire(emulated.port)
            for _ in range(40):
                wire.tell(BROADCAST, SYNC_READ, 56, 2, 1, 2, 3)
            deadline = time.monotonic() + PATIENCE_S
            while emulated.counts()["requests"] < 40 and time.monotonic() < deadline:
                pass
            wire.port.close()
            return emulated.counts()

    first = run(1)
    assert first == run(1)
    assert first != run(2)


def test_a_setting_or_fault_that_there_is_not_is_refused(emulated: EmulatedBus) -> None:
    with pytest.raises(UsageError, match="unknown fault setting 'losst'"):
        emulated.faults(losst=0.5)
    with pytest.raises(UsageError, match="'gone' is not a valid Fault"):
        emulated.order("gone")
    with pytest.raises(UsageError, match="no servo has the id 9"):
        emulated.servo(9).position  # noqa: B018
    assert emulated.servo(1).position == 2048


def test_unplugged_and_plugged_in_again_it_has_the_same_name(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.unplug()
    assert not Path(emulated.port).exists()
    with pytest.raises((OSError, serial.SerialException)):
        wire.ask(1, READ, 3, 2, size=8)
    emulated.replug()
    again = Wire(emulated.port)
    assert again.read(1, 3, 2) == 777
    again.port.close()
    with pytest.raises(UsageError, match="plugged in already"):
        emulated.replug()


def test_a_servo_can_be_added(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.add(9, angle=5)
    assert wire.read(9, 56, 2) == 5


def test_the_process_ends_with_the_bus() -> None:
    with EmulatedBus() as emulated:
        folder, pid = Path(emulated.port).parent, emulated.pid
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_ids_are_given_as_ranges_and_lists() -> None:
    assert parse_ids("1-3") == [1, 2, 3]
    assert parse_ids("1,1,4-5") == [1, 1, 4, 5]
    with pytest.raises(ValueError, match="invalid literal"):
        parse_ids("a")


def test_it_runs_by_hand_until_it_is_interrupted(tmp_path: Path) -> None:
    link = tmp_path / "leader"
    command = [sys.executable, "-m", "lerotool.testing.servo_bus", "--ids", "1-2", "--move", "--link", str(link)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"port": str(link)}
        wire = Wire(str(link))
        first, deadline = wire.read(1, 56, 2), time.monotonic() + PATIENCE_S
        while wire.read(1, 56, 2) == first:
            assert time.monotonic() < deadline
        wire.port.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    assert not link.is_symlink()


def test_a_file_is_not_overwritten_by_the_link(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    command = [sys.executable, "-m", "lerotool.testing.servo_bus", "--link", str(tmp_path / "notes")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert "notes is there already" in done.stderr
    assert (tmp_path / "notes").read_text() == "mine"
