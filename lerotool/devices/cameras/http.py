"""Network cameras: Motion JPEG over HTTP (``multipart/x-mixed-replace``), as phones, ESP32-CAM and IP cameras offer it.

The connection is ours, so that it can be cut to wake a waiting reader; PyAV takes the JPEGs out of it undecoded. The
demuxer makes their time stamps up, so packets are stamped on arrival. Cameras stand in the local network: proxies are
not used.

Whoever answers is not trusted: opening ends after `OPENING_S` whatever is sent, a picture has at most `MOST_BYTES` and
`MOST_PIXELS`, and a redirection leads to another http address or nowhere.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from threading import Event, Lock, Thread
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urldefrag, urlsplit
from urllib.request import (
    AbstractHTTPHandler,
    BaseHandler,
    HTTPBasicAuthHandler,
    HTTPDefaultErrorHandler,
    HTTPDigestAuthHandler,
    HTTPErrorProcessor,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPRedirectHandler,
    OpenerDirector,
    Request,
)

import av
from av.container import InputContainer

from lerotool.devices.cameras.demuxed import DemuxedSource
from lerotool.devices.cameras.sources import (
    DEFAULT_FPS,
    MOST_PIXELS,
    StreamPacket,
    check_size,
    discard,
    require_size,
    without_password,
)
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import DeviceError, DeviceLostError, DeviceNotFoundError, DeviceTimeoutError
from lerotool.media.format import StreamCodec, StreamFormat

TIMEOUT_S = 5.0
"""For connecting, and for a silence after which the stream is taken for lost."""
OPENING_S = 15.0
"""From connecting to the first picture: one that sends a byte now and then holds nobody longer."""
MOST_BYTES = 64 << 20
"""Of one picture and what stands before it."""
_BUFFER_BYTES = 65536
_HINT = "open the address in a browser; the picture stream itself often ends in /video, /mjpeg or :81/stream"


class _Connections(AbstractHTTPHandler):
    """Opens http and https addresses by connections that another thread can cut."""

    http_request = https_request = AbstractHTTPHandler.do_request_

    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()  # what is being cut must not be closed meanwhile
        self._sockets: list[socket.socket] = []

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(self._noting(HTTPConnection), req)

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(self._noting(HTTPSConnection), req)

    def _noting(self, kind: type[HTTPConnection]) -> Callable[..., HTTPConnection]:
        note = self._sockets.append

        class Noted(kind):  # type: ignore[valid-type,misc]
            def connect(self) -> None:
                super().connect()
                note(self.sock)

        return Noted

    def cut(self) -> None:
        """End all of them under who reads, who then finds their end."""
        with self.lock:
            for each in tuple(self._sockets):
                with suppress(OSError):  # the other side was quicker, or it is closed
                    socket.socket.shutdown(each, socket.SHUT_RDWR)


class _Refusals(BaseHandler):
    """Closes a refusal before it is answered with a password, which urllib leaves to the garbage collector."""

    handler_order = 100  # before the handlers that answer

    def http_error_401(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage) -> None:  # noqa: ARG002
        fp.close()


class _Redirections(HTTPRedirectHandler):
    """Follows redirections to other cameras, never to files or other services."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise HTTPError(req.full_url, code, f"and leads to {newurl!r}, which is not an http address", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Response:
    """An open response as the demuxer reads it."""

    # Why reading has ended, or None if the camera ended it in good order.
    error: OSError | HTTPException | DeviceError | None = None

    def __init__(self, response: HTTPResponse, connections: _Connections) -> None:
        self._response = response
        self._connections = connections
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
        """End the connection."""
        self._connections.cut()

    def close(self) -> None:
        """Free the connection; for the thread that reads."""
        with self._connections.lock:
            self._response.close()


