"""Network cameras whose streams libav opens itself: RTSP, and H.264 or Motion JPEG straight over TCP.

RTSP is what IP cameras offer; a stream over TCP is what ``rpicam-vid --listen``, GStreamer and ffmpeg serve. Their time
stamps are on the camera's clock, so packets are stamped on arrival.
"""

from __future__ import annotations

import errno
import time
from dataclasses import replace
from threading import Event

import av
from av.container import InputContainer

from lerotool.devices.cameras.demuxed import DemuxedSource, read_format
from lerotool.devices.cameras.sources import MOST_PIXELS, require_size, without_password
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceLostError, DeviceNotFoundError, DeviceTimeoutError

TIMEOUT_S = 4.0
"""For connecting, and for a silence after which the stream is taken for lost; shorter than closing may take."""
# libav tells a name that does not exist as an input/output error.
_UNREACHABLE = (errno.EIO, errno.EHOSTUNREACH, errno.ENETUNREACH)
_HINT = "open the address in VLC; the camera's manual names its path"
# RTP over the RTSP connection, so that nothing is lost on the way.
_RTSP = {"rtsp_transport": "tcp", "allowed_media_types": "video", "protocol_whitelist": "tcp,tls,rtp,rtsp,rtsps"}
# What a stream contains must not make libav open anything else.
_TCP = {"protocol_whitelist": "tcp", "format_whitelist": "mpegts,h264,mjpeg,mpjpeg"}
_LIMITS = {"max_pixels": str(MOST_PIXELS)}


def open_source(spec: CameraSpec, stop: Event) -> DemuxedSource:
    """Connect to a network camera."""
    where = f"camera {spec.name!r}: {without_password(spec, 'rtsp://HOST[:PORT]/PATH or tcp://HOST:PORT')}"
    container = _open(spec.source, where)
    try:
        stream = read_format(spec, where, container)
        require_size(spec, where, stream.width, stream.height)
    except DeviceError:
        container.close()
        raise
    # Many of these streams do not say their rate, and libav then makes one up.
    return DemuxedSource(container, replace(stream, fps=spec.fps or stream.fps), (), stop, _explain_loss)


def _open(address: str, where: str) -> InputContainer:
    is_rtsp = address.lower().startswith("rtsp")
    began = time.monotonic()
    try:
        return av.open(
            address,
            "r",
            format="rtsp" if is_rtsp else None,
            options={**(_RTSP if is_rtsp else _TCP), **_LIMITS},
            timeout=TIMEOUT_S,
            metadata_errors="replace",
        )
    except av.error.FFmpegError as error:
        # A time limit that ends an RTSP reply comes as damaged data.
        if time.monotonic() - began >= TIMEOUT_S:
            raise DeviceTimeoutError(f"{where} has not answered for {TIMEOUT_S:g} s", hint=_HINT) from error
        raise _explain_refusal(where, error) from error


def _explain_refusal(where: str, error: av.error.FFmpegError) -> DeviceError:
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return DeviceError(f"{where} wants a password", hint="write the address as rtsp://user:password@…")
    if isinstance(error, ConnectionRefusedError) or (isinstance(error, OSError) and error.errno in _UNREACHABLE):
        return DeviceNotFoundError(
            f"{where} cannot be reached: {error.strerror}",
            hint="check the address, and that the camera is on and in this network",
        )
    return DeviceError(f"{where} sends no stream that can be read: {error.strerror}", hint=_HINT)


def _explain_loss(error: av.error.FFmpegError) -> DeviceError:
    if isinstance(error, av.error.ExitError | TimeoutError):
        return DeviceTimeoutError(f"the stream has been silent for {TIMEOUT_S:g} s")
    return DeviceLostError(f"the stream has broken off: {error.strerror}")
