"""One slow viewer among others: what it loses, and that nobody else loses anything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from redshank.live.viewer import FRESH_S, REMEMBERED_BYTES, Share
from redshank.media.fanout import Bounds
from tests.harness.clocks import FakeClock

STEP_NS = 200_000_000


@dataclass(frozen=True)
class Item:
    number: int
    data: bytes = b"."

    @property
    def mono_ns(self) -> int:
        return self.number * STEP_NS

    @property
    def starts(self) -> bool:
        return self.number % 5 == 0


def share(clock: FakeClock, bounds: Bounds = Bounds(2.0, 1000)) -> Share[Item]:
    return Share(bounds, clock)


async def test_who_is_slow_skips_to_a_keyframe_and_hurts_nobody(clock: FakeClock) -> None:
    made, quick = share(clock), list[int]()
    with made.join() as slow, made.join() as fast:
        for number in range(41):
            made.offer(Item(number), number % 5 == 0)
            item = await fast.next()
            assert item is not None
            quick.append(item.number)
        made.end()
        late = [item.number async for item in slow]
    assert quick == list(range(41))
    assert late[0] % 5 == 0
    assert late == list(range(late[0], 41))
    assert (fast.dropped, slow.dropped) == (0, 41 - len(late))
    assert (len(late) - 1) * 0.2 <= 2.0
    assert made.dropped == slow.dropped


async def test_bytes_are_bounded_too(clock: FakeClock) -> None:
    made = share(clock)
    with made.join() as slow:
        for number in range(12):
            made.offer(Item(number, bytes(300)), number % 5 == 0)
        made.end()
        assert [item.number async for item in slow] == [10, 11]
    assert made.dropped == 10


async def test_who_joins_gets_the_newest_group_of_pictures_however_slow(clock: FakeClock) -> None:
    made = share(clock, Bounds(0.3, 1000))
    for number in range(8):
        made.offer(Item(number), number % 5 == 0)
    with made.join() as late:
        made.offer(Item(8), False)
        made.end()
        assert [item.number async for item in late] == [5, 6, 7, 8]


async def test_an_old_picture_is_not_shown_as_a_live_one(clock: FakeClock) -> None:
    made = share(clock)
    made.offer(Item(0), True)
    clock.advance(FRESH_S)
    with made.join() as late:
        made.offer(Item(1), False)
        made.offer(Item(5), True)
        made.end()
        assert [item.number async for item in late] == [5]


async def test_of_an_endless_group_of_pictures_nothing_is_remembered(clock: FakeClock) -> None:
    made = share(clock)
    made.offer(Item(0), True)
    made.offer(Item(1, bytes(REMEMBERED_BYTES)), False)
    with made.join() as late:
        made.offer(Item(2), False)
        made.offer(Item(5), True)
        made.end()
        assert [item.number async for item in late] == [5]


async def test_what_is_forgotten_is_shown_to_nobody(clock: FakeClock) -> None:
    made = share(clock)
    made.offer(Item(0), True)
    with made.join() as there:
        made.offer(Item(1), False)
        made.forget()
        with made.join() as late:
            for number in (2, 5, 6):
                made.offer(Item(number), number % 5 == 0)
            made.end()
            assert [item.number async for item in there] == [5, 6]
            assert [item.number async for item in late] == [5, 6]


async def test_a_wait_that_is_cancelled_loses_nothing(clock: FakeClock) -> None:
    made = share(clock)
    with made.join() as viewer:
        waits = asyncio.ensure_future(viewer.next())
        await asyncio.sleep(0)
        waits.cancel()
        made.offer(Item(0), True)
        assert await viewer.next() == Item(0)
