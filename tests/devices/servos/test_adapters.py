"""Ports by path and by serial number."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.devices.servos import adapters
from lerotool.devices.servos.adapters import Adapter, AdapterKind, find_adapter, find_port, list_adapters
from lerotool.errors import DeviceNotFoundError, UsageError
from lerotool.testing.servo_bus import EmulatedBus


@pytest.fixture
def two_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    ports = tmp_path / "ttyACM0", tmp_path / "ttyACM1"
    for port in ports:
        port.touch()
    monkeypatch.setenv(adapters.EXTRA_PORTS, f"{ports[0]}=5A68, {ports[1]}")
    return ports


def test_a_port_is_found_by_serial_number(two_ports: tuple[Path, Path]) -> None:
    assert find_port("serial:5A68") == str(two_ports[0])


def test_a_path_is_taken_as_it_is(two_ports: tuple[Path, Path]) -> None:
    assert find_port(str(two_ports[1])) == str(two_ports[1])


def test_ports_of_the_environment_are_listed_with_the_name_to_give_them(two_ports: tuple[Path, Path]) -> None:
    names = [adapter.name for adapter in list_adapters() if adapter.path in map(str, two_ports)]
    assert names == ["serial:5A68", str(two_ports[1])]


def test_a_port_that_is_gone_is_not_listed(two_ports: tuple[Path, Path]) -> None:
    two_ports[0].unlink()
    assert str(two_ports[0]) not in [adapter.path for adapter in list_adapters()]


def test_a_missing_port_is_told_with_what_is_plugged_in(two_ports: tuple[Path, Path]) -> None:
    for where, message in (
        ("serial:77", "no serial adapter has the number '77'"),
        ("/dev/ttyX9", "no serial port /dev"),
    ):
        with pytest.raises(DeviceNotFoundError, match=message) as caught:
            find_port(where)
        assert "serial:5A68" in str(caught.value.hint)
        assert str(two_ports[1]) in str(caught.value.hint)


def test_a_number_that_two_adapters_have_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        (tmp_path / name).touch()
    monkeypatch.setenv(adapters.EXTRA_PORTS, f"{tmp_path / 'a'}=1,{tmp_path / 'b'}=1")
    with pytest.raises(UsageError, match="2 serial adapters have the number '1'"):
        find_port("serial:1")


def test_nothing_plugged_in_is_told_as_such() -> None:
    assert "no serial adapter is plugged in" in adapters.describe_plugged_in(())


@pytest.mark.parametrize(
    ("vid", "pid", "kind"),
    [
        (0x1A86, 0x55D3, AdapterKind.CH343),
        (0x1A86, 0x7523, AdapterKind.CH340),
        (0x0403, 0x6001, AdapterKind.FTDI),
        (0x10C4, 0xEA60, AdapterKind.OTHER),
        (None, None, AdapterKind.OTHER),
    ],
)
def test_chips_are_known_by_their_usb_ids(vid: int | None, pid: int | None, kind: AdapterKind) -> None:
    assert adapters.classify(vid, pid) is kind


def test_an_adapter_is_found_through_a_link(two_ports: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "leader").symlink_to(two_ports[0])
    found = find_adapter(str(tmp_path / "leader"))
    assert found is not None
    assert found.serial_number == "5A68"


def test_an_adapter_tells_what_it_is() -> None:
    adapter = Adapter("/dev/ttyACM0", "5A68", 0x1A86, 0x55D3, "USB Single Serial", AdapterKind.CH343)
    assert adapter.describe() == "/dev/ttyACM0 (CH343, serial:5A68)"


def test_an_emulated_port_can_be_named_by_a_number(emulated: EmulatedBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(adapters.EXTRA_PORTS, f"{emulated.port}=EMU1")
    assert find_port("serial:EMU1") == emulated.port
    emulated.unplug()
    with pytest.raises(DeviceNotFoundError, match="no serial adapter has the number 'EMU1'"):
        find_port("serial:EMU1")
