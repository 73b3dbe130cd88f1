"""Finding servos."""

from __future__ import annotations

from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.registers import BAUD_RATE, PRESENT_TEMPERATURE
from lerotool.devices.servos.scan import Found, examine, scan, scan_bus
from lerotool.testing.servo_bus import EmulatedBus


def test_servos_are_found_at_their_speeds() -> None:
    with EmulatedBus([1, 2, 4]) as emulated:
        emulated.servo(2).set(BAUD_RATE, 1)
        asked: list[tuple[int, int]] = []
        found = scan(emulated.port, range(6), (1_000_000, 500_000), lambda *step: asked.append(step))
    assert found == (
        Found(1, 1_000_000, 777, is_crowded=False),
        Found(4, 1_000_000, 777, is_crowded=False),
        Found(2, 500_000, 777, is_crowded=False),
    )
    assert asked == [(speed, servo) for speed in (1_000_000, 500_000) for servo in range(6)]


def test_two_servos_with_one_id_are_told_from_one() -> None:
    with EmulatedBus([1, 1, 2]) as emulated:
        emulated.servo(1, place=1).change(angle=1500)
        with ServoBus(emulated.port) as bus:
            assert [(f.id, f.is_crowded) for f in scan_bus(bus, range(1, 3))] == [(1, True), (2, False)]


def test_two_servos_that_differ_in_temperature_only_are_told_from_one() -> None:
    with EmulatedBus([1, 1]) as emulated:
        emulated.servo(1, place=1).set(PRESENT_TEMPERATURE, 35)
        with ServoBus(emulated.port) as bus:
            found = examine(bus, 1)
        assert found is not None
        assert found.is_crowded


def test_a_line_that_fails_now_and_then_is_no_crowd(emulated: EmulatedBus, bus: ServoBus) -> None:
    emulated.order("corrupt", servo=1, count=4)
    assert examine(bus, 1) == Found(1, 1_000_000, None, is_crowded=False)


def test_an_id_that_nobody_has_is_not_found(bus: ServoBus) -> None:
    assert examine(bus, 9) is None


def test_the_last_id_is_found_after_all_those_that_nobody_has() -> None:
    with EmulatedBus([253]) as emulated, ServoBus(emulated.port) as bus:
        assert [found.id for found in scan_bus(bus, range(248, 254))] == [253]
