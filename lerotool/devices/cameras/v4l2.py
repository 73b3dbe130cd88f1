"""The cameras of a Linux computer: names from sysfs, stable names from udev's links, modes and controls of the kernel.

Numbers, layouts and units: linux/videodev2.h and linux/v4l2-controls.h. A camera has several nodes in ``/dev``; those
for metadata deliver no pictures. It keeps what was set until it is set otherwise or unplugged.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lerotool.devices.cameras.backends import CameraDevice, CameraMode
from lerotool.devices.cameras.spec import AUTO, CameraSpec
from lerotool.errors import DeviceError

Ioctl = Callable[[int, int, bytearray], object]
Ask = Callable[[int, bytearray], object]
"""Asks one opened node: with a request's number, and what becomes its answer."""
system_ioctl: Ioctl | None = None
if sys.platform != "win32":
    import fcntl

    system_ioctl = fcntl.ioctl
_QUERY_CAPABILITIES = 0x80685600
_ENUM_FORMATS = 0xC0405602
_ENUM_SIZES = 0xC02C564A
_ENUM_INTERVALS = 0xC034564B
_CAPABILITIES = struct.Struct("16s32s32sIII12x")
_FORMAT = struct.Struct("III32sI16x")
_SIZE = struct.Struct("IIIII24x")
_INTERVAL = struct.Struct("IIIIIII24x")
_CAPTURE = 0x1
_HAS_DEVICE_CAPABILITIES = 0x80000000
_VIDEO_CAPTURE_BUFFER = 1
_DISCRETE = 1
_USUAL_SIZES = ((640, 480), (1280, 720), (1920, 1080))
_NAMES = {b"MJPG": "mjpeg", b"JPEG": "mjpeg", b"H264": "h264"}
_MOST = 512
"""No camera has that many modes; a driver that never says "no more" is left."""

Query = Callable[[Path], "tuple[CameraMode, ...] | None"]
_QUERY = 0xC0445624
_GET = 0xC008561B
_SET = 0xC008561C
_DESCRIPTION = struct.Struct("II32siiiiI8x")
_VALUE = struct.Struct("Ii")
_DISABLED = 0x1
_ABSENT = (errno.EINVAL, errno.ENOTTY)


@dataclass(frozen=True, slots=True)
class _Control:
    """A number of the driver, and the switch that leaves it to the camera."""

    number: int
    per_unit: int  # how many of the driver's steps are one of the setting's unit
    unit: str
    switch: int
    by_hand: int  # the switch's value where a number is to hold
    automatic: tuple[int, ...]  # its values that leave the number to the camera, best first

    def spell(self, steps: int) -> str:
        return f"{steps / self.per_unit:g}{self.unit}"


_CONTROLS = {
    # V4L2_EXPOSURE_MANUAL, then APERTURE_PRIORITY, which is what USB cameras have, and AUTO.
    "exposure": _Control(0x009A0902, 10, " ms", 0x009A0901, 1, (3, 0)),
    "gain": _Control(0x00980913, 1, "", 0x00980912, 0, (1,)),
    "white_balance": _Control(0x0098091A, 1, " K", 0x0098090C, 0, (1,)),
}


def list_devices(root: Path = Path("/"), query: Query | None = None) -> tuple[CameraDevice, ...]:
    """Return the cameras in the order of their nodes' numbers. Tests have a file system and modes of their own."""
    folders = [folder for folder in (root / "sys/class/video4linux").glob("video*") if folder.name[5:].isdecimal()]
    folders.sort(key=lambda folder: int(folder.name[5:]))
    asked = ((folder, (query or query_modes)(root / "dev" / folder.name)) for folder in folders)
    found = [(folder, modes, _identify(folder)) for folder, modes in asked if modes is not None]
    twins = Counter(identity for _, _, identity in found)
    return tuple(
        CameraDevice(
            _read(folder / "name") or folder.name,
            str(root / "dev" / folder.name),
            str(_choose_link(root, root / "dev" / folder.name, is_unique=twins[identity] == 1)),
            modes,
        )
        for folder, modes, identity in found
    )


def _identify(folder: Path) -> tuple[str, ...]:
    """Return what tells a camera from others: its USB numbers, and which of its nodes this is."""
    usb = (folder / "device").resolve().parent
    numbers = tuple(_read(usb / name) for name in ("idVendor", "idProduct", "serial"))
    return (*numbers, _read(folder / "name"), _read(folder / "index"))


def _choose_link(root: Path, path: Path, *, is_unique: bool) -> Path:
    """Return udev's name of a node: by-id means the camera, by-path its socket."""
    for kind in ("by-id", "by-path") if is_unique else ("by-path",):
        for link in sorted((root / "dev/v4l" / kind).glob("*")):
            if link.resolve() == path.resolve():
                return link
    return path


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace").strip()
    return ""


def query_modes(path: Path, ioctl: Ioctl | None = system_ioctl) -> tuple[CameraMode, ...] | None:
    """Return the modes of a node, also while another program uses it; None if it delivers no pictures.

    A node that may not be opened counts as a camera without known modes, so that it is listed.
    """
    if sys.platform == "win32" or ioctl is None:
        return None
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        return ()
    except OSError:
        return None
    try:
        ask = partial(ioctl, handle)
        return tuple(_iter_modes(ask)) if _delivers_pictures(ask) else None
    except OSError:
        return None
    finally:
        os.close(handle)


