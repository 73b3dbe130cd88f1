"""Ports that cannot be opened, and what is said about it."""

from __future__ import annotations

import grp
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lerotool.devices.servos.bus import ServoBus
from lerotool.devices.servos.serial_port import UDEV_RULE
from lerotool.errors import DeviceBusyError, DeviceError, DeviceNotFoundError, DevicePermissionError
from lerotool.testing.servo_bus import EmulatedBus

DIALOUT = grp.getgrall()[-1].gr_gid
"""Any group but root's."""
_HOLD_WITHOUT_A_LOCK = """
import sys
import serial
with serial.Serial(sys.argv[1], 1_000_000):
    print("open", flush=True)
    sys.stdin.read()
"""
_HOLD = """
import sys
from lerotool.devices.servos.bus import ServoBus
with ServoBus(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another_process(port: str, program: str = _HOLD) -> Iterator[int]:
    command = [sys.executable, "-c", program, port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process.pid
        process.communicate("")


def test_a_port_that_another_process_has_is_refused_with_its_name(emulated: EmulatedBus) -> None:
    with held_by_another_process(emulated.port) as pid, pytest.raises(DeviceBusyError, match="is in use by") as caught:
        ServoBus(emulated.port).open()
    if sys.platform == "linux":
        assert f"({pid})" in str(caught.value)
        assert str(emulated.pid) not in str(caught.value)
    with ServoBus(emulated.port) as bus:
        assert bus.ping(1, 10) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_a_port_that_another_program_has_without_a_lock_is_refused(emulated: EmulatedBus) -> None:
    with (
        held_by_another_process(emulated.port, _HOLD_WITHOUT_A_LOCK) as pid,
        pytest.raises(DeviceBusyError, match="is in use by") as caught,
    ):
        ServoBus(emulated.port).open()
    assert f"({pid})" in str(caught.value)
    with ServoBus(emulated.port) as bus:
        assert bus.ping(1, 10) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_a_port_that_this_process_has_is_refused_too(bus: ServoBus, emulated: EmulatedBus) -> None:
    with pytest.raises(DeviceBusyError, match="in use by this program already"):
        ServoBus(emulated.port).open()
    assert bus.ping(1, 10) is not None


def test_a_port_that_the_user_may_not_open_is_told_with_what_to_do(emulated: EmulatedBus) -> None:
    Path(emulated.port).chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(emulated.port, -1, DIALOUT)
        Path(emulated.port).parent.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(DevicePermissionError, match="may not open") as caught:
            ServoBus(emulated.port).open()
    finally:
        if is_root:
            os.seteuid(0)
    assert UDEV_RULE in str(caught.value.hint)
    group = grp.getgrgid(Path(emulated.port).stat().st_gid).gr_name
    assert f"usermod -aG {group} $USER" in str(caught.value.hint)


def test_a_missing_port_is_not_found(emulated: EmulatedBus) -> None:
    emulated.unplug()
    with pytest.raises(DeviceNotFoundError, match=r"no serial port .*ttyACM0"):
        ServoBus(emulated.port).open()


def test_a_file_that_is_no_port_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DeviceError, match=r"notes\.txt cannot be opened as a serial port"):
        ServoBus(str(tmp_path / "notes.txt")).open()
    with pytest.raises(DeviceError, match="cannot be opened as a serial port"):
        ServoBus(str(tmp_path)).open()


def test_a_speed_that_the_sdk_does_not_know_is_refused(emulated: EmulatedBus) -> None:
    with pytest.raises(DeviceError, match="does not know the speed 76800"):
        ServoBus(emulated.port, baudrate=76_800).open()
    with ServoBus(emulated.port) as bus, pytest.raises(DeviceError, match="does not know the speed 123"):
        bus.set_baudrate(123)
