"""Network cameras: Motion JPEG over HTTP (``multipart/x-mixed-replace``), as phones, ESP32-CAM and IP cameras offer it.

The connection is ours, so that it can be cut to wake a waiting reader; PyAV takes the JPEGs out of it undecoded. The
demuxer makes their time stamps up, so packets are stamped on arrival. Cameras stand in the local network: proxies are
not used.

Whoever answers is not trusted: opening ends after `OPENING_S` whatever is sent, a picture has at most `MOST_BYTES` and
`MOST_PIXELS`, and a redirection leads to another http address or nowhere.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPException, HTTPResponse
from threading import Event, Lock, Thread
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPPasswordMgrWithDefaultRealm

import av
from av.container import InputContainer

from lerotool.devices.cameras.http_client import Sockets, build_opener
from lerotool.devices.cameras.sources import DEFAULT_FPS, MOST_PIXELS, StreamPacket, check_size, discard
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceNotFoundError, DeviceTimeoutError, UsageError
from lerotool.media.format import StreamCodec, StreamFormat

TIMEOUT_S = 5.0
"""For connecting, and for a silence after which the stream is taken for lost."""
OPENING_S = 15.0
"""From connecting to the first picture: one that sends a byte now and then holds nobody longer."""
MOST_BYTES = 64 << 20
"""Of one picture and what stands before it."""
_BUFFER_BYTES = 65536
_HINT = "open the address in a browser; the picture stream itself often ends in /video, /mjpeg or :81/stream"


class _Connection:
    """An open response as the demuxer reads it; another thread may cut it."""

    # Why reading has ended, or None if the camera ended it in good order.
    error: OSError | HTTPException | DeviceError | None = None

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self._lock = Lock()
        self._is_open = True
        self._left = MOST_BYTES

    def read(self, size: int) -> bytes:
        """Return what has arrived, without waiting for ``size`` bytes; nothing at the end or after an error."""
        try:
            data = self._response.read1(size)
        except (OSError, HTTPException) as error:
            self.error = error
            return b""
        self._left -= len(data)
        if self._left < 0:
            self.error = DeviceError(f"it has sent {MOST_BYTES >> 20} MiB without a whole picture")
            return b""
        return data

    def begin_picture(self) -> None:
        """Allow as many bytes again: a picture has come."""
        self._left = MOST_BYTES

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


class HttpSource:
    """An open stream."""

    def __init__(self, connection: _Connection, container: InputContainer, stream: StreamFormat, stop: Event) -> None:
        self.format = stream
        self.notes: tuple[str, ...] = ()
        self._connection = connection
        self._container = container
        self._stop = stop

    def packets(self) -> Iterator[StreamPacket]:
        """Yield one packet per JPEG as it arrives."""
        with self._connection_closing():
            try:
                for packet in self._container.demux(video=0):
                    arrived_ns = time.monotonic_ns()
                    if self._stop.is_set():
                        return
                    self._connection.begin_picture()
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
    """Connect to a network camera."""
    return _Opening(spec, stop).wait()


class _Opening(Thread):
    """Opens a stream in a thread of its own: names, TLS and headers have no time limit that holds for all of them."""

    def __init__(self, spec: CameraSpec, stop: Event) -> None:
        super().__init__(name=f"opening camera {spec.name}", daemon=True)
        self._spec = spec
        self._stop_reading = stop
        self._sockets = Sockets()
        self._end = Lock()
        self._is_given_up = False
        self._result: HttpSource | BaseException | None = None

    def run(self) -> None:
        try:
            result: HttpSource | BaseException = _open(self._spec, self._stop_reading, self._sockets)
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: raised again by whoever waits
            result = error
        with self._end:
            self._result = result
            is_wanted = not self._is_given_up
        if not is_wanted and isinstance(result, HttpSource):
            discard(result)

    def wait(self) -> HttpSource:
        self.start()
        try:
            self.join(OPENING_S)
        finally:
            with self._end:
                result = self._result
                self._is_given_up = result is None
            if result is None:
                self._sockets.cut()
        if isinstance(result, BaseException):
            raise result
        if result is None:
            _, shown, _ = _split_address(self._spec)
            raise DeviceTimeoutError(
                f"camera {self._spec.name!r}: {shown} has sent no picture within {OPENING_S:g} s", hint=_HINT
            )
        return result


def _open(spec: CameraSpec, stop: Event, sockets: Sockets) -> HttpSource:
    with ExitStack() as stack:
        response, shown = _connect(spec, sockets)
        connection = _Connection(response)
        stack.callback(connection.close)
        where = f"camera {spec.name!r}: {shown}"
        kind = response.headers.get_content_type()
        if not kind.startswith("multipart/"):
            raise DeviceError(f"{where} sends {kind}, expected a Motion JPEG stream", hint=_HINT)
        container = _open_container(where, connection)
        stack.callback(container.close)
        if isinstance(connection.error, DeviceError):
            raise DeviceError(f"{where}: {connection.error}", hint=_HINT)
        stream = _read_format(spec, where, container)
        stack.pop_all()
        return HttpSource(connection, container, stream, stop)


def _connect(spec: CameraSpec, sockets: Sockets) -> tuple[HTTPResponse, str]:
    """Return the response and the address without its password."""
    address, shown, passwords = _split_address(spec)
    opener = build_opener(passwords, sockets)
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
            f"camera {spec.name!r}: {spec.source.rpartition('@')[2]!r} is not an address",
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
        return av.open(
            connection, "r", format="mpjpeg", buffer_size=_BUFFER_BYTES, options={"max_pixels": str(MOST_PIXELS)}
        )
    except av.error.FFmpegError as error:
        if isinstance(connection.error, TimeoutError):
            raise _silent(where) from connection.error
        if isinstance(connection.error, DeviceError):
            raise DeviceError(f"{where}: {connection.error}", hint=_HINT) from error
        raise DeviceError(f"{where} sends no Motion JPEG: {error.strerror}", hint=_HINT) from error


def _read_format(spec: CameraSpec, where: str, container: InputContainer) -> StreamFormat:
    codec = container.streams.video[0].codec_context
    if not codec.width or not codec.pix_fmt:
        raise DeviceError(f"{where} sends no picture that can be read", hint=_HINT)
    check_size(where, codec.width, codec.height)
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


def _ended(error: OSError | HTTPException | DeviceError | None) -> DeviceError:
    if isinstance(error, DeviceError):
        return error
    if isinstance(error, TimeoutError):
        return DeviceTimeoutError(f"the stream has been silent for {TIMEOUT_S:g} s")
    return DeviceError("the stream has ended" if error is None else f"the stream has broken off: {error}")