def _delivers_pictures(ask: Ask) -> bool:
    answer = bytearray(_CAPABILITIES.size)
    ask(_QUERY_CAPABILITIES, answer)
    _, _, _, _, of_all_nodes, of_this_node = _CAPABILITIES.unpack(answer)
    return bool((of_this_node if of_all_nodes & _HAS_DEVICE_CAPABILITIES else of_all_nodes) & _CAPTURE)


def _iter_modes(ask: Ask) -> Iterator[CameraMode]:
    for answer in _enumerate(ask, _ENUM_FORMATS, _FORMAT, _VIDEO_CAPTURE_BUFFER):
        code = _FORMAT.unpack(answer)[4]
        letters = code.to_bytes(4, "little")
        name = _NAMES.get(letters, letters.decode("ascii", "replace").strip())
        for width, height in _iter_sizes(ask, code):
            yield CameraMode(name, width, height, tuple(sorted(_iter_rates(ask, code, width, height), reverse=True)))


def _iter_sizes(ask: Ask, code: int) -> Iterator[tuple[int, int]]:
    for answer in _enumerate(ask, _ENUM_SIZES, _SIZE, code):
        _, _, kind, first, second = _SIZE.unpack(answer)
        if kind == _DISCRETE:
            yield first, second
        else:
            yield from _fit_usual_sizes(answer)
            return


def _fit_usual_sizes(answer: bytearray) -> Iterator[tuple[int, int]]:
    """Yield the usual sizes within a range: lowest and highest width and its step, then of the height."""
    low_width, high_width, step_width, low_height, high_height, step_height = struct.unpack_from("6I", answer, 12)
    for width, height in _USUAL_SIZES:
        across, down = width - low_width, height - low_height
        fits = low_width <= width <= high_width and low_height <= height <= high_height
        if fits and across % max(step_width, 1) == 0 and down % max(step_height, 1) == 0:
            yield width, height


def _iter_rates(ask: Ask, code: int, width: int, height: int) -> Iterator[float]:
    for answer in _enumerate(ask, _ENUM_INTERVALS, _INTERVAL, code, width, height):
        _, _, _, _, kind, numerator, denominator = _INTERVAL.unpack(answer)
        if numerator:
            yield round(denominator / numerator, 3)  # of a range: its shortest interval
        if kind != _DISCRETE:
            return


def _enumerate(ask: Ask, request: int, layout: struct.Struct, *wanted: int) -> Iterator[bytearray]:
    """Yield the kernel's answers for index 0, 1, … up to the last; none if the driver cannot be asked."""
    for index in range(_MOST):
        answer = bytearray(layout.size)
        struct.pack_into(f"{1 + len(wanted)}I", answer, 0, index, *wanted)
        if not _try(ask, request, answer, _ABSENT):
            return
        yield answer


def _try(ask: Ask, request: int, answer: bytearray, refusals: Container[int | None]) -> bool:
    """Ask, and return False if that is refused for one of these reasons."""
    try:
        ask(request, answer)
    except OSError as error:
        if error.errno in refusals:
            return False
        raise
    return True


def set_controls(spec: CameraSpec, path: str) -> None:
    """Set what a camera is asked to have at its node.

    DeviceError: the camera lacks a control, a value is out of its range, or the driver takes another one.
    """
    given = spec.controls.given()
    if not given or sys.platform == "win32" or system_ioctl is None:
        return
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return  # libav cannot open it either, and why is explained there
    try:
        for name, value in given.items():
            _set_control(f"camera {spec.name!r}: {path}", name, value, partial(system_ioctl, handle))
    except OSError as error:
        raise DeviceError(f"camera {spec.name!r}: {path} refuses {name} {value}: {error.strerror}") from error
    finally:
        os.close(handle)


def _set_control(where: str, name: str, value: float | str, ask: Ask) -> None:
    control, words = _CONTROLS[name], name.replace("_", " ")
    if value == AUTO:
        if not any(_write(ask, control.switch, mode) for mode in control.automatic):
            raise DeviceError(f"{where} has no automatic {words}", hint=f"remove {name}, or set a number")
        return
    found = bytearray(_DESCRIPTION.pack(control.number, 0, b"", 0, 0, 0, 0, 0))
    is_there = _try(ask, _QUERY, found, _ABSENT)
    _, _, _, low, high, step, _, flags = _DESCRIPTION.unpack(found)
    if not is_there or flags & _DISABLED:
        raise DeviceError(f"{where} has no {words} that can be set", hint=f"remove {name}")
    value, step = float(value), max(step, 1)
    number = round(value * control.per_unit)
    is_step = abs(value * control.per_unit - number) < 1e-6 and (number - low) % step == 0
    if not (low <= number <= high and is_step):
        steps = f" in steps of {control.spell(step)}" if step > 1 or control.per_unit > 1 else ""
        raise DeviceError(
            f"{where}: {name} is {value:g}, expected {control.spell(low)} to {control.spell(high)}{steps}",
            hint=f"change {name} in the robot's file",
        )
    _write(ask, control.switch, control.by_hand)  # a camera that has no such switch is never automatic
    _write(ask, control.number, number)
    answer = bytearray(_VALUE.pack(control.number, 0))
    ask(_GET, answer)
    if (taken := _VALUE.unpack(answer)[1]) != number:
        raise DeviceError(
            f"{where} took {words} {control.spell(taken)} in place of {control.spell(number)}",
            hint=f"set {name} to that, or remove it",
        )


def _write(ask: Ask, number: int, value: int) -> bool:
    """Set a control; return False if the camera lacks it or that value of it."""
    return _try(ask, _SET, bytearray(_VALUE.pack(number, value)), (*_ABSENT, errno.ERANGE))
