"""Network cameras: Motion JPEG over HTTP (``multipart/x-mixed-replace``), as phones, ESP32-CAM and IP cameras offer it.

The connection is ours, so that it can be cut to wake a waiting reader; PyAV takes the JPEGs out of it undecoded. The
demuxer makes their time stamps up, so packets are stamped on arrival. Cameras stand in the local network: proxies are
not used.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPException, HTTPMessage, HTTPResponse
from threading import Event, Lock
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    ProxyHandler,
    Request,
    build_opener,
)

import av
from av.container import InputContainer

from lerotool.devices.cameras.sources import DEFAULT_FPS, StreamPacket
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceNotFoundError, DeviceTimeoutError, UsageError
from lerotool.media.format import StreamCodec, StreamFormat

TIMEOUT_S = 5.0
"""For connecting, and for a silence after which the stream is taken for lost."""
_BUFFER_BYTES = 65536
_HINT = "open the address in a browser; the picture stream itself often ends in /video, /mjpeg or :81/stream"


class _Connection:
    """An open response as the demuxer reads it; another thread may cut it.

    Attributes:
        error: why reading has ended, or None if the camera ended it in good order.
    """

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self._lock = Lock()
        self._is_open = True
        self.error: OSError | HTTPException | None = None

    def read(self, size: int) -> bytes:
        """Return what has arrived, without waiting for ``size`` bytes; nothing at the end or after an error."""
        try:
            return self._response.read1(size)
        except (OSError, HTTPException) as error:
            self.error = error
            return b""

    def cut(self) -> None:
        """End the connection under the reader, which then finds its end."""
        with self._lock:
            if not self._is_open:
                return
            handle = socket.socket(fileno=self._response.fileno())
            try:
                with suppress(OSError):  # the other side was quicker
                    handle.shutdown(socket.SHUT_RDWR)
            finally:
                handle.detach()

    def close(self) -> None:
        """Free the connection; for the thread that reads."""
        with self._lock:
            self._is_open = False
            self._response.close()


class _Basic(HTTPBasicAuthHandler):
    """Closes the refusal before it asks again, which urllib leaves to the garbage collector."""

    def http_error_401(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> HTTPResponse | None:
        fp.close()
        return super().http_error_401(req, fp, code, msg, headers)


class _Digest(HTTPDigestAuthHandler):
    """As above."""

    def http_error_401(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> HTTPResponse | None:
        fp.close()
        return super().http_error_401(req, fp, code, msg, headers)


class HttpSource:
    """An open stream."""

    def __init__(self, connection: _Connection, container: InputContainer, stream: StreamFormat, stop: Event) -> None:
        self.format = stream
        self.notes: tuple[str, ...] = ()
        self._connection = connection
        self._container = container
        self._stop = stop

    def packets(self) -> Iterator[StreamPacket]:
        """Yield one packet per JPEG as it arrives.

        Raises:
            DeviceError: the stream has ended, was cut off or has been silent too long.
        """
        with self._connection_closing():
            try:
                for packet in self._container.demux(video=0):
                    arrived_ns = time.monotonic_ns()
                    if self._stop.is_set():
                        return
                    if packet.size or packet.pts is not None:  # PyAV ends a stream with a packet that has neither
                        yield StreamPacket(bytes(packet), arrived_ns)
            except av.error.FFmpegError as error:
                raise DeviceError(f"the stream cannot be read: {error.strerror}") from error
            if not self._stop.is_set():
                raise _ended(self._connection.error)

    def close(self) -> None:
        """Cut the connection."""
        self._stop.set()
        self._connection.cut()

    def _connection_closing(self) -> ExitStack:
        stack = ExitStack()
        stack.callback(self._connection.close)
        stack.callback(self._container.close)
        return stack


def open_source(spec: CameraSpec, stop: Event) -> HttpSource:
    """Connect to a network camera.

    Raises:
        UsageError: the address cannot be one.
        DeviceNotFoundError: nobody answers there.
        DeviceTimeoutError: the camera does not send in time.
        DeviceError: the camera refuses, sends something else than Motion JPEG, or another size than asked for.
    """
    with ExitStack() as stack:
        response, shown = _connect(spec)
        connection = _Connection(response)
        stack.callback(connection.close)
        where = f"camera {spec.name!r}: {shown}"
        kind = response.headers.get_content_type()
        if not kind.startswith("multipart/"):
            raise DeviceError(f"{where} sends {kind}, expected a Motion JPEG stream", hint=_HINT)
        container = _open_container(where, connection)
        stack.callback(container.close)
        stream = _read_format(spec, where, container)
        stack.pop_all()
        return HttpSource(connection, container, stream, stop)


def _connect(spec: CameraSpec) -> tuple[HTTPResponse, str]:
    """Return the response and the address without its password."""
    address, shown, passwords = _split_address(spec)
    opener = build_opener(ProxyHandler({}), _Basic(passwords), _Digest(passwords))
    where = f"camera {spec.name!r}: {shown}"
    try:
        response = opener.open(address, timeout=TIMEOUT_S)
    except HTTPError as error:
        error.close()
        hint = "write the address as http://user:password@…" if error.code == 401 else _HINT
        raise DeviceError(f"{where} answers {error.code} {error.reason}", hint=hint) from error
    except TimeoutError as error:
        raise _silent(where) from error
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _silent(where) from error
        raise DeviceNotFoundError(
            f"{where} cannot be reached: {error.reason}",
            hint="check the address, and that the camera is on and in this network",
        ) from error
    except (OSError, HTTPException, UnicodeError) as error:
        raise DeviceError(f"{where} does not speak HTTP: {error}", hint=_HINT) from error
    return response, shown


def _split_address(spec: CameraSpec) -> tuple[str, str, HTTPPasswordMgrWithDefaultRealm]:
    """Return the address without user and password, how to show it, and user and password."""
    try:
        parts = urlsplit(spec.source)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        raise UsageError(
            f"camera {spec.name!r}: {spec.source.rpartition('@')[2]!r} is no address",
            hint="expected http://HOST[:PORT][/PATH]",
        )
    host = parts.netloc.rpartition("@")[2]
    address = parts._replace(netloc=host, fragment="").geturl()
    passwords = HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        passwords.add_password(None, address, unquote(parts.username), unquote(parts.password or ""))
    return address, address, passwords


def _open_container(where: str, connection: _Connection) -> InputContainer:
    try:
        return av.open(connection, "r", format="mpjpeg", buffer_size=_BUFFER_BYTES)
    except av.error.FFmpegError as error:
        if isinstance(connection.error, TimeoutError):
            raise _silent(where) from connection.error
        raise DeviceError(f"{where} sends no Motion JPEG: {error.strerror}", hint=_HINT) from error


def _read_format(spec: CameraSpec, where: str, container: InputContainer) -> StreamFormat:
    codec = container.streams.video[0].codec_context
    if not codec.width or not codec.pix_fmt:
        raise DeviceError(f"{where} sends no picture that can be read", hint=_HINT)
    if spec.size not in (None, (codec.width, codec.height)):
        raise DeviceError(
            f"{where} sends {codec.width}x{codec.height}, asked for {spec.width}x{spec.height}",
            hint="leave the size out, or set it in the camera's own settings",
        )
    return StreamFormat(StreamCodec.MJPEG, codec.width, codec.height, codec.pix_fmt, spec.fps or DEFAULT_FPS)


def _silent(where: str) -> DeviceTimeoutError:
    return DeviceTimeoutError(
        f"{where} has not answered for {TIMEOUT_S:g} s", hint="another viewer may hold its only stream"
    )


def _ended(error: OSError | HTTPException | None) -> DeviceError:
    if isinstance(error, TimeoutError):
        return DeviceTimeoutError(f"the stream has been silent for {TIMEOUT_S:g} s")
    return DeviceError("the stream has ended" if error is None else f"the stream has broken off: {error}")
