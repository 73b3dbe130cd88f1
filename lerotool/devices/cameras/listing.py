"""Which cameras this computer has, what they are called, and what they can do."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av

from lerotool.devices.cameras.backends import AVFOUNDATION, CameraDevice, choose_backend
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceNotFoundError, UsageError
from lerotool.media.pyav import list_input_devices

NAMED = "usb:"
"""How a source begins that is a camera's name."""


def list_cameras() -> tuple[CameraDevice, ...]:
    """Return the cameras of this computer."""
    if sys.platform == "linux":
        from lerotool.devices.cameras.v4l2 import list_devices

        return list_devices()
    return _list_named(choose_backend().format)


def _list_named(backend: str) -> tuple[CameraDevice, ...]:
    """List the cameras of a system that knows them by names of its own.

    On Windows libav's name of a camera is its unique one (``@device_pnp_…``); on macOS it is a number.
    """
    try:
        devices = list_input_devices(backend)
    except (av.error.FFmpegError, ValueError) as error:
        raise DeviceError(f"the cameras of this computer cannot be listed: {error}") from error
    found = [device for device in devices if not device.media_types or "video" in device.media_types]
    names = [device.description for device in found]
    ids = _ids_of(backend, names)
    twins = Counter(names)
    return tuple(
        CameraDevice(
            name, device.name, NAMED + (name if twins[name] == 1 else unique_id or device.name), unique_id=unique_id
        )
        for name, device, unique_id in zip(names, found, ids, strict=True)
    )


def _ids_of(backend: str, names: Sequence[str]) -> tuple[str | None, ...]:
    """Return the system's own id of each camera, where it is another than libav's name."""
    if backend != AVFOUNDATION.format:
        return (None,) * len(names)
    from lerotool.devices.cameras import mac_ids

    return mac_ids.match_ids(names, mac_ids.read_ids(mac_ids.report()))


def find_camera(name: str, source: str) -> str:
    """Return the system's path of what a person calls a camera: an index, a path, or ``usb:`` and a name or an id."""
    if source.lower().startswith(NAMED):
        return _find_named(name, source[len(NAMED) :].strip()).path
    if not source.isdecimal():
        return source
    if sys.platform == "linux":
        return f"/dev/video{int(source)}"  # what OpenCV and LeRobot mean by it
    cameras = list_cameras()
    if int(source) >= len(cameras):
        raise DeviceNotFoundError(f"camera {name!r}: camera number {source} not found", hint=describe_cameras())
    return cameras[int(source)].path


def _find_named(name: str, wanted: str) -> CameraDevice:
    cameras = list_cameras()
    exact = [camera for camera in cameras if wanted in (camera.name, camera.path, camera.unique_id)]
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
