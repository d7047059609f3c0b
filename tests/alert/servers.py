"""What the channel tests need beside the sinks of the harness: an HTTP server that answers whatever a test says."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.harness.http_server import HttpRequest, HttpServer, answer

Reply = tuple[int, dict[str, str], bytes]


def local(host: str, port: int) -> str:
    """A `resolve` that knows every name as this machine."""
    return "127.0.0.1"


class Answering:
    """`answer` is asked for each request: status, headers, body; None = never answer."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.requests: list[HttpRequest] = []
        self.answer: Callable[[HttpRequest], Reply | None] = lambda request: (200, {}, b"")
        self.server = HttpServer(self._handle, tls)

    @property
    def port(self) -> int:
        return self.server.port

    async def _handle(self, request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        reply = self.answer(request)
        if reply is None:
            await asyncio.Event().wait()
            return
        status, headers, body = reply
        writer.write(answer(status, body, headers))


@contextmanager
def http_server(tls: ssl.SSLContext | None = None) -> Iterator[Answering]:
    found = Answering(tls)
    found.server.start()
    try:
        yield found
    finally:
        found.server.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
