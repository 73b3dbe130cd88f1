"""The bus while all is well: every request against emulated servos behind a real serial port."""

from __future__ import annotations

import time
from threading import Thread

import pytest

from lerotool.devices.servos.answers import Status
from lerotool.devices.servos.bus import Pong, ServoBus, ServoSilentError
from lerotool.devices.servos.registers import (
    GOAL_POSITION,
    HOMING_OFFSET,
    ID,
    LOCK,
    MAX_ACCELERATION,
    P_GAIN,
    PRESENT_CURRENT,
    PRESENT_POSITION,
    PRESENT_TEMPERATURE,
    PRESENT_VOLTAGE,
    REGISTERS,
    RESPONSE_LEVEL,
    TORQUE_ENABLE,
)
from lerotool.errors import DeviceError, UsageError
from lerotool.testing.servo_bus import EmulatedBus

IDS = range(1, 7)


def test_a_servo_that_is_there_answers_to_a_ping_and_no_other(bus: ServoBus) -> None:
    assert bus.ping(6) == Pong(777, Status.NONE)
    assert bus.ping(7) is None


def test_every_register_is_read_alone_as_together(bus: ServoBus, emulated: EmulatedBus) -> None:
    for register in REGISTERS.values():
        expected = emulated.servo(1).read(register)
        assert bus.read(1, register) == expected, register
        assert bus.sync_read(register, [1]).values == {1: expected}, register


def test_what_lies_beside_a_register_is_skipped_when_more_is_asked_for(bus: ServoBus, emulated: EmulatedBus) -> None:
    for register in (REGISTERS["Maximum_Acceleration"], PRESENT_POSITION, P_GAIN):
        emulated.servo(2).set(register, 77)
        emulated.order("lost", servo=2, count=2)
        assert bus.read(2, register) == (2048 if register is PRESENT_POSITION else 77)


def test_positions_of_all_come_in_the_order_asked(bus: ServoBus, emulated: EmulatedBus) -> None:
    for servo in IDS:
        emulated.servo(servo).change(angle=1000 + servo)
    before = time.monotonic_ns()
    reading = bus.sync_read(PRESENT_POSITION, (3, 1, 2))
    assert list(reading.values.items()) == [(3, 1003), (1, 1001), (2, 1002)]
    assert not reading.silent
    assert before <= reading.captured_ns <= time.monotonic_ns()


def test_a_block_gives_all_its_registers(bus: ServoBus) -> None:
    reading = bus.sync_read(PRESENT_POSITION, IDS, block=PRESENT_CURRENT)
    assert [reading.value(s, PRESENT_VOLTAGE) for s in IDS] == [74] * 6
    assert reading.value(2, PRESENT_TEMPERATURE) == 31
    assert reading.value(2, PRESENT_POSITION) == reading.values[2] == 2048


