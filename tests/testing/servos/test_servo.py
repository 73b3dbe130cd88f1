"""What an emulated servo does with what it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lerotool.devices.servos.registers import GOAL_POSITION, HOMING_OFFSET, PHASE, PRESENT_POSITION
from lerotool.testing.servo_bus import EmulatedBus
from tests.testing.servos.wire import Wire, packet


@pytest.fixture
def emulated() -> Iterator[EmulatedBus]:
    with EmulatedBus([1, 2]) as bus:
        yield bus


@pytest.fixture
def wire(emulated: EmulatedBus) -> Iterator[Wire]:
    opened = Wire(emulated.port)
    yield opened
    opened.port.close()


def test_what_is_written_while_locked_is_forgotten_without_power(wire: Wire, emulated: EmulatedBus) -> None:
    wire.write(1, 21, 16)
    assert wire.read(1, 21, 1) == 16
    emulated.power_cycle()
    assert wire.read(1, 21, 1) == 32


def test_what_is_written_while_unlocked_is_kept(wire: Wire, emulated: EmulatedBus) -> None:
    wire.write(1, 55, 0)
    wire.write(1, 21, 16)
    wire.write(1, 5, 20)
    emulated.servo(20).power_cycle()
    assert wire.read(20, 21, 1) == 16
    assert wire.read(20, 55, 1) == 1


def test_a_goal_is_reached_with_torque_and_not_without(wire: Wire, emulated: EmulatedBus) -> None:
    wire.write(1, 42, 0xB8, 0x0B)
    wire.write(2, 42, 0xB8, 0x0B)
    wire.write(1, 40, 1)
    wire.read_until(1, 56, 2, 3000)
    assert wire.read(2, 56, 2) == 2048
    assert emulated.servo(1).is_torque_on
    assert not emulated.servo(2).is_torque_on


def test_a_goal_speed_is_kept(wire: Wire, emulated: EmulatedBus) -> None:
    wire.write(1, 46, 200, 0)
    wire.write(1, 42, 0, 0)
    began = time.monotonic()
    wire.write(1, 40, 1)
    position = wire.read(1, 56, 2)
    assert position >= 2048 - 200 * (time.monotonic() - began) - 1
    assert wire.read(1, 66, 1) == 1


def test_limits_hold_the_goal(wire: Wire) -> None:
    wire.write(1, 11, 0x98, 0x08)
    wire.write(1, 42, 0xB8, 0x0B)
    wire.write(1, 40, 1)
    wire.read_until(1, 56, 2, 2200)


def test_the_position_is_the_encoder_less_the_offset(wire: Wire, emulated: EmulatedBus) -> None:
    wire.write(1, 31, 0x2C, 0x09)  # -300 with the sign in bit 11
    assert wire.read(1, 56, 2) == 2348
    assert emulated.servo(1).read(HOMING_OFFSET) == -300
    emulated.servo(1).change(angle=4000)
    assert wire.read(1, 56, 2) == 4300 - 4096
    emulated.servo(1).set(PHASE, 0x10)
    assert wire.read(1, 56, 2) == 4300


def test_torque_128_makes_the_present_position_2048(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.servo(1).change(angle=2500)
    wire.write(1, 40, 128)
    assert wire.read(1, 56, 2) == 2048
    assert wire.read(1, 31, 2) == 452
    assert wire.read(1, 40, 1) == 0


def test_what_may_only_be_read_is_not_written(wire: Wire) -> None:
    wire.write(1, 62, 99)
    assert wire.read(1, 62, 1) == 74


def test_max_torque_is_copied_into_the_limit(wire: Wire) -> None:
    wire.write(1, 16, 0xF4, 0x01)
    assert wire.read(1, 48, 2) == 500


def test_a_hand_moves_a_servo_without_torque_only(wire: Wire, emulated: EmulatedBus) -> None:
    servo = emulated.servo(1)
    now = time.monotonic()
    servo.path([now - 2, now - 1], [1000, 1500])
    assert wire.read(1, 56, 2) == servo.position == 1500
    wire.write(1, 42, 0xDC, 0x05)
    wire.write(1, 40, 1)
    servo.path([now], [3000])
    assert wire.read(1, 56, 2) == 1500
    wire.write(1, 40, 0)
    assert wire.read(1, 56, 2) == 3000


def test_a_ramp_tells_when_it_was_read(emulated: EmulatedBus) -> None:
    origin = time.monotonic()
    emulated.servo(1).ramp(origin=origin, rate=1000)
    before = time.monotonic() - origin
    position = emulated.servo(1).position
    assert before * 1000 - 1 <= position <= (time.monotonic() - origin) * 1000 + 1


def test_a_dead_servo_is_silent_and_can_be_revived(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.kill(2)
    assert wire.is_silent(2, 1)
    emulated.revive(2)
    assert wire.ask(2, 1, size=6) == packet(2, 0)


def test_memory_can_be_looked_at_and_set_from_outside(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.servo(1).set(GOAL_POSITION, -5)
    assert wire.read(1, 42, 2) == 0x8005
    emulated.servo(1).change(angle=77.4)
    assert emulated.servo(1).read(PRESENT_POSITION) == 77
    assert emulated.servo(1).angle == 77.4


def test_single_writes_are_remembered(wire: Wire, emulated: EmulatedBus) -> None:
    wire.write(2, 42, 1, 2)
    assert emulated.writes(forget=True) == [(2, 42, b"\x01\x02")]
    assert emulated.writes() == []
