"""Who is on a bus."""

from __future__ import annotations

from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.registers import BAUD_RATE, PRESENT_TEMPERATURE
from lerotool.setup.listening import Found, hear, scan
from lerotool.testing.servo_bus import EmulatedBus


def test_servos_are_found_at_their_speeds() -> None:
    with EmulatedBus([1, 2, 4]) as emulated:
        emulated.servo(2).set(BAUD_RATE, 1)
        told: list[tuple[str, float]] = []
        found = scan(emulated.port, range(6), (1_000_000, 500_000), lambda *step: told.append(step))
    assert found == (
        Found(1, 1_000_000, 777, is_crowded=False),
        Found(4, 1_000_000, 777, is_crowded=False),
        Found(2, 500_000, 777, is_crowded=False),
    )
    texts = [f"listening at {speed} baud" for speed in (1_000_000, 500_000) for _ in range(6)]
    assert told == [(text, done / 12) for done, text in enumerate(texts)]


def test_two_servos_with_one_id_are_told_from_one() -> None:
    with EmulatedBus([1, 1, 2]) as emulated:
        emulated.servo(1, place=1).change(angle=1500)
        found = scan(emulated.port, range(1, 3), [1_000_000])
    assert [(f.id, f.is_crowded) for f in found] == [(1, True), (2, False)]


def test_two_servos_that_differ_in_temperature_only_are_told_from_one() -> None:
    with EmulatedBus([1, 1]) as emulated:
        emulated.servo(1, place=1).set(PRESENT_TEMPERATURE, 35)
        with ServoBus(emulated.port) as bus:
            (found,) = hear(bus, 1)
        assert found.is_crowded


def test_a_line_that_fails_now_and_then_is_no_crowd() -> None:
    with EmulatedBus() as emulated, ServoBus(emulated.port) as bus:
        emulated.order("corrupt", servo=1, count=4)
        assert list(hear(bus, 1)) == [Found(1, 1_000_000, None, is_crowded=False)]


def test_an_id_that_nobody_has_is_not_found() -> None:
    with EmulatedBus() as emulated, ServoBus(emulated.port) as bus:
        assert list(hear(bus, 9)) == []


def test_the_last_id_is_found_after_all_those_that_nobody_has() -> None:
    with EmulatedBus([253]) as emulated:
        assert [found.id for found in scan(emulated.port, range(248, 254), [1_000_000])] == [253]
