"""A site with two cameras and everybody who may ask: one with a session, one with a token, one with nothing. For tests of all routes.

The application is asked without a network, on the test's own loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute

from redshank.access import account
from redshank.access.desk import Came, Desk
from redshank.access.password import Passwords
from redshank.access.secret import digest, new_secret
from redshank.access.who import NOBODY, Role, Verb, Who
from redshank.clock import US_PER_S, new_id
from redshank.store.tokens import Guest
from redshank.web.guard import COOKIE
from redshank.web.rooms import Rooms
from tests.access import people
from tests.web.serving import Place, place

YARD, QUARRY = "yard", "quarry"
"""Those who are limited know the yard only."""
OWN = {"Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True)
class Asker:
    """Somebody, and how they prove it."""

    name: str
    headers: Mapping[str, str]


@dataclass
class Town:
    here: Place
    desk: Desk
    app: FastAPI
    askers: dict[str, Asker] = field(default_factory=dict)

    async def who(self, asker: Asker) -> Who:
        cookie = asker.headers.get("Cookie", "").partition("=")[2]
        bearer = asker.headers.get("Authorization", "").removeprefix("Bearer ")
        return await self.desk.who(cookie, bearer, "") or NOBODY

    async def ask(self, asker: Asker, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**asker.headers, **more.pop("headers", {})}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers, **more)

    async def knock(self, asker: Asker, path: str, **headers: str) -> int:
        """Status a WebSocket is refused with; 101: it is open."""
        path, _, query = path.partition("?")
        told = {"host": "localhost", **asker.headers, **headers}
        scope = {
            "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws", "path": path,
            "raw_path": path.encode(), "root_path": "", "query_string": query.encode(), "subprotocols": [], "state": {},
            "headers": [(name.lower().encode(), value.encode()) for name, value in told.items()],
            "client": ("192.0.2.7", 1), "server": ("127.0.0.1", 80), "extensions": {"websocket.http.response": {}},
        }  # fmt: skip
        first: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        inbox.put_nowait({"type": "websocket.connect"})

        async def send(message: Mapping[str, Any]) -> None:
            if not first.done():
                refused = 403 if message["type"] == "websocket.close" else 101
                first.set_result(message.get("status", refused))
                inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})

        await self.app(scope, inbox.get, send)
        return await first


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    with place(folder) as here:
        here.cameras = {YARD: ("main", "sub"), QUARRY: ("main", "sub")}
        desk = Desk(here.store, here.clock, Passwords(people.CHEAP))
        here.rooms = Rooms(access=desk)
        made = Town(here, desk, here.app)
        await _people(made)
        yield made
        desk.close()


async def _people(made: Town) -> None:
    desk = made.desk

    async def session(name: str) -> None:
        cookie = await desk.login(name, people.PASSWORD, Came("127.0.0.1"))
        made.askers[name] = Asker(name, {"Cookie": f"{COOKIE}={cookie}"})

    await people.admin(desk)
    only = {Verb.LIVE: [YARD], Verb.HISTORY: [YARD]}
    await people.user(desk, "operator", Role.OPERATOR)
    await people.user(desk, "viewer")
    await people.user(desk, "limited", rights=only)
    more = {**only, Verb.EXPORT: [YARD], Verb.TALK: [YARD]}
    await people.user(desk, "limited operator", Role.OPERATOR, rights=more)
    made.askers["anonymous"] = Asker("anonymous", {})
    for name in ("admin", "operator", "viewer", "limited", "limited operator"):
        await session(name)
    boss = (await desk.register()).admins[0]
    scopes: list[list[Verb]] = [*([verb] for verb in Verb), list(Verb)]
    for scope in scopes:
        for cameras in (None, [YARD]):
            name = f"token {scope[0] if len(scope) == 1 else 'all'} {'everywhere' if cameras is None else YARD}"
            secret = await people.token(desk, boss, [str(verb) for verb in scope], cameras)
            made.askers[name] = Asker(name, {"Authorization": f"Bearer {secret}"})
    link, now = new_secret(), made.here.clock.now()
    guest = Guest(new_id(now), "guest", digest(link), ["live"], [YARD], boss.id, now, now + 3600 * US_PER_S)
    await desk.change(partial(account.give, one=guest))
    cookie = await desk.enter(link, Came("127.0.0.1"))
    made.askers["guest"] = Asker("guest", {"Cookie": f"{COOKIE}={cookie}"})


def routes_of(app: FastAPI) -> Iterator[APIRoute | APIWebSocketRoute]:
    """The whole table, as the application has it."""
    for included in app.routes:
        for route in included.original_router.routes:  # type: ignore[attr-defined]
            assert isinstance(route, APIRoute | APIWebSocketRoute), f"{route} does not pass the guard"
            yield route


def methods_of(route: APIRoute | APIWebSocketRoute) -> list[str]:
    """`WS` for a socket."""
    return sorted(route.methods or ()) if isinstance(route, APIRoute) else ["WS"]


def need_of(route: APIRoute | APIWebSocketRoute) -> object:
    """Raises AssertionError when it says nothing of whom it answers."""
    need = getattr(route.endpoint, "__needs__", None)
    assert need is not None, f"{route.path}: say whom it answers: @needs(Verb.…), @signed_in or @public"
    return need
