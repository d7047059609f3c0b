"""News over a WebSocket: what was asked for and is theirs, nothing else, for as long as they may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from redshank.access.who import Verb, Who
from redshank.news import News
from redshank.web.app import listen, serve
from redshank.web.rooms import Rooms
from redshank.web.updates import LOOK_S, may_hear
from tests.web.serving import Everybody, Place, place

LIMITED = Who("user", "u2", "guard", rights={Verb.LIVE: frozenset({"yard"}), Verb.HISTORY: frozenset({"yard"})})


class Served:
    """The app on this test's own loop."""

    def __init__(self, here: Place, door: Everybody, news: News, address: str) -> None:
        self.here, self.door, self.news, self.address = here, door, news, address

    def join(self, **headers: str) -> connect:
        return connect(f"{self.address}/api/ws", additional_headers=headers)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    with place(tmp_path) as here:
        news = News()
        door = Everybody(LIMITED)
        here.rooms = Rooms(access=door, news=news)
        listening = listen("127.0.0.1", 0)
        task = asyncio.create_task(serve(here.app, listening))
        try:
            yield Served(here, door, news, f"ws://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def asked(served: Served, socket: ClientConnection, *topics: str) -> None:
    """Until the server has heard it."""
    await socket.send(json.dumps({"topics": topics}))
    await until(lambda: any(served.news.wanted(topic) for topic in topics))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the server says nothing of it
            await asyncio.sleep(0)


async def heard(socket: ClientConnection) -> dict[str, object]:
    async with asyncio.timeout(5):
        found: dict[str, object] = json.loads(await socket.recv())
        return found


async def test_what_was_asked_for_is_told_but_not_of_a_camera_that_is_not_theirs(served: Served) -> None:
    async with served.join() as socket:
        await asked(served, socket, "alerts", "status", "observations:street", "observations:yard")
        assert not served.news.wanted("status")
        assert not served.news.wanted("observations:street")
        served.news.say("alerts", "street", {"id": "theirs not"})
        served.news.say("alerts", "yard", {"id": "theirs"})
        assert await heard(socket) == {"topic": "alerts", "data": {"id": "theirs"}}


async def test_a_session_that_ends_ends_the_socket(served: Served) -> None:
    """rel:S11"""
    async with served.join() as socket:
        await asked(served, socket, "alerts")
        served.door.asker = None
        await until(lambda: LOOK_S in served.here.clock.slept)
        served.here.clock.advance(LOOK_S)
        with pytest.raises(ConnectionClosed):
            await heard(socket)


async def test_a_page_of_another_site_and_nobody_get_no_socket(served: Served) -> None:
    """rel:S11"""
    with pytest.raises(InvalidStatus):
        async with served.join(Origin="https://evil.example"):
            pass
    served.door.asker = None
    with pytest.raises(InvalidStatus):
        async with served.join():
            pass


@pytest.mark.parametrize("nonsense", ["[]", "{", '{"topics": 7}', '{"topics": null}', "null"])
async def test_nonsense_ends_the_socket_and_nothing_else(served: Served, nonsense: str) -> None:
    async with served.join() as socket, served.join() as other:
        await socket.send(nonsense)
        with pytest.raises(ConnectionClosed):
            await heard(socket)
        await asked(served, other, "alerts")


@pytest.mark.parametrize("topic", ["", "alerts:yard", "observations", "observations:", "secrets", "cameras:x"])
def test_a_topic_that_is_none_is_nobodys(topic: str) -> None:
    assert not may_hear(Who("user", "u", "u", rights=dict.fromkeys(Verb)), topic)