class HttpSource(DemuxedSource):
    """An open stream, whose end can be brought about at any time."""

    def __init__(self, response: _Response, container: InputContainer, stream: StreamFormat, stop: Event) -> None:
        super().__init__(container, stream, (), stop, _explain_damage)
        self._response = response

    def packets(self) -> Generator[StreamPacket, None, None]:
        """Yield one packet per JPEG as it arrives."""
        with closing(self._response), closing(super().packets()) as packets:
            try:
                for packet in packets:
                    self._response.begin_picture()
                    yield packet
            except DeviceLostError:
                raise _ended(self._response.error) from None

    def close(self) -> None:
        """Cut the connection."""
        super().close()
        self._response.cut()


def open_source(spec: CameraSpec, stop: Event) -> HttpSource:
    """Connect, in a thread of its own: names, TLS and headers have no time limit that holds for all of them."""
    address = urldefrag(without_password(spec, "http://HOST[:PORT][/PATH]")).url
    connections = _Connections()
    opened: Future[HttpSource] = Future()

    def run() -> None:
        try:
            source = _open(spec, address, stop, connections)
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: raised again by whoever waits
            with suppress(InvalidStateError):
                opened.set_exception(error)
            return
        try:
            opened.set_result(source)
        except InvalidStateError:  # nobody waits any more
            discard(source)

    Thread(target=run, name=f"opening camera {spec.name}", daemon=True).start()
    try:
        wait([opened], OPENING_S)
    finally:
        if opened.cancel():
            connections.cut()
    if opened.cancelled():
        text = f"camera {spec.name!r}: {address} has sent no picture within {OPENING_S:g} s"
        raise DeviceTimeoutError(text, hint=_HINT)
    return opened.result()


def _open(spec: CameraSpec, address: str, stop: Event, connections: _Connections) -> HttpSource:
    where = f"camera {spec.name!r}: {address}"
    with ExitStack() as stack:
        response = _connect(spec, address, where, connections)
        stream = _Response(response, connections)
        stack.callback(stream.close)
        kind = response.headers.get_content_type()
        if not kind.startswith("multipart/"):
            raise DeviceError(f"{where} sends {kind}, expected a Motion JPEG stream", hint=_HINT)
        container = _open_container(where, stream)
        stack.callback(container.close)
        if isinstance(stream.error, DeviceError):
            raise DeviceError(f"{where}: {stream.error}", hint=_HINT)
        form = _read_format(spec, where, container)
        stack.pop_all()
        return HttpSource(stream, container, form, stop)


def _connect(spec: CameraSpec, address: str, where: str, connections: _Connections) -> HTTPResponse:
    parts, passwords = urlsplit(spec.source), HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        passwords.add_password(None, address, unquote(parts.username), unquote(parts.password or ""))
    opener = OpenerDirector()  # no proxies, no files, nothing but http and https
    for handler in (
        connections,
        _Refusals(),
        HTTPBasicAuthHandler(passwords),
        HTTPDigestAuthHandler(passwords),
        _Redirections(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    try:
        response: HTTPResponse = opener.open(address, timeout=TIMEOUT_S)
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
    return response


def _open_container(where: str, response: _Response) -> InputContainer:
    try:
        return av.open(
            response, "r", format="mpjpeg", buffer_size=_BUFFER_BYTES, options={"max_pixels": str(MOST_PIXELS)}
        )
    except av.error.FFmpegError as error:
        if isinstance(response.error, TimeoutError):
            raise _silent(where) from response.error
        if isinstance(response.error, DeviceError):
            raise DeviceError(f"{where}: {response.error}", hint=_HINT) from error
        raise DeviceError(f"{where} sends no Motion JPEG: {error.strerror}", hint=_HINT) from error


def _read_format(spec: CameraSpec, where: str, container: InputContainer) -> StreamFormat:
    codec = container.streams.video[0].codec_context
    if not codec.width or not codec.pix_fmt:
        raise DeviceError(f"{where} sends no picture that can be read", hint=_HINT)
    check_size(where, codec.width, codec.height)
    require_size(spec, where, codec.width, codec.height)
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


def _explain_damage(error: av.error.FFmpegError) -> DeviceError:
    return DeviceError(f"the stream cannot be read: {error.strerror}")
