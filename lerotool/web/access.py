"""Who may ask: checked on every request before anything else is done with it, and what every answer forbids a page.

A page of somebody else, open in the same browser, can send requests here. It cannot choose ``Host`` (so a name of its
own that leads to this machine is refused), and what it sends carries its ``Origin``.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "token"
_LOOPBACK_NAMES = frozenset(["localhost"])
_HEADERS: Mapping[bytes, bytes] = {
    # Charts set the style of their own elements; scripts come from this server alone.
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        b"media-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server listens and what it asks for."""

    host: str  # the address or name that was asked for
    port: int  # that it listens on
    token: str | None = None  # that every request must have; None where only this machine can ask

    @classmethod
    def to(cls, host: str, port: int) -> Access:
        """Return the access for a host: beyond this machine with a new token."""
        return cls(host, port, None if is_loopback(host) else secrets.token_urlsafe(18))

    def names_us(self, header: str) -> bool:
        """Whether a ``Host`` header can only be meant for this server: an address, or one of this machine's names."""
        name, port = _split(header)
        if port != self.port:
            return False
        if self.token is None:
            return is_loopback(name)
        own = socket.gethostname().lower()
        return _is_address(name) or name in {*_LOOPBACK_NAMES, self.host.lower(), own, f"{own}.local"}


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own and nobody else can reach it."""
    name = host.strip("[]").lower()
    return name in _LOOPBACK_NAMES or (_is_address(name) and ipaddress.ip_address(name).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _split(header: str) -> tuple[str, int]:
    name, colon, port = header.lower().rpartition(":")
    if not colon or header.endswith("]"):
        return header.lower(), 80
    return name, int(port) if port.isascii() and port.isdigit() else -1


class Guard:
    """ASGI middleware: refuses who may not ask, and adds the headers that bind pages."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._cookie = f"lerotool-{access.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def bound(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS.items()]
            await send(message)

        request = Request(scope)
        answer = self._refusal(request) or self._admission(request)
        await (answer or self._app)(scope, receive, bound)

    def _refusal(self, request: Request) -> Response | None:
        headers = request.headers
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._access.names_us(host):
            return _refused(403, f"this server is not called {host!r}")
        if origin is None and request.method not in ("GET", "HEAD"):
            return _refused(403, "what changes something is sent by a page")
        is_visit = headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
        is_foreign = headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not is_visit
        if is_foreign or origin not in (None, f"http://{host}"):
            return _refused(403, "another page may not ask this server")
        return None

    def _admission(self, request: Request) -> Response | None:
        token = self._access.token
        if token is None or _same(request.cookies.get(self._cookie, ""), token):
            return None
        query = request.query_params.multi_items()
        if not any(name == TOKEN and _same(value, token) for name, value in query):
            return _refused(401, "this address lacks its token", "open the whole address that lerotool printed")
        rest = urlencode([pair for pair in query if pair[0] != TOKEN])
        # Out of the address bar and the history; from now on the browser sends the cookie.
        # One slash: with two, the path would name another host.
        answer = RedirectResponse(f"/{request.scope['path'].lstrip('/')}" + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(self._cookie, token, httponly=True, samesite="strict")
        return answer


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def _refused(status: int, text: str, hint: str = "open the address that lerotool printed") -> Response:
    return JSONResponse({"error": text, "hint": hint}, status)
