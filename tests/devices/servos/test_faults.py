"""The bus while things go wrong: values stay right, what is missing is said, counts are those of what was injected."""

from __future__ import annotations

import time
from threading import Timer

import pytest

from lerotool.devices.servos.bus import ServoBus, ServoSilentError
from lerotool.devices.servos.registers import BAUD_RATE, P_GAIN, PRESENT_POSITION
from lerotool.devices.servos.serial_port import SerialPort
from lerotool.errors import DeviceError, DeviceLostError
from lerotool.testing.servo_bus import EmulatedBus
from tests.devices.servos.conftest import MARGIN_MS
from tests.patience import PATIENCE_S

IDS = range(1, 7)
LATE_S = 0.4
"""Later than the bus waits."""


def read_positions(bus: ServoBus) -> dict[int, int]:
    return bus.sync_read(PRESENT_POSITION, IDS).values


def wait_for_late(bus: ServoBus, expected: int) -> None:
    """Read until so many late answers were refused."""
    deadline = time.monotonic() + PATIENCE_S
    while bus.statistics.refused_late < expected and time.monotonic() < deadline:
        read_positions(bus)
    assert bus.statistics.refused_late == expected


@pytest.mark.parametrize("servo", [1, 3, 6])
@pytest.mark.parametrize(("fault", "counted"), [("lost", "silent"), ("cut", "damaged"), ("corrupt", "damaged")])
def test_an_answer_that_fails_once_is_asked_for_again_alone(
    fault: str, counted: str, servo: int, bus: ServoBus, emulated: EmulatedBus
) -> None:
    emulated.order(fault, servo=servo)
    reading = bus.sync_read(PRESENT_POSITION, IDS)
    assert reading.values == dict.fromkeys(IDS, 2048)
    assert list(reading.values) == list(IDS)
    statistics = bus.statistics
    assert {s: (t.asked_again, getattr(t, counted), t.silent + t.damaged) for s, t in statistics.servos.items()} == {
        s: (1, 1, 1) if s == servo else (0, 0, 0) for s in IDS
    }
    assert statistics.requests == emulated.counts()["requests"]
    assert {s: t.replies + t.damaged + t.silent for s, t in statistics.servos.items()} == emulated.counts()["replies"]


