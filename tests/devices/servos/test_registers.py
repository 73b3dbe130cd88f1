"""The control table against Feetech's documentation and an independent formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.devices.servos import registers as table
from lerotool.devices.servos.registers import REGISTERS, Register
from lerotool.errors import UsageError

any_register = st.sampled_from(list(REGISTERS.values()))

# LeRobot's name, address, bytes, bit of the sign: Feetech's memory table and LeRobot 0.6.1's.
DOCUMENTED = {
    "Firmware_Major_Version": (0, 1, None),
    "Firmware_Minor_Version": (1, 1, None),
    "Model_Number": (3, 2, None),
    "ID": (5, 1, None),
    "Baud_Rate": (6, 1, None),
    "Return_Delay_Time": (7, 1, None),
    "Response_Status_Level": (8, 1, None),
    "Min_Position_Limit": (9, 2, None),
    "Max_Position_Limit": (11, 2, None),
    "Max_Torque_Limit": (16, 2, None),
    "Phase": (18, 1, None),
    "P_Coefficient": (21, 1, None),
    "D_Coefficient": (22, 1, None),
    "I_Coefficient": (23, 1, None),
    "Protection_Current": (28, 2, None),
    "Homing_Offset": (31, 2, 11),
    "Operating_Mode": (33, 1, None),
    "Overload_Torque": (36, 1, None),
    "Torque_Enable": (40, 1, None),
    "Acceleration": (41, 1, None),
    "Goal_Position": (42, 2, 15),
    "Goal_Velocity": (46, 2, 15),
    "Torque_Limit": (48, 2, None),
    "Lock": (55, 1, None),
    "Present_Position": (56, 2, 15),
    "Present_Velocity": (58, 2, 15),
    "Present_Load": (60, 2, 10),
    "Present_Voltage": (62, 1, None),
    "Present_Temperature": (63, 1, None),
    "Status": (65, 1, None),
    "Moving": (66, 1, None),
    "Present_Current": (69, 2, None),
    "Maximum_Acceleration": (85, 1, None),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_register_lies_where_it_is_documented(name: str) -> None:
    register = REGISTERS[name]
    assert (register.address, register.size, register.sign_bit) == DOCUMENTED[name]


def test_registers_do_not_overlap() -> None:
    taken = [byte for r in REGISTERS.values() for byte in range(r.address, r.address + r.size)]
    assert len(taken) == len(set(taken))
    assert max(taken) < table.TABLE_SIZE


@given(any_register, st.data())
def test_what_is_encoded_is_decoded(register: Register, data: st.DataObject) -> None:
    value = data.draw(st.integers(register.minimum, register.maximum))
    encoded = register.encode(value)
    assert len(encoded) == register.size
    assert register.decode(encoded) == value


@given(any_register, st.data())
def test_a_sign_is_a_bit_beside_the_magnitude(register: Register, data: st.DataObject) -> None:
    raw = data.draw(st.binary(min_size=register.size, max_size=register.size))
    bits = [raw[i // 8] >> (i % 8) & 1 for i in range(8 * register.size)]
    magnitude_bits = bits if register.sign_bit is None else bits[: register.sign_bit]
    magnitude = sum(bit * 2**i for i, bit in enumerate(magnitude_bits))
    is_negative = register.sign_bit is not None and bits[register.sign_bit]
    assert register.decode(raw) == (-magnitude if is_negative else magnitude)


def test_a_homing_offset_of_minus_300_is_written_as_feetech_wants_it() -> None:
    assert table.HOMING_OFFSET.encode(-300) == bytes((0x2C, 0x09))
    assert table.PRESENT_POSITION.decode(bytes((0x22, 0x81))) == -290


@given(any_register, st.integers())
def test_a_value_outside_is_refused_by_name(register: Register, value: int) -> None:
    if register.minimum <= value <= register.maximum:
        return
    with pytest.raises(UsageError, match=f"{register.name} cannot be {value}, expected {register.minimum} to"):
        register.encode(value)


def test_an_offset_of_half_a_turn_does_not_fit() -> None:
    with pytest.raises(UsageError, match="Homing_Offset cannot be 2048, expected -2047 to 2047"):
        table.HOMING_OFFSET.encode(2048)


def test_scales_turn_counts_into_units() -> None:
    assert table.PRESENT_POSITION.scale * 4096 == 360
    assert 74 * table.PRESENT_VOLTAGE.scale == pytest.approx(7.4)
    assert 250 * table.PROTECTION_CURRENT.scale == pytest.approx(1.625)
