"""Cameras of this computer, through libav's input devices."""

from __future__ import annotations

from threading import Event

import av
from av.container import InputContainer

from lerotool.devices.cameras.backends import Backend, Options, choose_backend
from lerotool.devices.cameras.complaints import explain_loss, explain_refusal, is_final
from lerotool.devices.cameras.demuxed import DemuxedSource, differs_in_rate, read_format, read_true_size
from lerotool.devices.cameras.listing import describe_cameras, find_camera
from lerotool.devices.cameras.spec import CameraSpec, InputFormat
from lerotool.errors import DeviceError
from lerotool.media.format import StreamCodec, StreamFormat


def open_source(spec: CameraSpec, stop: Event) -> DemuxedSource:
    """Open a camera of this computer.

    Raises:
        DeviceNotFoundError: it is not there; the hint lists what is.
        DeviceBusyError: another program holds it.
        DevicePermissionError: this user may not.
        DeviceError: it delivers another size than asked for, or refuses.
    """
    return open_capture(spec, choose_backend(), find_camera(spec.name, spec.source), stop)


def open_capture(spec: CameraSpec, backend: Backend, path: str, stop: Event) -> DemuxedSource:
    """Open what a backend knows under a path; errors as those of ``open_source``."""
    where = f"camera {spec.name!r}: {path}"

    def explain(error: av.error.FFmpegError) -> DeviceError:
        return explain_loss(path, error)

    container = _open(spec, backend, path)
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
            return _attempt(backend, path, options)
        except av.error.FFmpegError as error:
            refusal = error if refusal is None or is_final(error) else refusal
            if is_final(error):
                break
        except ValueError as error:
            raise DeviceError(f"this PyAV has no {backend.format}", hint="install its wheel from PyPI") from error
    assert refusal is not None, "a backend has at least one attempt"
    raise explain_refusal(spec, path, refusal) from refusal


def _attempt(backend: Backend, path: str, options: Options) -> InputContainer:
    return av.open(backend.address(path), "r", format=backend.format, options=dict(options))


def _compare(
    spec: CameraSpec, where: str, path: str, stream: StreamFormat, container: InputContainer
) -> tuple[str, ...]:
    """Return what differs from what was asked for.

    Raises:
        DeviceError: the size does.
    """
    if spec.size not in (None, (stream.width, stream.height)):
        raise DeviceError(
            f"{where} delivers {stream.width}x{stream.height}, asked for {spec.width}x{spec.height}",
            hint=describe_cameras(path),
        )
    notes = []
    if differs_in_rate(stream.fps, spec.fps):
        notes.append(f"{where} delivers {stream.fps:g} pictures a second, asked for {spec.fps:g}")
    if stream.codec is StreamCodec.RAW and spec.input_format is not InputFormat.RAW:
        layout = container.streams.video[0].codec_context.pix_fmt
        notes.append(f"{where} delivers uncompressed pictures ({layout}), which take some ten times the space of MJPEG")
    return tuple(notes)
