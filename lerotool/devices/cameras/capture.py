"""Cameras of this computer, through libav's input devices; and in words why one cannot be opened or has gone."""

from __future__ import annotations

import errno
import sys
from functools import partial
from pathlib import Path
from threading import Event

import av
from av.container import InputContainer

from lerotool.devices.cameras.backends import Backend, choose_backend
from lerotool.devices.cameras.demuxed import DemuxedSource, read_format, read_true_size
from lerotool.devices.cameras.listing import describe_cameras, find_camera
from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.devices.cameras.v4l2 import set_controls
from lerotool.devices.holders import list_holders
from lerotool.errors import DeviceBusyError, DeviceError, DeviceLostError, DeviceNotFoundError, DevicePermissionError
from lerotool.media.format import StreamCodec, StreamFormat

_RATE_TOLERANCE = 0.02
_GONE = frozenset({errno.ENODEV, errno.ENXIO, errno.EIO})
_FINAL = frozenset(
    {errno.EBUSY, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTTY, errno.ENOSPC}
)


def open_source(spec: CameraSpec, stop: Event) -> DemuxedSource:
    """Open a camera of this computer."""
    return open_capture(spec, choose_backend(), find_camera(spec.name, spec.source), stop)


def open_capture(spec: CameraSpec, backend: Backend, path: str, stop: Event) -> DemuxedSource:
    """Open what a backend knows under a path; errors as those of ``open_source``."""
    where = f"camera {spec.name!r}: {path}"
    if not backend.has_controls and (given := spec.controls.given()):
        raise DeviceError(
            f"{where}: the {backend.format} driver has no {' and no '.join(given)} that lerotool can set",
            hint="remove it, and set it in the camera's own program",
        )

    if backend.has_controls:
        set_controls(spec, path)
    container, explain = _open(spec, backend, path), partial(explain_loss, path)
    first = None
    try:
        stream = read_format(spec, where, container)
        if stream.codec is StreamCodec.MJPEG:
            stream, first = read_true_size(container, stream, explain)
        notes = _compare(spec, where, path, stream, container)
    except DeviceError:
        first = None  # it may lie in the driver's memory
        container.close()
        raise
    return DemuxedSource(container, stream, notes, stop, explain, first)


def _open(spec: CameraSpec, backend: Backend, path: str) -> InputContainer:
    refusal: av.error.FFmpegError | None = None
    for options in backend.attempts(spec):
        try:
            return av.open(backend.prefix + path, "r", format=backend.format, options=options)
        except av.error.FFmpegError as error:
            if error.errno in _FINAL:  # asking for something else is useless
                refusal = error
                break
            refusal = refusal or error
        except ValueError as error:
            raise DeviceError(f"this PyAV has no {backend.format}", hint="install its wheel from PyPI") from error
    assert refusal is not None, "a backend has at least one attempt"
    raise explain_refusal(spec, path, refusal) from refusal


def _compare(
    spec: CameraSpec, where: str, path: str, stream: StreamFormat, container: InputContainer
) -> tuple[str, ...]:
    """Return what differs from what was asked for."""
    if spec.size not in (None, (stream.width, stream.height)):
        raise DeviceError(
            f"{where} delivers {stream.width}x{stream.height}, asked for {spec.width}x{spec.height}",
            hint=describe_cameras(path),
        )
    notes = []
    if spec.fps is not None and abs(stream.fps - spec.fps) > _RATE_TOLERANCE * spec.fps:
        notes.append(f"{where} delivers {stream.fps:g} pictures a second, asked for {spec.fps:g}")
    if stream.codec is StreamCodec.RAW and spec.input_format is not InputFormat.RAW:
        layout = container.streams.video[0].codec_context.pix_fmt
        notes.append(f"{where} delivers uncompressed pictures ({layout}), which take some ten times the space of MJPEG")
    return tuple(notes)


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
            return DeviceNotFoundError(f"{where} is not a camera", hint=describe_cameras())
        case errno.ENOSPC:
            return DeviceError(
                f"{where}: there is not enough USB bandwidth left",
                hint="ask for mjpeg, a smaller size or rate, or plug it into another USB controller (a hub is no help)",
            )
        case _:
            wanted = "any size" if spec.size is None else f"{spec.width}x{spec.height}"
            wanted += "" if spec.fps is None else f" at {spec.fps:g} pictures a second"
            wanted += f" as {spec.input_format}" if spec.input_format else ""
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


def _permission_hint() -> str:
    if sys.platform == "linux":
        return 'run "sudo usermod -aG video $USER" and log in again'
    if sys.platform == "darwin":
        return "allow the terminal to use the camera: System Settings, Privacy & Security, Camera"
    return "allow desktop programs to use the camera: Settings, Privacy, Camera"
