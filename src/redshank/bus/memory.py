"""The bus inside one process. Everything runs on the event loop.

Each member of a group has its own queue. Overflow: of observations and camera states the oldest is dropped and counted; events and
alerts are never dropped, `publish` waits for room instead. Messages of one key (camera, or site) go to one member at a time, in
order. A message counts as handled when its reader asks for the next one or leaves without an exception; what a member
leaves behind goes to the others of its group, or is dropped and counted when there are none.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count

from redshank.bus.base import VERSION, Envelope, Topic
from redshank.bus.messages import LOSSY
from redshank.errors import BusError

log = logging.getLogger(__name__)


class MemoryBus:
    """See `bus.base.Bus`. `capacity`: messages a member may have waiting, for each of the two overflow rules."""

    def __init__(self, capacity: int = 1000) -> None:
        self._capacity = capacity
        self._groups: dict[str, list[_Member]] = {}
        self._numbers = count()
        self._stopped = False
        self._counts = {"published": 0, "acknowledged": 0, "dropped": 0, "parked": 0}

    async def start(self) -> None:
        self._stopped = False

    async def publish(self, topic: Topic, envelope: Envelope) -> None:
        if self._stopped:
            raise BusError("the bus is stopped")
        self._counts["published"] += 1
        if envelope.v != VERSION:
            self._counts["parked"] += 1
            log.warning("message parked", extra={"reason": f"version {envelope.v}", "topic": topic, "id": envelope.id})
            return
        number = next(self._numbers)
        for group in list(self._groups):
            await self._put(group, topic, number, envelope)
        self._counts["acknowledged"] += 1

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[Topic], group: str) -> AsyncIterator[AsyncIterator[Envelope]]:
        member = _Member(frozenset(topics), self._capacity)
        self._groups.setdefault(group, []).append(member)
        self._deal(group, [])
        failed = True
        try:
            yield member
            failed = False
        finally:
            self._groups[group].remove(member)
            member.end()
            self._deal(group, [member.current] if failed and member.current else [], [member])

    def stats(self) -> Mapping[str, int]:
        members = [member for group in self._groups.values() for member in group]
        return {**self._counts, "waiting": sum(member.waiting for member in members)}

    async def stop(self) -> None:
        """Readers get what waits for them and then end."""
        self._stopped = True
        for member in [member for group in self._groups.values() for member in group]:
            member.end()

    async def _put(self, group: str, topic: Topic, number: int, envelope: Envelope) -> None:
        """Members may come and go while this waits for room, so the choice is made again."""
        while member := self._choose(group, topic, envelope):
            if topic in LOSSY:
                self._counts["dropped"] += member.put_lossy((topic, number, envelope))
                return
            if member.put_sure((topic, number, envelope)):
                return
            await member.room()

    def _choose(self, group: str, topic: Topic, envelope: Envelope) -> _Member | None:
        members = [m for m in self._groups.get(group, ()) if topic in m.topics and not m.ended]
        key = envelope.camera if topic in LOSSY else envelope.site
        return members[zlib.crc32(key.encode()) % len(members)] if members else None

    def _deal(self, group: str, unhandled: Sequence[_Item], gone: Sequence[_Member] = ()) -> None:
        """Somebody came or left: what waits is shared out again, in order."""
        items = [*unhandled]
        for member in [*gone, *self._groups[group]]:
            items += member.give_up()
        for topic, number, envelope in sorted(items, key=lambda item: item[1]):
            heir = self._choose(group, topic, envelope)
            if heir is None:
                self._counts["dropped"] += 1
                log.info("message left unread", extra={"topic": topic, "group": group, "id": envelope.id})
            else:
                heir.inherit((topic, number, envelope))
        if not self._groups[group]:
            del self._groups[group]


_Item = tuple[Topic, int, Envelope]


class _Member:
    """One reader and its queue. Two deques, because the two kinds of messages overflow differently; numbers keep their order."""

    def __init__(self, topics: frozenset[Topic], capacity: int) -> None:
        self.topics = topics
        self.current: _Item | None = None
        """Handed out and not yet handled."""
        self.ended = False
        self._capacity = capacity
        self._lossy: deque[_Item] = deque()
        self._sure: deque[_Item] = deque()
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[Envelope]:
        return self

    async def __anext__(self) -> Envelope:
        self.current = None
        while not self.waiting:
            if self.ended:
                raise StopAsyncIteration
            self._filled.clear()
            await self._filled.wait()
        queues = [queue for queue in (self._lossy, self._sure) if queue]
        self.current = min(queues, key=lambda queue: queue[0][1]).popleft()
        self._drained.set()
        return self.current[2]

    @property
    def waiting(self) -> int:
        return len(self._lossy) + len(self._sure)

    def put_lossy(self, item: _Item) -> int:
        """How many were dropped for it: 0 or 1."""
        full = len(self._lossy) >= self._capacity
        if full:
            self._lossy.popleft()
        self.inherit(item)
        return int(full)

    def put_sure(self, item: _Item) -> bool:
        """False when there is no room."""
        if len(self._sure) >= self._capacity:
            self._drained.clear()
            return False
        self.inherit(item)
        return True

    async def room(self) -> None:
        """Wait until something was taken, or the member left."""
        await self._drained.wait()

    def inherit(self, item: _Item) -> None:
        """Take it, whether there is room or not."""
        (self._lossy if item[0] in LOSSY else self._sure).append(item)
        self._filled.set()

    def give_up(self) -> list[_Item]:
        """Everything that waits, in no order."""
        items = [*self._lossy, *self._sure]
        self._lossy.clear()
        self._sure.clear()
        self._drained.set()
        return items

    def end(self) -> None:
        self.ended = True
        self._filled.set()
        self._drained.set()
