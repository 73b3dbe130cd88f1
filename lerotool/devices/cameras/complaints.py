"""Why a camera of this computer cannot be opened or has gone, in words, from libav's errors."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import av

from lerotool.devices.cameras.listing import describe_cameras
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.devices.holders import list_holders
from lerotool.errors import DeviceBusyError, DeviceError, DeviceLostError, DeviceNotFoundError, DevicePermissionError

_GONE = frozenset({errno.ENODEV, errno.ENXIO, errno.EIO})
_FINAL = frozenset(
    {errno.EBUSY, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTTY, errno.ENOSPC}
)


def is_final(error: av.error.FFmpegError) -> bool:
    """Whether asking the camera for something else is no use."""
    return error.errno in _FINAL


def explain_refusal(spec: CameraSpec, path: str, error: av.error.FFmpegError) -> DeviceError:
    """Return why a camera could not be opened."""
    where = f"camera {spec.name!r}: {path}"
    match error.errno:
        case errno.EBUSY:
            others = [str(holder) for holder in list_holders(path) if not holder.is_self]
            by = ", ".join(others) or "another program, or a second camera of this recording"
            return DeviceBusyError(f"{where} is in use by {by}", hint="end the other program")
        case errno.EACCES | errno.EPERM:
            return DevicePermissionError(f"{where} may not be opened by this user", hint=_permission_hint())
        case errno.ENOENT | errno.ENXIO:
            return DeviceNotFoundError(f"{where} is not there", hint=describe_cameras())
        case errno.ENODEV | errno.ENOTTY:
            return DeviceNotFoundError(f"{where} is no camera", hint=describe_cameras())
        case errno.ENOSPC:
            return DeviceError(
                f"{where}: there is not enough USB bandwidth left",
                hint="ask for mjpeg, a smaller size or rate, or plug it into another USB controller (a hub is no help)",
            )
        case _:
            wanted = _describe_wish(spec)
            hint = describe_cameras(path)
            if sys.platform == "darwin":  # which tells a missing permission as an input/output error
                hint = f"{hint}; {_permission_hint()}"
            return DeviceError(f"{where} refuses {wanted}: {error.strerror}", hint=hint)


def explain_loss(path: str, error: av.error.FFmpegError) -> DeviceError:
    """Return why a camera that was open cannot be read any more."""
    is_device = path.startswith("/dev/")
    if error.errno in _GONE or (is_device and not Path(path).exists()):
        return DeviceLostError(f"{path} was unplugged, or its USB connection broke off", hint="check its cable")
    return DeviceLostError(f"{path} cannot be read: {error.strerror}")


def _describe_wish(spec: CameraSpec) -> str:
    size = "any size" if spec.size is None else f"{spec.width}x{spec.height}"
    rate = "" if spec.fps is None else f" at {spec.fps:g} pictures a second"
    return f"{size}{rate}" + (f" as {spec.input_format}" if spec.input_format else "")


def _permission_hint() -> str:
    if sys.platform == "linux":
        return 'run "sudo usermod -aG video $USER" and log in again'
    if sys.platform == "darwin":
        return "allow the terminal to use the camera: System Settings, Privacy & Security, Camera"
    return "allow desktop programs to use the camera: Settings, Privacy, Camera"
