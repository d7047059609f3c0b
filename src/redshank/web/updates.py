"""News over a WebSocket: the page says which topics it wants, and is told what of them it may know.

Topics: `alerts`, `events` (history), `cameras`, `observations:CAMERA` (live), `status` (configure). A camera that is not theirs is
silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from redshank.access.who import Verb, Who
from redshank.news import Item, Listener
from redshank.web.guard import Asker, signed_in
from redshank.web.rooms import Rooms, there

routes = APIRouter()
NEEDS = {
    "alerts": Verb.HISTORY,
    "events": Verb.HISTORY,
    "cameras": Verb.LIVE,
    "observations": Verb.LIVE,
    "status": Verb.CONFIGURE,
}
"""By the word before the colon."""
MOST_TOPICS = 200
LOOK_S = 2.0
"""So often we look whether whoever listens still may."""
POLICY = 1008
"""Of RFC 6455: what was asked for is not allowed."""


@routes.websocket("/api/ws")
@signed_in
async def news(socket: WebSocket, who: Asker) -> None:
    """Client: `{"topics": ["alerts", "observations:yard"]}`, again whenever it wants others. Server: `{"topic", "data"}`."""
    rooms: Rooms = socket.app.state.rooms
    room = there(rooms.news, "news")
    await socket.accept()
    listener = room.listen()
    parts = (_hear(socket, listener, who), _send(socket, listener, who), _watch(socket, rooms, who))
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        # Whichever ends first, it is over: gone, talking nonsense, or not allowed any more.
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        listener.close()
        # Whoever is gone already needs no goodbye.
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(POLICY)


async def _hear(socket: WebSocket, listener: Listener, who: Who) -> None:
    """What it wants; nonsense ends it."""
    while True:
        try:
            wanted = json.loads(await socket.receive_text())["topics"]
            topics = [topic for topic in wanted[:MOST_TOPICS] if isinstance(topic, str) and may_hear(who, topic)]
        except (ValueError, KeyError, TypeError):
            return
        listener.want(topics)


def may_hear(who: Who, topic: str) -> bool:
    """Unknown topics are nobody's."""
    name, _, camera = topic.partition(":")
    verb = NEEDS.get(name)
    return verb is not None and bool(camera) == (name == "observations") and who.may(verb, camera or None)


def may_know(who: Who, item: Item) -> bool:
    """Whether this piece of news is theirs."""
    return who.may(NEEDS[item.topic.partition(":")[0]], item.camera or None)


async def _send(socket: WebSocket, listener: Listener, who: Who) -> None:
    told = 0
    while True:
        for item in await listener.take():
            if may_know(who, item):
                missed = listener.dropped - told
                told = listener.dropped
                said = {"topic": item.topic, "data": item.data, **({"missed": missed} if missed else {})}
                await socket.send_text(json.dumps(said, separators=(",", ":"), default=str))


async def _watch(socket: WebSocket, rooms: Rooms, who: Who) -> None:
    """Ends when the session does."""
    while rooms.access is not None and await rooms.access.still(who):
        await socket.app.state.site.clock.sleep(LOOK_S)
