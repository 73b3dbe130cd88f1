"""Serving the pages until somebody stops it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from lerotool.errors import UsageError
from lerotool.web.access import TOKEN, Access
from lerotool.web.app import create_app
from lerotool.web.library import Library

DEFAULT_PORT = 8700
_PORTS_TRIED = 20
_UNSPECIFIED = ("0.0.0.0", "::")
_BACKLOG = 128
# A documentation address: no packet is sent, the system only says which of its own addresses it would use.
_ELSEWHERE = ("192.0.2.1", 9)


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that listens and does not answer yet."""

    access: Access  # who may ask
    socket: socket.socket  # that it listens on

    @property
    def address(self) -> str:
        """What to open in a browser, with the token if there is one."""
        return self.address_of("/" if self.access.token else "")

    def address_of(self, path: str) -> str:
        """Return the address of a page, with the token if there is one."""
        access = self.access
        name = _outward() if access.host in _UNSPECIFIED else access.host
        name = f"[{name}]" if ":" in name and not name.startswith("[") else name
        query = f"?{TOKEN}={access.token}" if access.token else ""
        return f"http://{name}:{access.port}{path}{query}"

    def close(self) -> None:
        """Stop listening in this process."""
        self.socket.close()

    def serve(self, library: Library, on_ready: Callable[[], None]) -> None:
        """Answer requests until a signal ends it; ``on_ready`` is called once at the beginning."""
        server = make_server(create_app(library, self.access), "error")
        on_ready()
        # Ctrl-C is how a person ends it: uvicorn raises it again when it has closed everything.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[self.socket])


def make_server(app: Starlette, log_level: str) -> uvicorn.Server:
    """Return what serves an application; live pictures have no end of their own, so it does not wait for them."""
    settings = uvicorn.Config(
        app, log_level=log_level, access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=1
    )
    return uvicorn.Server(settings)


def listen(host: str, port: int | None) -> Listening:
    """Listen on a host; without a port on the first free one from `DEFAULT_PORT`."""
    ports = range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED) if port is None else (port,)
    problem: OSError | None = None
    for number in ports:
        try:
            opened = _open(host, number)
        except OSError as error:
            problem = error
            continue
        return Listening(Access.to(host, int(opened.getsockname()[1])), opened)
    reason = (problem.strerror or str(problem)).lower() if problem else ""
    raise UsageError(f"cannot listen on {host}, port {ports[0]}: {reason}", hint="name another one with --port")


def _open(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
    except BaseException:
        opened.close()
        raise
    return opened


def _outward() -> str:
    """Return the address under which others find this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])
