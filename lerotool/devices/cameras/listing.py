"""Which cameras this computer has, what they are called, and what they can do."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import av

from lerotool.devices.cameras.backends import choose_backend
from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.errors import DeviceError, DeviceNotFoundError, UsageError

NAMED = "usb:"
"""How a source begins that is a camera's name."""


@dataclass(frozen=True, slots=True)
class CameraMode:
    """One way in which a camera can deliver pictures.

    Attributes:
        format: ``mjpeg``, ``h264``, or the four-letter code of another format, ``YUYV`` for example.
        width: pixels.
        height: pixels.
        rates: pictures a second, highest first; empty if the camera does not tell.
    """

    format: str
    width: int
    height: int
    rates: tuple[float, ...] = ()

    @property
    def input_format(self) -> InputFormat:
        """What to ask for to get this mode."""
        return InputFormat(self.format) if self.format in tuple(InputFormat) else InputFormat.RAW

    def __str__(self) -> str:
        rates = f" at {', '.join(f'{rate:g}' for rate in self.rates)}" if self.rates else ""
        return f"{self.format} {self.width}x{self.height}{rates}"


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera that is plugged in.

    Attributes:
        name: as its maker calls it; several may have the same.
        path: what the system calls it as long as it is plugged in.
        stable_path: what to write as the source of a camera: it means this camera also after it was unplugged or the
            computer was switched off. Of cameras that cannot be told apart it means the USB socket.
        modes: what it can deliver; empty where the system does not tell.
    """

    name: str
    path: str
    stable_path: str
    modes: tuple[CameraMode, ...] = ()


def list_cameras() -> tuple[CameraDevice, ...]:
    """Return the cameras of this computer.

    Raises:
        DeviceError: cameras of this system are not supported.
    """
    if sys.platform == "linux":
        from lerotool.devices.cameras.v4l2 import list_devices

        return list_devices()
    return _list_named(choose_backend().format)


def _list_named(backend: str) -> tuple[CameraDevice, ...]:
    """List the cameras of a system that knows them by names of its own, unique ones on Windows."""
    try:
        devices = av.enumerate_input_devices(backend)
    except (av.error.FFmpegError, ValueError) as error:
        raise DeviceError(f"the cameras of this computer cannot be listed: {error}") from error
    found = [device for device in devices if not device.media_types or "video" in device.media_types]
    names = Counter(device.description for device in found)
    return tuple(
        CameraDevice(
            device.description,
            device.name,
            NAMED + (device.description if names[device.description] == 1 else device.name),
        )
        for device in found
    )


def find_camera(name: str, source: str) -> str:
    """Return the system's path of what a person calls a camera: an index, a path, or ``usb:NAME``.

    Args:
        name: of the camera in the recording, for messages.
        source: of its spec.

    Raises:
        DeviceNotFoundError: no camera is called so; the hint lists what is there.
        UsageError: several are.
    """
    if source.lower().startswith(NAMED):
        return _find_named(name, source[len(NAMED) :].strip()).path
    if not source.isdecimal():
        return source
    if sys.platform == "linux":
        return f"/dev/video{int(source)}"  # what OpenCV and LeRobot mean by it
    cameras = list_cameras()
    if int(source) >= len(cameras):
        raise DeviceNotFoundError(f"camera {name!r}: there is no camera number {source}", hint=describe_cameras())
    return cameras[int(source)].path


def _find_named(name: str, wanted: str) -> CameraDevice:
    cameras = list_cameras()
    exact = [camera for camera in cameras if wanted in (camera.name, camera.path)]
    found = exact or [camera for camera in cameras if wanted and wanted.casefold() in camera.name.casefold()]
    if not found:
        raise DeviceNotFoundError(f"camera {name!r}: no camera is called {wanted!r}", hint=describe_cameras())
    if len(found) > 1:
        listed = "; ".join(f"{camera.name} is {camera.stable_path}" for camera in found)
        raise UsageError(f"camera {name!r}: {len(found)} cameras are called {wanted!r}", hint=listed)
    return found[0]


def pin_camera(spec: CameraSpec) -> CameraSpec:
    """Return the spec with a source that means the same camera after it was plugged in again.

    A source that no listed camera has stays as it is.

    Raises:
        DeviceError: as ``find_camera``.
    """
    path = find_camera(spec.name, spec.source)
    stable = next((camera.stable_path for camera in list_cameras() if camera.path == path), spec.source)
    return replace(spec, source=stable)


def describe_cameras(path: str | None = None) -> str:
    """Return what is plugged in, in words; of one camera, if it is named, what it can do."""
    try:
        cameras = list_cameras()
    except DeviceError as error:
        return str(error)
    for camera in cameras:
        if path is not None and Path(path).resolve() == Path(camera.path).resolve() and camera.modes:
            return describe_modes(camera)
    if not cameras:
        return "this computer sees no camera; check the cable"
    return "plugged in: " + "; ".join(f"{camera.name} ({camera.stable_path})" for camera in cameras)


def describe_modes(camera: CameraDevice) -> str:
    """Return what a camera can deliver, in words."""
    return f"{camera.name} delivers " + "; ".join(map(str, camera.modes)) if camera.modes else "ask for another size"