def test_the_whole_table_can_be_read_at_once(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.order("lost", servo=1, count=1)  # so that more than the table is asked for
    reading = bus.sync_read(REGISTERS["Firmware_Major_Version"], [1, 2], block=MAX_ACCELERATION)
    assert reading.value(1, PRESENT_VOLTAGE) == reading.value(2, PRESENT_VOLTAGE) == 74
    assert reading.values == {1: 3, 2: 3}


def test_negative_positions_keep_their_sign(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.servo(4).set(REGISTERS["Phase"], 12 | 0x10)
    emulated.servo(4).change(angle=10)
    bus.write(4, HOMING_OFFSET, 300)
    assert bus.sync_read(PRESENT_POSITION, [4]).values == {4: -290}


@pytest.mark.parametrize("angle", [-1, -100, -800, 100, 4095, 4200, 9000])
def test_a_servo_that_counts_turns_is_read_just_past_its_zero_and_beyond_one_turn(
    bus: ServoBus, emulated: EmulatedBus, angle: int
) -> None:
    """It answers sign and magnitude: 0x8064 is -100, not 32868."""
    emulated.servo(1).set(REGISTERS["Phase"], 12 | 0x10)
    emulated.servo(1).change(angle=angle)
    assert bus.read(1, PRESENT_POSITION) == angle
    assert bus.sync_read(PRESENT_POSITION, [1]).values == {1: angle}


def test_goals_of_all_are_written_at_once(bus: ServoBus, emulated: EmulatedBus) -> None:
    bus.sync_write(GOAL_POSITION, {servo: 1000 + servo for servo in IDS})
    assert [bus.read(servo, GOAL_POSITION) for servo in IDS] == [1000 + servo for servo in IDS]
    assert emulated.writes() == []


def test_nobody_to_ask_or_to_write_to_is_no_request(bus: ServoBus) -> None:
    before = bus.statistics.requests
    assert bus.sync_read(PRESENT_POSITION, []).values == {}
    bus.sync_write(GOAL_POSITION, {})
    assert bus.statistics.requests == before


def test_a_write_is_acknowledged(bus: ServoBus, emulated: EmulatedBus) -> None:
    assert bus.write(2, P_GAIN, 16) is Status.NONE
    assert emulated.servo(2).read(P_GAIN) == 16
    assert emulated.writes() == [(2, 21, b"\x10")]


def test_a_servo_that_does_not_acknowledge_is_read_back(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.servo(2).set(RESPONSE_LEVEL, 0)
    bus.write(2, P_GAIN, 16)
    assert emulated.servo(2).read(P_GAIN) == 16
    assert emulated.writes() == [(2, 21, b"\x10")]


def test_a_servo_that_keeps_another_value_is_told(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.servo(2).set(RESPONSE_LEVEL, 0)
    with pytest.raises(DeviceError, match=r"servo 2 keeps 74 in Present_Voltage, 99 was written"):
        bus.write(2, PRESENT_VOLTAGE, 99)


def test_a_servo_can_be_given_another_id(bus: ServoBus, emulated: EmulatedBus) -> None:
    bus.write(6, LOCK, 0)
    bus.write(6, ID, 20)
    assert bus.ping(20, 10) is not None
    assert bus.ping(6) is None
    emulated.servo(20).set(RESPONSE_LEVEL, 0)
    bus.write(20, ID, 21)
    assert bus.ping(21, 10) is not None


def test_a_status_bit_is_no_failed_write(bus: ServoBus, emulated: EmulatedBus) -> None:
    bus.write(6, TORQUE_ENABLE, 1)
    emulated.servo(6).change(status=0x21)
    assert bus.write(6, TORQUE_ENABLE, 0) is Status.of(0x21)
    assert not emulated.servo(6).is_torque_on
    assert bus.statistics.asked_again == 0


def test_status_bits_come_with_every_reading(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.servo(5).change(status=0x24)
    reading = bus.sync_read(PRESENT_POSITION, IDS)
    assert reading.statuses == {s: Status.OVERHEAT | Status.OVERLOAD if s == 5 else Status.NONE for s in IDS}
    assert reading.values[5] == 2048
    assert bus.statistics.servos[5].status == Status.OVERHEAT | Status.OVERLOAD


def test_a_value_that_does_not_fit_is_refused_before_anything_is_sent(bus: ServoBus) -> None:
    before = bus.statistics.requests
    with pytest.raises(UsageError, match="Goal_Position cannot be 40000"):
        bus.sync_write(GOAL_POSITION, {1: 5, 2: 40000})
    with pytest.raises(UsageError, match="P_Coefficient cannot be 256"):
        bus.write(1, P_GAIN, 256)
    assert bus.statistics.requests == before


@pytest.mark.parametrize("servo", [-1, 254, 300])
def test_an_id_that_no_servo_can_have_is_refused(servo: int, bus: ServoBus) -> None:
    with pytest.raises(UsageError, match=f"no servo can have the id {servo}, expected 0 to 253"):
        bus.read(servo, P_GAIN)
    with pytest.raises(UsageError, match=f"no servo can have the id {servo}"):
        bus.write(servo, P_GAIN, 1)
    with pytest.raises(UsageError, match=f"no servo can have the id {servo}"):
        bus.sync_read(PRESENT_POSITION, [1, servo])
    with pytest.raises(UsageError, match=f"no servo can have the id {servo}"):
        bus.sync_write(GOAL_POSITION, {servo: 1})


def test_more_servos_than_a_packet_holds_are_refused(bus: ServoBus) -> None:
    with pytest.raises(UsageError, match="too many servos"):
        bus.sync_read(PRESENT_POSITION, range(250))
    assert bus.ping(1, 10) is not None


def test_a_bus_that_is_not_open_says_so(emulated: EmulatedBus) -> None:
    bus = ServoBus(emulated.port)
    with pytest.raises(DeviceError, match="is not open"):
        bus.ping(1)
    with bus, pytest.raises(DeviceError, match="is open already"):
        bus.open()
    bus.close()
    assert not bus.is_open


def test_the_port_is_free_after_closing(emulated: EmulatedBus) -> None:
    for _ in range(3):
        with ServoBus(emulated.port) as bus:
            assert bus.ping(1, 10) is not None


def test_threads_take_turns(bus: ServoBus, emulated: EmulatedBus) -> None:
    for servo in IDS:
        emulated.servo(servo).change(angle=1000 + servo)
    wrong: list[object] = []

    def ask(servo: int) -> None:
        for _ in range(60):
            value = bus.read(servo, PRESENT_POSITION)
            if value != 1000 + servo:
                wrong.append(value)

    threads = [Thread(target=ask, args=(servo,)) for servo in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert bus.statistics.asked_again == 0


def test_an_interrupted_exchange_does_not_block_the_next(bus: ServoBus, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(least: int) -> bool:
        raise KeyboardInterrupt

    port = bus._exchanges.open_port
    with monkeypatch.context() as patch:
        patch.setattr(port, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            bus.write(1, P_GAIN, 16)
        with pytest.raises(KeyboardInterrupt):
            bus.read(1, MAX_ACCELERATION)
    bus.write(1, TORQUE_ENABLE, 0)
    assert bus.read(1, P_GAIN) == 16


def test_a_silent_servo_is_named(bus: ServoBus) -> None:
    with pytest.raises(ServoSilentError, match=r"servo 9 does not answer \(reading P_Coefficient\)") as caught:
        bus.read(9, P_GAIN, tries=2)
    assert "supply" in str(caught.value.hint)
    with pytest.raises(ServoSilentError, match=r"servo 9 does not answer \(writing P_Coefficient\)"):
        bus.write(9, P_GAIN, 16, tries=1)
    assert bus.statistics.servos[9].asked_again == 1
