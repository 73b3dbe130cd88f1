"""The HTTP client of network cameras: no proxies, no redirections but to http, connections that can be cut."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    BaseHandler,
    HTTPBasicAuthHandler,
    HTTPDefaultErrorHandler,
    HTTPDigestAuthHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
)


def build_opener(passwords: HTTPPasswordMgrWithDefaultRealm, sockets: Sockets) -> OpenerDirector:
    """Return what opens http and https addresses, and nothing else."""
    opener = OpenerDirector()
    handlers: tuple[BaseHandler, ...] = (
        _Http(sockets),
        _Https(sockets),
        _Basic(passwords),
        _Digest(passwords),
        _Redirect(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
    )
    for handler in handlers:
        opener.add_handler(handler)
    return opener


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


class _Redirect(HTTPRedirectHandler):
    """Follows redirections to other cameras, never to files or other services."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise HTTPError(req.full_url, code, f"and leads to {newurl!r}, which is not an http address", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Sockets:
    """All connections of an opening, so that they can be cut."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def connect(self, kind: type[HTTPConnection]) -> Callable[..., HTTPConnection]:
        """Return what makes connections of a kind, which are noted here as soon as they stand."""
        note = self._sockets.append

        class Noted(kind):  # type: ignore[valid-type,misc]
            def connect(self) -> None:
                super().connect()
                note(self.sock)

        return Noted

    def cut(self) -> None:
        """End all of them."""
        for each in tuple(self._sockets):
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)


class _Http(HTTPHandler):
    def __init__(self, sockets: Sockets) -> None:
        super().__init__()
        self._kind = sockets.connect(HTTPConnection)

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(self._kind, req)


class _Https(HTTPSHandler):
    def __init__(self, sockets: Sockets) -> None:
        super().__init__()
        self._kind = sockets.connect(HTTPSConnection)

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(self._kind, req)
