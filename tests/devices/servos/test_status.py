"""The status byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.servos.answers import Status


@given(st.integers(0, 255))
def test_every_byte_is_told_in_one_text_per_bit_that_means_something(raw: int) -> None:
    status = Status.of(raw)
    assert int(status) == raw & 0b0010_1111
    assert len(status.describe()) == (raw & 0b0010_1111).bit_count()


def test_several_bits_are_all_told() -> None:
    assert Status.of(0x21).describe() == ("supply voltage out of range", "overloaded")


def test_the_bit_that_some_firmware_sets_with_the_torque_is_no_fault() -> None:
    assert not Status.of(0x10)
