"""What happens now, for whoever listens: each listener has a queue of their own, so that a slow one hurts only itself.

Everything runs on the event loop. Overflow rule: a full queue loses its oldest, and the listener is told `missed` with the next one it
takes, so that it reads anew what it shows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

WAITING = 500
"""News a listener may be behind."""


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of news."""

    topic: str
    """alerts, events, cameras, status, or observations:CAMERA."""
    camera: str
    """Whom it is about; empty: the site."""
    data: Mapping[str, Any]


class Listener:
    """Made by `News.listen`; `close` it when done."""

    def __init__(self, news: News) -> None:
        self._news = news
        self._queue: deque[Item] = deque()
        self._ready = asyncio.Event()
        self.topics: frozenset[str] = frozenset()
        self.dropped = 0

    def want(self, topics: Iterable[str]) -> None:
        """From now on these."""
        self.topics = frozenset(topics)
        self._news.recount()

    def offer(self, item: Item) -> None:
        if len(self._queue) >= WAITING:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(item)
        self._ready.set()

    async def take(self) -> list[Item]:
        """Everything that waits, oldest first; waits until there is something."""
        await self._ready.wait()
        self._ready.clear()
        taken = list(self._queue)
        self._queue.clear()
        return taken

    def close(self) -> None:
        self._news.leave(self)


class News:
    """One per site."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._wanted: frozenset[str] = frozenset()

    def listen(self) -> Listener:
        listener = Listener(self)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Idempotent."""
        self._listeners.discard(listener)
        self.recount()

    def recount(self) -> None:
        """A listener wants other topics now."""
        topics: Collection[str] = [topic for each in self._listeners for topic in each.topics]
        self._wanted = frozenset(topics)

    def wanted(self, topic: str) -> bool:
        """Whether anybody listens: ask before making something costly."""
        return topic in self._wanted

    def say(self, topic: str, camera: str, data: Mapping[str, Any]) -> None:
        if topic not in self._wanted:
            return
        item = Item(topic, camera, data)
        for listener in self._listeners:
            if topic in listener.topics:
                listener.offer(item)
