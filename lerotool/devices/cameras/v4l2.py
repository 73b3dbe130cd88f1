"""The cameras of a Linux computer: names from sysfs, stable names from udev's links, modes from the kernel.

Numbers and layouts: linux/videodev2.h. A camera has several nodes in ``/dev``; those for metadata deliver no pictures.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lerotool.devices.cameras.backends import CameraDevice, CameraMode
from lerotool.devices.cameras.ioctl import Ioctl, system_ioctl

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


@dataclass(frozen=True, slots=True)
class _Node:
    path: Path
    name: str
    identity: tuple[str, ...]
    modes: tuple[CameraMode, ...]


def list_devices(root: Path = Path("/"), query: Query | None = None) -> tuple[CameraDevice, ...]:
    """Return the cameras in the order of their nodes' numbers.

    Args:
        root: of the file system; for tests.
        query: gives the modes of a node, None if it delivers no pictures or is not to be opened.
    """
    nodes = list(_list_nodes(root, query or query_modes))
    twins = Counter(node.identity for node in nodes)
    return tuple(
        CameraDevice(
            node.name,
            str(node.path),
            str(_choose_link(root, node.path, is_unique=twins[node.identity] == 1)),
            node.modes,
        )
        for node in nodes
    )


def _list_nodes(root: Path, query: Query) -> Iterator[_Node]:
    folders = [folder for folder in (root / "sys/class/video4linux").glob("video*") if folder.name[5:].isdecimal()]
    for folder in sorted(folders, key=lambda folder: int(folder.name[5:])):
        path = root / "dev" / folder.name
        modes = query(path)
        if modes is not None:
            yield _Node(path, _read(folder / "name") or folder.name, _identify(folder), modes)


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
        if not _delivers_pictures(handle, ioctl):
            return None
        return tuple(_iter_modes(handle, ioctl))
    except OSError:
        return None
    finally:
        os.close(handle)


def _delivers_pictures(handle: int, ioctl: Ioctl) -> bool:
    answer = bytearray(_CAPABILITIES.size)
    ioctl(handle, _QUERY_CAPABILITIES, answer)
    _, _, _, _, of_all_nodes, of_this_node = _CAPABILITIES.unpack(answer)
    return bool((of_this_node if of_all_nodes & _HAS_DEVICE_CAPABILITIES else of_all_nodes) & _CAPTURE)


def _iter_modes(handle: int, ioctl: Ioctl) -> Iterator[CameraMode]:
    for answer in _enumerate(handle, ioctl, _ENUM_FORMATS, _FORMAT, _VIDEO_CAPTURE_BUFFER):
        code = _FORMAT.unpack(answer)[4]
        letters = code.to_bytes(4, "little")
        name = _NAMES.get(letters, letters.decode("ascii", "replace").strip())
        for width, height in _iter_sizes(handle, ioctl, code):
            yield CameraMode(name, width, height, tuple(sorted(_iter_rates(handle, ioctl, code, width, height))[::-1]))


def _iter_sizes(handle: int, ioctl: Ioctl, code: int) -> Iterator[tuple[int, int]]:
    for answer in _enumerate(handle, ioctl, _ENUM_SIZES, _SIZE, code):
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


def _iter_rates(handle: int, ioctl: Ioctl, code: int, width: int, height: int) -> Iterator[float]:
    for answer in _enumerate(handle, ioctl, _ENUM_INTERVALS, _INTERVAL, code, width, height):
        numerator, denominator = _INTERVAL.unpack(answer)[5:7]
        if numerator:
            yield round(denominator / numerator, 3)  # of a range: its shortest interval
        if _INTERVAL.unpack(answer)[4] != _DISCRETE:
            return


def _enumerate(handle: int, ioctl: Ioctl, request: int, layout: struct.Struct, *wanted: int) -> Iterator[bytearray]:
    """Yield the kernel's answers for index 0, 1, … until there are no more."""
    for index in range(_MOST):
        answer = bytearray(layout.size)
        struct.pack_into(f"{1 + len(wanted)}I", answer, 0, index, *wanted)
        try:
            ioctl(handle, request, answer)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):  # no more; the driver does not tell
                return
            raise
        yield answer
