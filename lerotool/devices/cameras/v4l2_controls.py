"""Exposure, gain and white balance of a Linux computer's camera, set in its driver before its pictures are asked for.

Numbers, layouts and units: linux/v4l2-controls.h and linux/videodev2.h. A camera keeps what was set until it is set
otherwise or unplugged.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from dataclasses import dataclass

from lerotool.devices.cameras.ioctl import Ioctl, system_ioctl
from lerotool.devices.cameras.spec import AUTO, CameraSpec
from lerotool.errors import DeviceError

_QUERY = 0xC0445624
_GET = 0xC008561B
_SET = 0xC008561C
_DESCRIPTION = struct.Struct("II32siiiiI8x")
_VALUE = struct.Struct("Ii")
_DISABLED = 0x1
_ABSENT = (errno.EINVAL, errno.ENOTTY)


@dataclass(frozen=True, slots=True)
class _Switch:
    """What leaves a control to the camera: its number, its value by hand, and those of automatics, best first."""

    number: int
    by_hand: int
    automatic: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Control:
    """A number of the driver: how many of its steps are one of the setting's unit."""

    number: int
    per_unit: int
    unit: str
    switch: _Switch


# V4L2_EXPOSURE_MANUAL, then APERTURE_PRIORITY, which is what USB cameras have, and AUTO.
_EXPOSURE = _Control(0x009A0902, 10, " ms", _Switch(0x009A0901, 1, (3, 0)))
_GAIN = _Control(0x00980913, 1, "", _Switch(0x00980912, 0, (1,)))
_WHITE_BALANCE = _Control(0x0098091A, 1, " K", _Switch(0x0098090C, 0, (1,)))
_CONTROLS = {"exposure": _EXPOSURE, "gain": _GAIN, "white_balance": _WHITE_BALANCE}


@dataclass(frozen=True, slots=True)
class _Range:
    low: int
    high: int
    step: int


def set_controls(spec: CameraSpec, path: str, ioctl: Ioctl | None = system_ioctl) -> None:
    """Set what a camera is asked to have.

    Args:
        spec: the camera as asked for.
        path: its node.
        ioctl: as ``fcntl.ioctl``; for tests.

    Raises:
        DeviceError: the camera lacks a control, a value is out of its range, or the driver takes another one.
    """
    given = spec.controls.given()
    if not given:
        return
    if sys.platform == "win32" or ioctl is None:
        return  # this kind of camera is Linux's
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return  # libav cannot open it either, and why is explained there
    try:
        for name, value in given.items():
            _Setter(f"camera {spec.name!r}: {path}", name, _CONTROLS[name], handle, ioctl).set(value)
    except OSError as error:
        raise DeviceError(f"camera {spec.name!r}: {path} refuses {name} {value}: {error.strerror}") from error
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class _Setter:
    where: str
    name: str
    control: _Control
    handle: int
    ioctl: Ioctl

    def set(self, value: float | str) -> None:
        words = self.name.replace("_", " ")
        switch = self.control.switch
        if value == AUTO:
            if not any(self._write(switch.number, mode) for mode in switch.automatic):
                raise DeviceError(f"{self.where} has no automatic {words}", hint=f"remove {self.name}, or set a number")
            return
        found = self._query(self.control.number)
        if found is None:
            raise DeviceError(f"{self.where} has no {words} that can be set", hint=f"remove {self.name}")
        value = float(value)
        steps = value * self.control.per_unit
        number = round(steps)
        is_step = abs(steps - number) < 1e-6 and (number - found.low) % found.step == 0
        if not (found.low <= number <= found.high and is_step):
            raise DeviceError(
                f"{self.where}: {self.name} is {value:g}, expected {self._describe(found)}",
                hint=f"change {self.name} in the robot's file",
            )
        self._write(switch.number, switch.by_hand)  # a camera that has no such switch is never automatic
        self._write(self.control.number, number)
        if (taken := self._read(self.control.number)) != number:
            raise DeviceError(
                f"{self.where} took {words} {self._spell(taken)} in place of {self._spell(number)}",
                hint=f"set {self.name} to that, or remove it",
            )

    def _describe(self, found: _Range) -> str:
        steps = f" in steps of {self._spell(found.step)}" if found.step > 1 or self.control.per_unit > 1 else ""
        return f"{self._spell(found.low)} to {self._spell(found.high)}{steps}"

    def _spell(self, number: int) -> str:
        return f"{number / self.control.per_unit:g}{self.control.unit}"

    def _query(self, number: int) -> _Range | None:
        """Return what a control takes; None if the camera lacks it."""
        answer = bytearray(_DESCRIPTION.size)
        _DESCRIPTION.pack_into(answer, 0, number, 0, b"", 0, 0, 0, 0, 0)
        try:
            self.ioctl(self.handle, _QUERY, answer)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        _, _, _, low, high, step, _, flags = _DESCRIPTION.unpack(answer)
        return None if flags & _DISABLED else _Range(low, high, max(step, 1))

    def _write(self, number: int, value: int) -> bool:
        """Set a control; return False if the camera lacks it or that value of it."""
        try:
            self.ioctl(self.handle, _SET, bytearray(_VALUE.pack(number, value)))
        except OSError as error:
            if error.errno in (*_ABSENT, errno.ERANGE):
                return False
            raise
        return True

    def _read(self, number: int) -> int:
        answer = bytearray(_VALUE.pack(number, 0))
        self.ioctl(self.handle, _GET, answer)
        return int(_VALUE.unpack(answer)[1])