def test_answers_that_fail_twice_are_missing_and_the_others_kept(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.order("corrupt", servo=2, count=2)
    emulated.order("cut", servo=5, count=2)
    reading = bus.sync_read(PRESENT_POSITION, IDS)
    assert reading.silent == {2, 5}
    assert reading.values == {1: 2048, 3: 2048, 4: 2048, 6: 2048}
    assert set(reading.statuses) == {1, 3, 4, 6}
    assert read_positions(bus) == dict.fromkeys(IDS, 2048)


def test_a_late_answer_is_refused_and_counted(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.faults(late_s=LATE_S)
    emulated.order("late", servo=4)
    assert read_positions(bus) == dict.fromkeys(IDS, 2048)
    wait_for_late(bus, 1)
    assert bus.statistics.servos[4].silent == 1


def test_a_late_answer_that_came_between_two_requests_is_counted(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.faults(late_s=LATE_S)
    emulated.order("late", servo=4)
    read_positions(bus)
    deadline = time.monotonic() + PATIENCE_S
    while not bus._exchanges.open_port.ser.in_waiting and time.monotonic() < deadline:
        pass
    emulated.servo(4).change(angle=100)
    assert read_positions(bus)[4] == 100
    assert bus.statistics.refused_late == 1


@pytest.mark.parametrize("seed", range(3))
def test_random_faults_are_counted_servo_by_servo(seed: int) -> None:
    with EmulatedBus(seed=seed, lost=0.01, late=0.01, cut=0.02, corrupt=0.02, late_s=LATE_S) as emulated:
        for servo in IDS:
            emulated.servo(servo).change(angle=1000 + servo)
        with ServoBus(emulated.port, margin_ms=MARGIN_MS) as bus:
            for _ in range(60):
                for servo, value in read_positions(bus).items():
                    assert value == 1000 + servo
            emulated.faults(lost=0, late=0, cut=0, corrupt=0)
            injected = emulated.counts()["faults"]
            wait_for_late(bus, sum(injected["late"].values()))
            counts = emulated.counts()
            for servo, tally in bus.statistics.servos.items():
                missing = sum(injected[fault].get(servo, 0) for fault in injected)
                assert tally.damaged + tally.silent == missing
                assert tally.replies == counts["replies"][servo] - missing
            assert bus.statistics.requests == counts["requests"]
            assert bus.statistics.damaged == sum(sum(injected[fault].values()) for fault in ("cut", "corrupt"))


@pytest.mark.slow
def test_a_dead_servo_is_missed_and_the_others_are_not_slowed_down(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.kill(3)
    began = time.monotonic()
    for _ in range(50):
        reading = bus.sync_read(PRESENT_POSITION, IDS)
        assert reading.silent == {3}
        assert set(reading.values) == {1, 2, 4, 5, 6}
    first_readings, a_second = 4, 10
    assert bus.statistics.servos[3].silent <= first_readings + 1 + a_second * (time.monotonic() - began)
    emulated.revive(3)
    deadline = time.monotonic() + PATIENCE_S
    while bus.sync_read(PRESENT_POSITION, IDS).silent and time.monotonic() < deadline:
        pass
    assert not bus.sync_read(PRESENT_POSITION, IDS).silent


def test_a_bus_without_power_is_silent_and_wakes_up(bus: ServoBus, emulated: EmulatedBus) -> None:
    for servo in IDS:
        emulated.kill(servo)
    for _ in range(5):
        assert bus.sync_read(PRESENT_POSITION, IDS).silent == set(IDS)
    assert bus.statistics.asked_again == 0
    for servo in IDS:
        emulated.revive(servo)
    assert read_positions(bus) == dict.fromkeys(IDS, 2048)


def test_a_bus_that_is_silent_for_long_is_asked_no_more_than_can_be_told_apart(emulated: EmulatedBus) -> None:
    emulated.kill(1)
    with ServoBus(emulated.port, margin_ms=1.0) as bus:
        before, began = bus.statistics.requests, time.monotonic()
        for _ in range(100):
            assert bus.sync_read(PRESENT_POSITION, [1]).silent == {1}
        seconds = time.monotonic() - began
        assert bus.statistics.requests - before <= 32 * (1 + seconds)
        assert bus.statistics.servos[1].silent == 100


@pytest.mark.parametrize("fault", ["lost", "late", "cut", "corrupt"])
def test_a_write_whose_acknowledgement_fails_is_read_back(fault: str, bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.faults(late_s=LATE_S)
    emulated.order(fault, servo=2)
    bus.write(2, P_GAIN, 16)
    assert emulated.servo(2).read(P_GAIN) == 16
    assert len(emulated.writes()) == 1


def test_a_late_acknowledgement_does_not_confirm_the_next_write(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.faults(late_s=0.1)
    emulated.order("late", servo=2)
    bus.write(2, P_GAIN, 16, tries=1)
    emulated.kill(2)  # from here on only the late acknowledgement can come
    with pytest.raises(ServoSilentError, match="servo 2 does not answer"):
        bus.write(2, P_GAIN, 17, tries=1)


def test_after_an_unconfirmed_write_acknowledgements_alone_are_not_believed(
    bus: ServoBus, emulated: EmulatedBus
) -> None:
    emulated.order("lost", servo=2, count=2)
    with pytest.raises(ServoSilentError):
        bus.write(2, P_GAIN, 16, tries=1)
    requests = bus.statistics.requests
    bus.write(2, P_GAIN, 17)
    bus.write(2, P_GAIN, 18)
    assert bus.statistics.requests == requests + 4  # each write, and its reading back


def test_a_stall_leaves_one_reading_empty_and_no_position_behind(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.stall(LATE_S)
    assert bus.sync_read(PRESENT_POSITION, IDS).silent == set(IDS)
    emulated.servo(1).change(angle=100)
    deadline = time.monotonic() + PATIENCE_S
    while (reading := bus.sync_read(PRESENT_POSITION, IDS)).silent and time.monotonic() < deadline:
        pass
    assert reading.values[1] == 100
    assert emulated.counts()["stalls"] == 1


@pytest.mark.parametrize("rate", [30, 60, 100, 1000])
def test_no_position_is_older_than_its_reading_says(rate: float) -> None:
    # Position and time of the servos come from one clock: this holds however busy the machine is.
    steps_per_s = 2000.0
    with EmulatedBus(late=0.02, stall=0.1, stall_s=0.045, late_s=0.035, lost=0.01, cut=0.01, seed=5) as emulated:
        origin = time.monotonic()
        for servo in IDS:
            emulated.servo(servo).ramp(origin=origin, rate=steps_per_s)
        with ServoBus(emulated.port) as bus:
            got = 0
            began = time.monotonic()
            for tick in range(round(1.5 * min(rate, 100))):
                time.sleep(max(0.0, began + tick / rate - time.monotonic()))
                reading = bus.sync_read(PRESENT_POSITION, IDS)
                until = time.monotonic()
                got += len(reading.values)
                for value in reading.values.values():
                    # Half a step is rounding; without it, what was read just now would count as read a turn ago.
                    age = (until - origin - (value - 0.5) / steps_per_s) % (4096 / steps_per_s)
                    assert age <= until - reading.captured_ns / 1e9 + 1 / steps_per_s
        assert got
        assert bus.statistics.refused_late


def test_unplugged_is_told_by_every_call_and_the_port_comes_back(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.unplug()
    calls = [
        lambda: bus.sync_read(PRESENT_POSITION, IDS),
        lambda: bus.sync_write(P_GAIN, {1: 16}),
        lambda: bus.read(1, P_GAIN),
        lambda: bus.write(1, P_GAIN, 16),
        lambda: bus.ping(1),
        lambda: bus.set_baudrate(500_000),
    ]
    for call in calls:
        with pytest.raises(DeviceLostError, match="has gone"):
            call()
    assert not bus.is_open
    emulated.replug()
    bus.open()
    assert bus.ping(1, 10) is not None


@pytest.mark.parametrize("call", ["sync_read", "sync_write", "read", "write", "ping", "set_baudrate"])
def test_each_call_notices_by_itself_that_the_port_is_gone(call: str, bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.unplug()
    arguments = {
        "sync_read": (PRESENT_POSITION, IDS),
        "sync_write": (P_GAIN, {1: 16}),
        "read": (1, P_GAIN),
        "write": (1, P_GAIN, 16),
        "ping": (1,),
        "set_baudrate": (500_000,),
    }
    with pytest.raises(DeviceLostError, match=r"ttyACM0 has gone"):
        getattr(bus, call)(*arguments[call])
    bus.close()
    with pytest.raises(DeviceError, match="is not open"):
        bus.ping(1)


def test_unplugged_while_waiting_is_noticed_at_once(bus: ServoBus, emulated: EmulatedBus) -> None:
    for servo in IDS:
        emulated.kill(servo)
    bus._exchanges.open_port.margin_ms = 60_000  # without notice the wait would take a minute
    timer = Timer(0.1, emulated.unplug)
    timer.start()
    with pytest.raises(DeviceLostError):
        bus.sync_read(PRESENT_POSITION, IDS)
    timer.join()


def test_servos_at_another_speed_are_heard_at_theirs(bus: ServoBus, emulated: EmulatedBus) -> None:
    emulated.servo(1).set(BAUD_RATE, 1)
    assert bus.ping(1) is None
    bus.set_baudrate(500_000)
    assert bus.ping(1, 10) is not None
    assert bus.ping(2) is None


def test_two_servos_with_one_id_give_damaged_answers() -> None:
    with EmulatedBus([1, 2, 2]) as emulated:
        emulated.servo(2, place=1).change(angle=100)
        with ServoBus(emulated.port, margin_ms=MARGIN_MS) as bus:
            reading = bus.sync_read(PRESENT_POSITION, [1, 2])
            assert reading.silent == {2}
            assert bus.statistics.servos[2].damaged == 2
            with pytest.raises(ServoSilentError, match="servo 2 gives damaged answers only") as caught:
                bus.read(2, PRESENT_POSITION)
            assert "two servos may have this id" in str(caught.value.hint)


def test_an_adapter_that_hears_itself_is_refused(emulated: EmulatedBus) -> None:
    emulated.faults(echo=True)
    bus = ServoBus(emulated.port)
    with pytest.raises(DeviceError, match="sends back what is sent to it"):
        bus.open()
    assert not bus.is_open
    emulated.faults(echo=False)
    with bus:
        assert bus.ping(1, 10) is not None


def test_where_ports_cannot_be_selected_pyserial_waits(
    bus: ServoBus, emulated: EmulatedBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SerialPort, "_wait_posix", lambda port, left: port._wait_elsewhere(left, 1))
    assert read_positions(bus) == dict.fromkeys(IDS, 2048)
    emulated.order("lost", servo=6)
    emulated.order("corrupt", servo=2)
    assert read_positions(bus) == dict.fromkeys(IDS, 2048)
    assert (bus.statistics.damaged, bus.statistics.silent) == (1, 1)
    emulated.unplug()
    with pytest.raises(DeviceLostError):
        read_positions(bus)
