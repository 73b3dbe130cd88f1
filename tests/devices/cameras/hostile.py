"""A server that means no good: it answers every connection by a function, and counts what was taken from it."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

Answer = Callable[[str], Iterator[bytes]]
"""Given the server's address, yields what is sent; it waits by yielding nothing for a while."""

PAUSE = b""
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


class HostileServer:
    """Serves one answer to everybody, until it is closed.

    Attributes:
        host: with its port.
        sent: bytes that viewers have taken so far, or that wait in the system's buffers.
        connections: how many there were.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent = 0
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept)]

    def _accept(self) -> None:
        while not self._closed.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0.05)
        with connection, suppress(ConnectionError):
            self._receive(connection)
            for data in self._answer(self.host):
                if data is PAUSE and self._closed.wait(0.05):
                    return
                self._send(connection, data)

    def _receive(self, connection: socket.socket) -> None:
        while not self._closed.is_set():
            with suppress(TimeoutError):
                connection.recv(65536)
                return

    def _send(self, connection: socket.socket, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._closed.is_set():
            with suppress(TimeoutError):
                count = connection.send(view)
                self.sent += count
                view = view[count:]
        if self._closed.is_set():
            raise ConnectionAbortedError

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()


def endless(head: bytes, body: bytes, repeat: int = 1000) -> Answer:
    """Send a beginning, and then the same for ever, as fast as it is taken."""

    def answer(host: str) -> Iterator[bytes]:
        del host
        yield head
        yield from itertools.repeat(body * repeat)

    return answer


def slow(head: bytes, body: bytes) -> Answer:
    """Send a beginning, and then the same for ever, a byte at a time."""

    def answer(host: str) -> Iterator[bytes]:
        del host
        yield head
        for number in itertools.cycle(range(len(body))):
            yield body[number : number + 1]
            yield PAUSE

    return answer


def once(data: str) -> Answer:
    """Send one text, with HOST for the server's own address, and hang up."""

    def answer(host: str) -> Iterator[bytes]:
        yield data.replace("HOST", host).encode()

    return answer
