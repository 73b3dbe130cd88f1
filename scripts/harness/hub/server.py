"""The fake Hub's HTTP: each request of `huggingface_hub` answered as the real Hub does."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from harness.hub.api import ROUTES, Answer, Asked
from harness.hub.faults import Fault, Trouble
from harness.hub.store import Store

READ, WRITE = "hf_readReadReadRead", "hf_writeWriteWrite"


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    bytes: int


class FakeHub:
    """A Hub at ``url``, for the time of a ``with`` block.

    Attributes:
        store: what it keeps.
        requests: all that came so far.
        fault: what is to go wrong.
        chunk: size of the parts in which large files are asked for; None is in one.
        tokens: who may do what, by token.
    """

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.requests: list[Seen] = []
        self.fault: Fault | None = None
        self.chunk: int | None = None
        self.page = 1000
        self.tokens = {WRITE: ("me", "write"), READ: ("me", "read")}
        self.lock = threading.RLock()
        self._counted = 0
        hub = self

        class Handler(_Handler):
            fake = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def forget_requests(self) -> None:
        """Forget what came so far."""
        self.requests.clear()

    def go_wrong(self, fault: Fault | None) -> None:
        """Let something go wrong, counted from the next request."""
        self.fault, self._counted = fault, 0

    def sent(self) -> int:
        """Return how many bytes of files were received."""
        return sum(seen.bytes for seen in self.requests if seen.method == "PUT")

    def _trouble(self, seen: Seen) -> Fault | None:
        with self.lock:
            self.requests.append(seen)
            fault = self.fault
            if fault is None or fault.only[0] not in seen.method or fault.only[1] not in seen.path:
                return None
            number, self._counted = self._counted, self._counted + 1
            if not fault.hits(number):
                return None
        return fault


def _nothing() -> None:
    """What is called where nothing is."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeHub

    def _handle(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        split = urlsplit(self.path)
        fault = self.fake._trouble(Seen(self.command, unquote(split.path), size))
        trouble = fault.trouble if fault is not None else None
        call = fault.call if fault is not None and fault.call is not None else _nothing
        if trouble is not Trouble.LOST_ANSWER:
            call()
        if trouble is Trouble.CLOSED:
            self.close_connection = True
            return
        if trouble in (Trouble.ERROR_500, Trouble.RATE_LIMIT):
            self._drain(size)
            limit = {"RateLimit": '"api";r=0;t=0'} if trouble is Trouble.RATE_LIMIT else {"Retry-After": "0"}
            self._send(Answer({"error": "trouble"}, int(trouble.value), headers=limit))
            return
        answer = self._answer(split.path, parse_qs(split.query), size)
        if trouble is Trouble.LOST_ANSWER:
            call()
            self.close_connection = True
            return
        self._send(answer, is_half=trouble is Trouble.HALF_BODY)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - names of the standard library

    def _answer(self, path: str, query: dict[str, list[str]], size: int) -> Answer:
        for method, pattern, answer in ROUTES:
            if (method == self.command or (method, self.command) == ("GET", "HEAD")) and (
                found := re.fullmatch(pattern, path)
            ):
                values = {key: unquote(value) for key, value in found.groupdict().items() if value is not None}
                token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                wanted = self.headers.get("Range")
                body = self._body(size, answer)
                return answer(Asked(self.fake, values, query, body, token, self.rfile, size, wanted))
        self._drain(size)
        return Answer({"error": f"the fake Hub does not know {self.command} {path}"}, 404)

    def _body(self, size: int, answer: Callable[[Asked], Answer]) -> bytes:
        return b"" if getattr(answer, "streams", False) else self._drain(size)

    def _drain(self, size: int) -> bytes:
        return self.rfile.read(size) if size else b""

    def _send(self, answer: Answer, *, is_half: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        file = answer.file
        length = answer.length if file is not None else len(answer.data)
        self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", answer.kind)
        self.end_headers()
        if self.command == "HEAD":
            return
        if is_half:
            length //= 2
            self.close_connection = True
        if file is None:
            self.wfile.write(answer.data[:length])
            return
        with file.open("rb") as source:
            source.seek(answer.start)
            while length and (data := source.read(min(length, 1 << 20))):
                self.wfile.write(data)
                length -= len(data)

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""
