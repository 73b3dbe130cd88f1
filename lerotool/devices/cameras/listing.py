"""Which cameras this computer has, what they are called, and what they can do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import av

from lerotool.devices.cameras.backends import AVFOUNDATION, CameraDevice, choose_backend
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceNotFoundError, UsageError
from lerotool.media.libav import list_input_devices

NAMED = "usb:"
"""How a source begins that is a camera's name."""
_PROFILER = ("/usr/sbin/system_profiler", "SPCameraDataType", "-json")
_LONGEST_S = 20


def list_cameras() -> tuple[CameraDevice, ...]:
    """Return the cameras of this computer."""
    if sys.platform == "linux":
        from lerotool.devices.cameras.v4l2 import list_devices

        return list_devices()
    return _list_named(choose_backend().format)


def _list_named(backend: str) -> tuple[CameraDevice, ...]:
    """List the cameras by libav's names: unique ones on Windows (``@device_pnp_…``), numbers on macOS."""
    try:
        devices = list_input_devices(backend)
    except (av.error.FFmpegError, ValueError) as error:
        raise DeviceError(f"the cameras of this computer cannot be listed: {error}") from error
    found = [device for device in devices if not device.media_types or "video" in device.media_types]
    names = [device.description for device in found]
    ids = _mac_ids(names) if backend == AVFOUNDATION.format else [None] * len(names)
    twins = Counter(names)
    return tuple(
        CameraDevice(
            name, device.name, NAMED + (name if twins[name] == 1 else unique_id or device.name), unique_id=unique_id
        )
        for name, device, unique_id in zip(names, found, ids, strict=True)
    )


def _mac_ids(names: Sequence[str]) -> list[str | None]:
    """Return what macOS itself calls each camera that libav lists, whatever is plugged in beside it.

    libav knows a camera by its number, which changes with what is plugged in. Both lists come from AVFoundation, so
    cameras of the same name are taken to be in the same order in both. Where the lists do not fit, None.
    """
    ids: dict[str, list[str]] = {}
    with suppress(ValueError, AttributeError, TypeError):
        for camera in json.loads(ask_macos())["SPCameraDataType"]:
            name, unique_id = camera.get("_name"), camera.get("spcamera_unique-id")
            if isinstance(name, str) and isinstance(unique_id, str) and unique_id:
                ids.setdefault(name, []).append(unique_id)
    left = {name: iter(known) for name, known in ids.items() if len(known) == names.count(name)}
    return [next(left[name]) if name in left else None for name in names]


def ask_macos() -> str:
    """Return what macOS says of its cameras, JSON; nothing where it does not answer."""
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(_PROFILER, capture_output=True, text=True, timeout=_LONGEST_S, check=True).stdout
    return ""


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
