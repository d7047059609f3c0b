"""Who may ask what: every route says what it needs, one guard holds it against who asks.

The server listens on loopback; a page of somebody else's, opened in a browser here, could still reach it: by a name of its own that
points to 127.0.0.1 (DNS rebinding), so the Host header must be ours; or by asking 127.0.0.1 itself, of which the browser says that
another site's page does it (Sec-Fetch-Site, W3C Fetch Metadata; Origin, RFC 6454). Nothing is shared across origins or cached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Request
from fastapi.responses import Response
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redshank.access.address import origin_of
from redshank.access.who import NOBODY, Verb, Who
from redshank.web.answer import Problem, problem

SITES = frozenset({b"same-origin", b"none"})
"""Who may ask: our own page, and what the user typed himself. A browser says it; other programs need not."""
HEADERS = (
    (b"cache-control", b"private, no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
WHAT = {Verb.LIVE: "live", Verb.HISTORY: "look", Verb.EXPORT: "export", Verb.DELETE: "delete", Verb.TALK: "talk"}
"""How the audit calls it."""
_TOKEN = re.compile(rb"(?:^|[=&;+ ]|%20|%3[dD])rs_[A-Za-z0-9_-]{20}")
COOKIE = "redshank"
"""Holds the secret of a session."""
Need = Verb | Literal["public", "signed in"]
E = TypeVar("E", bound=Callable[..., Any])


def needs(verb: Verb, told: bool = False) -> Callable[[E], E]:
    """Under a route's decorator: what one must be allowed to, to be answered. Its `Site` has only the cameras one may do that with.

    told: the route itself notes in the audit what was done, else the guard does.
    """
    return _declared(verb, told)


def public(endpoint: E) -> E:
    """Anybody is answered: the log-in, health, the page's own files."""
    return _declared("public")(endpoint)


def signed_in(endpoint: E) -> E:
    """Whoever is logged in is answered, about nothing but themselves."""
    return _declared("signed in")(endpoint)


def _declared(need: Need, told: bool = False) -> Callable[[E], E]:
    def declare(endpoint: E) -> E:
        endpoint.__needs__, endpoint.__told__ = need, told  # type: ignore[attr-defined]
        return endpoint

    return declare


async def guard(connection: HTTPConnection) -> None:
    """Every route and socket passes here, before anything else; one that says nothing of whom it answers answers nobody.

    Raises Problem: 401 for nobody, 403 for a verb that is not theirs at all. A camera that is not theirs is not there: see `Site`.
    """
    if _TOKEN.search(connection.scope["query_string"]):
        raise Problem(
            400, "a token in an address ends up in logs: make another one, and send it as Authorization: Bearer"
        )
    need: Need | None = getattr(connection.scope.get("endpoint"), "__needs__", None)
    who = await asker_of(connection)
    state = connection.state
    state.who, state.need = who or NOBODY, need
    if need == "public":
        return
    if need is None:
        raise Problem(403, "nobody may ask for this")
    if who is None:
        raise Problem(401, "log in first")
    if isinstance(need, Verb):
        if not who.may(need):
            _note(connection, who, "refused", "", _asked(connection))
            raise Problem(403, "this is not among what you may do here")
        _noted(connection, who, need)


async def asker_of(connection: HTTPConnection) -> Who | None:
    """By their cookie or token."""
    door = connection.app.state.rooms.access
    if door is None:
        return None
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else ""
    address = origin_of(connection.scope).address
    found: Who | None = await door.who(connection.cookies.get(COOKIE, ""), token, address)
    return found


def looked(connection: HTTPConnection, camera: str, detail: str = "") -> None:
    """For a route that finds out by itself whose footage it shows: note that it was looked at."""
    state = connection.state
    _note(connection, state.who, WHAT.get(state.need, "look"), camera, detail)


