"""Who may ask what. Until there are logins: whoever is on this machine, and only by this machine's own names.

The server listens on loopback; a page of somebody else's, opened in a browser here, could still reach it by a name of its own that
points to 127.0.0.1 (DNS rebinding): so the Host header must be ours. Nothing is shared across origins, nothing is cached.
"""

from __future__ import annotations

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redshank.web.answer import problem

HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
HEADERS = (
    (b"cache-control", b"private, no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


async def guard(_request: Request) -> None:
    """Every route passes here; a test walks the table. Logins and rights (issue 4) are to be filled in here and nowhere else."""


class Wall:
    """Around the whole application: the Host header, and headers of every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _value in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in HEADERS if one[0] not in present)]
            await send(message)

        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1 and _name(hosts[0]) in HOSTS:
            await self._app(scope, receive, answer)
        elif scope["type"] == "http":
            refused = problem(421, "this server only answers to localhost")
            await refused(scope, receive, answer)
        else:
            await send({"type": "websocket.close", "code": 1008})


def _name(host: str) -> str:
    """Without the port."""
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isascii() and port.isdigit() else host.lower()
