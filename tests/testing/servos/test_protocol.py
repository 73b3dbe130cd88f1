"""The emulator against the protocol, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lerotool.testing.servo_bus import EmulatedBus
from tests.testing.servos.wire import ACTION, BROADCAST, PING, READ, REG_WRITE, SYNC_READ, SYNC_WRITE, Wire, packet


@pytest.fixture
def emulated() -> Iterator[EmulatedBus]:
    with EmulatedBus(range(1, 4)) as bus:
        yield bus


@pytest.fixture
def wire(emulated: EmulatedBus) -> Iterator[Wire]:
    opened = Wire(emulated.port)
    yield opened
    opened.port.close()


def test_a_ping_is_answered_with_the_bytes_of_the_manual(wire: Wire) -> None:
    wire.port.write(bytes.fromhex("FF FF 01 02 01 FB"))
    assert wire.port.read(6) == bytes.fromhex("FF FF 01 02 00 FC")


def test_a_model_is_read_low_byte_first(wire: Wire) -> None:
    assert wire.ask(2, READ, 3, 2, size=8) == packet(2, 0, 0x09, 0x03)


def test_a_sync_read_is_answered_in_the_order_asked(wire: Wire) -> None:
    answer = wire.ask(BROADCAST, SYNC_READ, 56, 2, 3, 1, 9, 2, size=24)
    assert answer == b"".join(packet(servo, 0, 0x00, 0x08) for servo in (3, 1, 2))


def test_a_sync_write_is_carried_out_and_not_answered(wire: Wire) -> None:
    assert wire.is_silent(BROADCAST, SYNC_WRITE, 42, 2, 1, 0xE8, 0x03, 3, 0xD0, 0x07)
    assert [wire.read(servo, 42, 2) for servo in (1, 2, 3)] == [1000, 2048, 2000]


def test_a_registered_write_waits_for_the_action(wire: Wire) -> None:
    assert wire.ask(2, REG_WRITE, 42, 0xE8, 0x03, size=6) == packet(2, 0)
    assert wire.read(2, 42, 2) == 2048
    wire.tell(BROADCAST, ACTION)
    assert wire.read(2, 42, 2) == 1000


def test_everybody_answers_to_a_broadcast_ping(wire: Wire) -> None:
    assert wire.ask(BROADCAST, PING, size=18) == b"".join(packet(servo, 0) for servo in (1, 2, 3))


def test_a_wrong_checksum_and_rubbish_are_passed_over(wire: Wire, emulated: EmulatedBus) -> None:
    wire.port.write(b"\xff\xff\x01\x02\x01\x00" + b"\x00\xff\x12")
    assert wire.ask(1, PING, size=6) == packet(1, 0)
    assert emulated.counts()["garbled"] == 1


def test_instructions_may_come_in_pieces_and_in_a_row(wire: Wire) -> None:
    stream = packet(1, PING) + packet(2, PING)
    for byte in stream:
        wire.port.write(bytes([byte]))
    assert wire.port.read(12) == packet(1, 0) + packet(2, 0)
    wire.port.write(stream * 5)
    assert wire.port.read(60) == (packet(1, 0) + packet(2, 0)) * 5


def test_status_bits_are_in_every_answer_and_in_register_65(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.servo(2).change(status=0x20)
    assert wire.ask(2, PING, size=6) == packet(2, 0x20)
    assert wire.ask(2, READ, 65, 1, size=7) == packet(2, 0x20, 0x20)


def test_response_level_0_answers_reads_and_pings_only(wire: Wire) -> None:
    wire.write(2, 8, 0)
    assert wire.is_silent(2, 3, 21, 16)
    assert wire.read(2, 21, 1) == 16


def test_a_servo_at_another_speed_does_not_hear(wire: Wire, emulated: EmulatedBus) -> None:
    wire.write(2, 6, 1)
    assert wire.is_silent(2, PING)
    wire.port.close()
    faster = Wire(emulated.port, 500_000)
    assert faster.ask(2, PING, size=6) == packet(2, 0)
    faster.port.close()


def test_two_servos_with_one_id_pull_each_others_bits_down() -> None:
    with EmulatedBus([1, 1]) as emulated:
        emulated.servo(1, place=1).change(angle=0x555)
        emulated.servo(1, place=0).change(angle=0x333)
        wire = Wire(emulated.port)
        both = bytes(a & b for a, b in zip(packet(1, 0, 0x55, 0x05), packet(1, 0, 0x33, 0x03), strict=True))
        assert wire.ask(1, READ, 56, 2, size=8) == both
        wire.port.close()


def test_an_adapter_that_echoes_sends_back_what_it_is_sent(wire: Wire, emulated: EmulatedBus) -> None:
    emulated.faults(echo=True)
    assert wire.ask(1, PING, size=12) == packet(1, PING) + packet(1, 0)
