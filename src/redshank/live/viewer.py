"""From one to many on the hub's event loop: what came since the newest keyframe is there at once, what comes waits in a queue each.

Overflow rule: a queue that is full loses what it holds, then everything up to the next keyframe; all of it is counted. A viewer that
is slow therefore hurts only itself, and what it gets always decodes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from redshank.clock import NS_PER_S, Clock
from redshank.media.fanout import Bounds

REMEMBERED_BYTES = 16 << 20
"""Of a longer GOP nothing is remembered: a new viewer then waits for the next keyframe."""
FRESH_S = 5.0
"""What has not gone on for so long is no live picture: the camera is away, or private."""


class Item(Protocol):
    """`model.Packet` and `media.live.Fragment` both fit."""

    @property
    def mono_ns(self) -> int: ...
    @property
    def data(self) -> bytes: ...


T = TypeVar("T", bound=Item)


class Viewer(Generic[T]):
    """Iterate over it: everything since the newest keyframe, then what comes, until it is ended."""

    def __init__(self, bounds: Bounds, since_keyframe: Iterable[T] = ()) -> None:
        """bounds: seconds between arrivals, and bytes. What is there already lies outside of them."""
        self._bounds = bounds
        self._first = deque(since_keyframe)
        self._queue: deque[T] = deque()
        self._bytes = 0
        self._synced = bool(self._first)
        self._ended = False
        self._wake = asyncio.Event()
        self.dropped = 0
        """Items lost to overflow, those skipped up to the next keyframe included."""
        self._overflowed = False

    def offer(self, item: T, starts: bool) -> None:
        """Never waits. starts: decoding can begin here."""
        if starts:
            self._synced = True
        if not self._synced:
            self.dropped += self._overflowed
            return
        self._queue.append(item)
        self._bytes += len(item.data)
        waits_ns = item.mono_ns - self._queue[0].mono_ns
        if self._bytes > self._bounds.bytes or waits_ns > self._bounds.seconds * NS_PER_S:
            self._overflow(item, starts)
        self._wake.set()

    def _overflow(self, newest: T, starts: bool) -> None:
        """A keyframe that overflows the queue starts the new one; anything else waits for the next."""
        self.dropped += len(self._queue) - starts
        self._forget()
        self._overflowed, self._synced = True, starts
        if starts:
            self._queue.append(newest)
            self._bytes = len(newest.data)

    def forget(self) -> None:
        """What waits is not for watching any more (privacy): it begins again with the next keyframe."""
        self._first.clear()
        self._forget()
        self._synced = False

    def _forget(self) -> None:
        self._queue.clear()
        self._bytes = 0

    def end(self) -> None:
        """No more: its iteration ends after what it still holds."""
        self._ended = True
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[T]:
        while (item := await self.next()) is not None:
            yield item

    async def next(self) -> T | None:
        """Waits; None once it is ended. May be cancelled: nothing is lost."""
        while not (self._first or self._queue):
            if self._ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        if self._first:
            return self._first.popleft()
        item = self._queue.popleft()
        self._bytes -= len(item.data)
        return item


class Share(Generic[T]):
    """One sequence of items to many viewers."""

    def __init__(self, bounds: Bounds, clock: Clock) -> None:
        """bounds: of each viewer's queue."""
        self.viewers: set[Viewer[T]] = set()
        self._bounds = bounds
        self._clock = clock
        self._since_keyframe: list[T] = []
        self._bytes = 0
        self._newest_ns = 0
        self._lost = 0

    def offer(self, item: T, starts: bool) -> None:
        """starts: decoding can begin here."""
        self._newest_ns = self._clock.mono_ns()
        self._remember(item, starts)
        for viewer in self.viewers:
            viewer.offer(item, starts)

    def _remember(self, item: T, starts: bool) -> None:
        if starts:
            self._since_keyframe, self._bytes = [], 0
        elif not self._since_keyframe:
            return
        self._since_keyframe.append(item)
        self._bytes += len(item.data)
        if self._bytes > REMEMBERED_BYTES:
            self._since_keyframe = []

    @property
    def newest(self) -> list[T]:
        """Since the newest keyframe; empty when nothing has come for a while."""
        fresh = self._clock.mono_ns() - self._newest_ns < FRESH_S * NS_PER_S
        return list(self._since_keyframe) if fresh else []

    @contextmanager
    def join(self) -> Iterator[Viewer[T]]:
        viewer = Viewer(self._bounds, self.newest)
        self.viewers.add(viewer)
        try:
            yield viewer
        finally:
            self.viewers.discard(viewer)
            self._lost += viewer.dropped

    @property
    def dropped(self) -> int:
        """By all viewers so far."""
        return self._lost + sum(viewer.dropped for viewer in self.viewers)

    def forget(self) -> None:
        """Nothing that came so far is shown to anybody any more."""
        self._since_keyframe = []
        for viewer in self.viewers:
            viewer.forget()

    def end(self) -> None:
        for viewer in self.viewers:
            viewer.end()
