"""Who may ask what. Until there are logins: whoever is on this machine, and only by this machine's own names.

The server listens on loopback; a page of somebody else's, opened in a browser here, could still reach it: by a name of its own that
points to 127.0.0.1 (DNS rebinding), so the Host header must be ours; or by asking 127.0.0.1 itself, of which the browser says that
another site's page does it (Sec-Fetch-Site, W3C Fetch Metadata; Origin, RFC 6454). Nothing is shared across origins or cached.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redshank.web.answer import problem

HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SITES = frozenset({b"same-origin", b"none"})
"""Who may ask: our own page, and what the user typed himself. A browser says it; other programs need not."""
HEADERS = (
    (b"cache-control", b"private, no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


async def guard(_request: Request) -> None:
    """Every route passes here; a test walks the table. Logins and rights (issue 4) are to be filled in here and nowhere else."""


async def failed(_request: Request, _error: Exception) -> Response:
    """For what nobody thought of: the log has it. It is sent outside of the wall."""
    headers = {name.decode(): value.decode() for name, value in HEADERS}
    return problem(500, "this did not work, and the log says why", headers)


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

        why = _refused(scope)
        if why is None:
            await self._app(scope, receive, answer)
        elif scope["type"] == "http":
            await problem(*why)(scope, receive, answer)
        else:
            await send({"type": "websocket.close", "code": 1008})


def _refused(scope: Scope) -> tuple[int, str] | None:
    """Status and reason."""
    told: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        told.setdefault(name, []).append(value)
    hosts = told.get(b"host", [])
    if len(hosts) != 1 or _name(hosts[0].decode("latin-1")) not in HOSTS:
        return 421, "this server only answers to localhost"
    own = b"http://" + hosts[0].lower()
    if not SITES.issuperset(told.get(b"sec-fetch-site", [])) or any(one != own for one in told.get(b"origin", [])):
        return 403, "this server does not answer to the pages of other sites"
    return None


def _name(host: str) -> str:
    """Without the port."""
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isascii() and port.isdigit() else host.lower()
