"""A slow viewer loses its own packets only, up to a keyframe, and every loss is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from redshank.media.feed import Unit, Viewers
from tests.fakes import AUDIO, VIDEO, audio_packets, video_packets


async def take(units: AsyncIterator[Unit], count: int) -> list[bytes]:
    return [(await anext(units)).data for _ in range(count)]


def name(number: int) -> bytes:
    return f"packet {number}".encode()


async def test_a_viewer_begins_with_the_next_keyframe_and_hears_no_sound_before() -> None:
    feed = Viewers((VIDEO, AUDIO))
    with feed.subscribe() as units:
        for unit in [*audio_packets(2), *video_packets(12)[5:]]:
            feed.offer(unit)
        assert await take(units, 2) == [name(10), name(11)]
    assert feed.dropped == 0


async def test_with_a_backlog_it_begins_with_the_last_keyframe_at_once() -> None:
    feed = Viewers((VIDEO,), backlog=True)
    for unit in video_packets(15):
        feed.offer(unit)
    with feed.subscribe() as units:
        assert await take(units, 5) == [name(n) for n in range(10, 15)]


async def test_a_backlog_that_would_fill_the_queue_is_not_kept() -> None:
    feed = Viewers((VIDEO,), backlog=True, max_units=20)
    for unit in video_packets(15, gop=30):
        feed.offer(unit)
    with feed.subscribe() as units:
        for unit in video_packets(1):
            feed.offer(unit)
        assert await take(units, 1) == [name(0)]


async def test_a_full_queue_is_emptied_goes_on_at_a_keyframe_and_others_lose_nothing() -> None:
    feed = Viewers((VIDEO,), max_units=12)
    with feed.subscribe() as slow, feed.subscribe() as fast:
        seen = []
        for unit in video_packets(32):
            feed.offer(unit)
            seen += await take(fast, 1)
        assert await take(slow, 12) == [name(n) for n in range(20, 32)]
        assert seen == [name(n) for n in range(32)]
        assert feed.dropped == 20
    assert feed.dropped == 20
    assert len(feed) == 0


async def test_the_bound_is_in_bytes_too() -> None:
    feed = Viewers((VIDEO,), max_bytes=50)
    with feed.subscribe():
        for unit in video_packets(8):
            feed.offer(unit)
        assert feed.dropped == 8


async def test_a_viewer_waits_without_spinning_and_ends_with_the_feed() -> None:
    feed = Viewers((VIDEO,))
    with feed.subscribe() as units:
        waiting = asyncio.ensure_future(take(units, 1))
        await asyncio.sleep(0)
        feed.offer(video_packets(1)[0])
        assert await waiting == [name(0)]
        feed.end()
        assert [unit async for unit in units] == []


async def test_a_feed_of_sound_alone_begins_at_once() -> None:
    feed = Viewers((AUDIO,))
    with feed.subscribe() as units:
        feed.offer(audio_packets(1)[0])
        assert await take(units, 1) == [b"sound"]