def _noted(connection: HTTPConnection, who: Who, need: Verb) -> None:
    """Note what is asked for, unless the route will: looks at a camera's footage, and every change."""
    camera = connection.path_params.get("camera", "")
    if camera and not who.may(need, camera):
        if camera in connection.app.state.site.cameras():
            _note(connection, who, "refused", camera, _asked(connection))
    elif connection.scope.get("method") in CHANGING:
        if not connection.scope["endpoint"].__told__:
            what = "change" if need is Verb.HISTORY else WHAT.get(need, "change")
            _note(connection, who, what, camera, _asked(connection))
    elif need in WHAT and camera in connection.app.state.site.cameras():
        _note(connection, who, WHAT[need], camera, "")


def _note(connection: HTTPConnection, who: Who, what: str, camera: str, detail: str) -> None:
    connection.app.state.rooms.access.audit.note(who, what, camera, detail)


def _asked(connection: HTTPConnection) -> str:
    """The route's own address: what somebody puts in its place would be a line of the audit each time."""
    return f"{connection.scope.get('method', 'WebSocket')} {connection.scope['route'].path_format}"


async def _who(connection: HTTPConnection) -> Who:
    who: Who = connection.state.who
    return who


Asker = Annotated[Who, Depends(_who)]
"""For a route: `def route(who: Asker)`."""


async def failed(_request: Request, _error: Exception) -> Response:
    """For what nobody thought of: the log has it. It is sent outside of the wall."""
    headers = {name.decode(): value.decode() for name, value in HEADERS}
    return problem(500, "this did not work, and the log says why", headers)


class Wall:
    """Around the whole application: the Host header, and headers of every answer."""

    def __init__(self, app: ASGIApp, names: Callable[[], frozenset[str]]) -> None:
        """names: what this server may be called in an address: host names and addresses, `[…]` around those of IPv6."""
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        accepted = False

        async def answer(message: Message) -> None:
            nonlocal accepted
            kind = message["type"]
            accepted = accepted or kind == "websocket.accept"
            if accepted and kind.startswith("websocket.http.response."):
                # A problem found once the socket was open: there is no answer any more, only an end.
                if kind.endswith(".start"):
                    await send({"type": "websocket.close", "code": 1008})
                return
            if kind.endswith("http.response.start"):
                present = {name.lower() for name, _value in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in HEADERS if one[0] not in present)]
            await send(message)

        why = _refused(scope, self._names())
        if why is None:
            await self._app(scope, receive, answer)
        elif scope["type"] == "http":
            await problem(*why)(scope, receive, answer)
        else:
            await send({"type": "websocket.close", "code": 1008})


def _refused(scope: Scope, names: frozenset[str]) -> tuple[int, str] | None:
    """Status and reason."""
    told: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        told.setdefault(name, []).append(value)
    hosts = told.get(b"host", [])
    if len(hosts) != 1 or _name(hosts[0].decode("latin-1")) not in names:
        return 421, "this server does not answer to that name: see web.names"
    secure = scope["scheme"] in ("https", "wss")
    own = (b"https://" if secure else b"http://") + hosts[0].lower()
    foreign = not SITES.issuperset(told.get(b"sec-fetch-site", [])) or any(
        one != own for one in told.get(b"origin", [])
    )
    if foreign and not _followed(scope, told):
        return 403, "this server does not answer to the pages of other sites"
    return None


def _followed(scope: Scope, told: Mapping[bytes, list[bytes]]) -> bool:
    """A link to the page, in a mail or another page, that somebody clicked: the page's own files hold nothing of anybody's, and a
    strict cookie does not come with it."""
    navigates = told.get(b"sec-fetch-mode") == [b"navigate"] and told.get(b"sec-fetch-dest") == [b"document"]
    return navigates and scope.get("method") == "GET" and not scope["path"].startswith("/api") and b"origin" not in told


def _name(host: str) -> str:
    """Without the port."""
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isascii() and port.isdigit() else host.lower()
