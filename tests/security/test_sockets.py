"""rel:S11, rel:S18: sockets of a real server that stay open: who gets none, and how soon one ends whose owner may not any more."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from redshank.access import account
from redshank.access.desk import Came, Desk
from redshank.access.password import Passwords
from redshank.access.secret import digest, new_secret
from redshank.access.who import Who
from redshank.clock import US_PER_S, SystemClock, new_id
from redshank.live.room import LiveRoom
from redshank.news import News
from redshank.store.tokens import Guest, Token
from redshank.web.app import listen, serve
from redshank.web.guard import COOKIE
from redshank.web.rooms import Rooms
from tests.access import people
from tests.web.serving import place

CLOCK = SystemClock()
SOCKETS = ("/api/ws", "/api/live/yard/mse")
CLOSED_S = 5.0


class Silent:
    """Cameras that send nothing."""

    def watch(self, camera: str, stream: str) -> None: ...

    def unwatch(self, camera: str, stream: str) -> None: ...


@dataclass
class Here:
    desk: Desk
    port: int
    news: News
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    """Headers by which each is known."""

    def join(self, path: str, headers: dict[str, str]) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}{path}", additional_headers=headers, proxy=None)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    with place(tmp_path) as made:
        made.clock = CLOCK  # type: ignore[assignment]
        desk = Desk(made.store, CLOCK, Passwords(people.CHEAP))
        news = News()
        made.rooms = Rooms(access=desk, news=news, live=LiveRoom(Silent(), CLOCK))
        listening = listen("127.0.0.1", 0)
        task = asyncio.create_task(serve(made.app, listening))
        yard = Here(desk, listening.getsockname()[1], news)
        await fill(yard)
        yield yard
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        desk.close()


async def fill(here: Here) -> None:
    await people.admin(here.desk)
    await people.user(here.desk, "vera")
    for name in ("admin", "vera"):
        here.people[name] = cookie(await here.desk.login(name, people.PASSWORD, Came("127.0.0.1")))


REFUSED = {
    "nothing": {},
    "a cookie that never was": {"Cookie": f"{COOKIE}=x"},
    "a token that never was": {"Authorization": "Bearer rs_nobody"},
}


@pytest.mark.parametrize("path", SOCKETS)
async def test_nobody_and_other_sites_get_no_socket(here: Here, path: str) -> None:
    """rel:S11."""
    good = here.people["vera"]
    own = f"http://127.0.0.1:{here.port}"
    wrong = [
        *REFUSED.values(),
        *({**good, "Origin": origin} for origin in ("https://evil.example", "null", f"{own}.evil.example", "http://127.0.0.1", "file://")),
        {**good, "Sec-Fetch-Site": "cross-site"},
        {**good, "Host": "evil.example"},
    ]  # fmt: skip
    for headers in wrong:
        with pytest.raises(InvalidStatus) as refused:
            async with here.join(path, headers):
                pass
        assert refused.value.response.status_code in (400, 401, 403), headers
    async with here.join(path, {**good, "Origin": own}) as socket:
        assert socket.state.name == "OPEN"


Revoke = Callable[[Desk, Who], Awaitable[object]]


async def removed(desk: Desk, who: Who) -> None:
    await desk.change(partial(account.remove, id=who.id))


async def changed(desk: Desk, who: Who, **values: object) -> None:
    await desk.change(partial(account.change, id=who.id, values=values))


async def new_password(desk: Desk, who: Who) -> None:
    await changed(desk, who, password=await desk.passwords.hash("another password"))


async def logged_out(desk: Desk, who: Who) -> None:
    await desk.logout(who)


async def taken(desk: Desk, who: Who) -> None:
    await desk.change(partial(account.take, kind=Token if who.kind == "token" else Guest, id=who.id))


async def nothing(_desk: Desk, _who: Who) -> None:
    """Time alone."""


WAYS: dict[str, Revoke] = {
    "removed": removed,
    "disabled": partial(changed, disabled=True),
    "fewer rights": partial(changed, rights={"live": [], "history": []}),
    "another role": partial(changed, role="operator"),
    "another password": new_password,
    "logged out": logged_out,
    "token": taken,
    "guest": taken,
    "token for a moment": nothing,
    "guest for a moment": nothing,
}


async def test_a_socket_ends_soon_after_its_owner_may_not_any_more(here: Here) -> None:
    """rel:S11, rel:S18: within 5 s, whichever way; whoever still may is not disturbed."""
    async with here.join("/api/ws", here.people["admin"]) as kept:
        took = await asyncio.gather(*(closed(here, name, path) for name in WAYS for path in SOCKETS))
        assert max(took) <= CLOSED_S
        await kept.send(json.dumps({"topics": ["alerts"]}))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await kept.recv()


async def closed(here: Here, name: str, path: str) -> float:
    """Seconds from the moment they may not any more until the socket is closed."""
    headers, ends = await comes(here, name, path)
    _, _, secret = headers.get("Cookie", "").partition("=")
    who = await here.desk.who(secret, headers.get("Authorization", "").removeprefix("Bearer "), "")
    assert who is not None
    async with here.join(path, headers) as socket:
        await WAYS[name](here.desk, who)
        begun = ends or CLOCK.now()
        with pytest.raises(ConnectionClosedError) as over:
            await drained(socket)
        assert over.value.rcvd is not None
        assert over.value.rcvd.code in (1008, 4403)
    with pytest.raises(InvalidStatus):
        async with here.join(path, headers):
            pass
    return (CLOCK.now() - begun) / US_PER_S


async def test_who_drops_the_line_leaves_no_error_behind(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    """A phone in a tunnel: nobody is there any more to be said goodbye to."""
    for path in SOCKETS:
        for _ in range(5):
            async with here.join(path, here.people["admin"]) as socket:
                await socket.send('{"topics": ["alerts"]}' if path == "/api/ws" else '{"pause": true}')
                socket.transport.abort()
    await removed_listeners(here)
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


async def removed_listeners(here: Here) -> None:
    """Until the server has seen that they are gone."""
    async with asyncio.timeout(5):
        while here.news._listeners:
            await CLOCK.sleep(0.01)


async def drained(socket: ClientConnection) -> None:
    async with asyncio.timeout(CLOSED_S + 4):
        while True:
            await socket.recv()


async def comes(here: Here, name: str, path: str) -> tuple[dict[str, str], int]:
    """Somebody of this test's own: headers, and when they end by themselves, or 0."""
    desk, now = here.desk, CLOCK.now()
    boss, ends = (await desk.register()).admins[0], now + 3 * US_PER_S if "moment" in name else 0
    if name.startswith("token"):
        secret = await people.token(desk, boss, ["live", "history"], ends=ends or None)
        return {"Authorization": f"Bearer {secret}"}, ends
    if name.startswith("guest"):
        link = new_secret()
        guest = Guest(new_id(now), "guest", digest(link), ["live"], ["yard"], boss.id, now, ends or now + 60 * US_PER_S)
        await desk.change(partial(account.give, one=guest))
        return cookie(await desk.enter(link, elsewhere(name, path))), ends
    user = await people.user(desk, f"{name} {path}")
    return cookie(await desk.login(user.name, people.PASSWORD, elsewhere(name, path))), 0


def cookie(secret: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={secret}"}


def elsewhere(*names: str) -> Came:
    """From an address of their own: many who come from the same must wait."""
    return Came(str(ip_address(0x0A000000 + zlib.crc32("".join(names).encode()) % 0xFFFFFF)))
