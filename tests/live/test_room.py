"""The live room on a real capture process and a camera whose every picture is numbered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import av

from redshank.live.room import LiveRoom
from redshank.live.viewer import Viewer
from redshank.media.live import Fragment
from redshank.model import Packet
from redshank.pipe import Note
from redshank.process.upstream import Upstream
from tests.harness.clocks import FakeClock
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip, luma_of, read_number
from tests.live.filming import filming, until
from tests.playback.recording import packets_of

YARD = ("yard", "main")


async def take(viewer: Viewer[Fragment], count: int) -> list[Fragment]:
    """So many fragments, as they come."""
    async with asyncio.timeout(20):
        return [fragment for fragment in [await viewer.next() for _ in range(count)] if fragment is not None]


def pictures(fragments: Sequence[Fragment]) -> list[int | None]:
    """What a player would show: the number of each picture."""
    movie = b"".join([fragments[0].init.data, *(fragment.data for fragment in fragments)])
    with av.open(BytesIO(movie), "r") as container:
        return [read_number(luma_of(frame)) for frame in container.decode(video=0)]


def is_whole(shown: Sequence[int | None]) -> bool:
    """Whether no picture is missing."""
    return shown[0] is not None and list(shown) == list(range(shown[0], shown[0] + len(shown)))


async def test_viewers_share_one_upstream_and_each_begins_at_once_with_a_keyframe() -> None:
    with FakeCamera(cached_clip(30, gop_s=4)) as camera:
        async with filming({YARD: camera.url}) as here:
            async with here.room.watch(*YARD) as first:
                early = await take(first, 8)
                async with asyncio.timeout(0.5), here.room.watch(*YARD) as second:
                    begins = await second.next()
                async with here.room.packets(*YARD) as packets:
                    packet = await packets.next()
                assert here.room.viewers(*YARD) == 1
            assert camera.viewers == 1
            assert begins is not None
            assert begins.keyframe
            assert packet is not None
            assert packet.keyframe
    assert early[0].keyframe
    assert is_whole(pictures(early))


async def test_viewers_go_on_when_capture_is_killed() -> None:
    """rel:T43 for live view: who watches keeps their socket, on the same timeline."""
    with FakeCamera(cached_clip(60)) as camera:
        async with filming({YARD: camera.url}) as here, here.room.watch(*YARD) as viewer:
            before = await take(viewer, 6)
            here.kill()
            after = await take(viewer, 12)
            assert here.capture.starts == 2
    fragments = [*before, *after]
    assert len({fragment.init for fragment in fragments}) == 1
    apart = [b.start - a.end for a, b in pairwise(fragments)]
    # The picture that was under way when it was killed may be missing: a tenth of a second here.
    assert all(0 <= one < 90_000 * 3 / 20 for one in apart), apart
    shown = pictures(fragments)
    assert None not in shown
    assert shown == sorted(shown, key=lambda number: number or 0)


async def test_a_stream_is_fetched_only_while_somebody_watches() -> None:
    with FakeCamera() as camera:
        async with filming({YARD: camera.url}) as here:
            async with here.room.watch(*YARD) as viewer:
                await take(viewer, 2)
            count = here.offered
            await until(lambda: here.offered > count)  # it lingers, so that a tile opened again is there at once
            async with asyncio.timeout(0.3), here.room.watch(*YARD) as viewer:
                await viewer.next()
            await until(lambda: not here.room.viewers(*YARD))
            await until(lambda: here.asked[-1] == ("unwatch", *YARD), 8)
            count, sent = here.offered, len(camera.journal)
            await until(lambda: len(camera.journal) > sent + 5)
            assert here.offered <= count + 1
        assert here.asked == [("watch", *YARD), ("unwatch", *YARD)]


async def test_a_camera_that_becomes_private_is_forgotten_at_once() -> None:
    with FakeCamera() as camera:
        async with filming({YARD: camera.url}) as here, here.room.watch(*YARD) as viewer:
            await take(viewer, 3)
            here.capture.tell(Note("record", {"camera": "yard", "mode": "continuous", "private": True}))
            told = list[str]()
            here.room.forgets.append(told.append)
            await until(lambda: told)
            async with here.room.watch(*YARD) as late, here.room.packets(*YARD) as packets:
                for nothing in (late, packets, viewer):
                    waits = asyncio.ensure_future(nothing.next())
                    done, _ = await asyncio.wait({waits}, timeout=0.4)
                    assert not done
                    waits.cancel()


async def test_a_camera_that_became_private_while_there_was_no_capture_process_is_forgotten() -> None:
    with FakeCamera() as camera:
        async with filming({YARD: camera.url}) as here, here.room.watch(*YARD) as viewer:
            await take(viewer, 3)
            told = list[str]()
            here.room.forgets.append(told.append)
            here.silent = ("yard",)
            here.kill()
            await until(lambda: told)
    assert told == ["yard"]


async def test_what_is_transcoded_is_forgotten_too(clock: FakeClock) -> None:
    """Also what a muxer holds, which is no fragment yet."""
    room, given = LiveRoom(Upstream(), clock), asyncio.Queue[Packet]()
    packets = packets_of(cached_clip(4, gop_s=1), clock.now(), "yard", "sub")[0]

    @asynccontextmanager
    async def transcode(_camera: str, _stream: str) -> AsyncIterator[AsyncIterator[Packet]]:
        yield aiter_of(given)

    async def give(first: int, last: int) -> None:
        for packet in packets[first:last]:
            clock.advance(0.1)
            given.put_nowait(replace(packet, mono_ns=clock.mono_ns()))
            for _ in range(5):
                await asyncio.sleep(0)

    room.transcode = transcode
    async with room.transcoded("yard", "sub", sound=False) as viewer:
        await give(0, 21)  # the last one is a keyframe
        room.forget("yard")
        waits = asyncio.ensure_future(viewer.next())
        await give(31, 36)
        assert not waits.done(), "pictures of before, or none to begin with"
        private_ns = clock.mono_ns()
        await give(30, 36)
        fragment = await waits
        assert fragment is not None
        assert fragment.keyframe
        assert fragment.mono_ns > private_ns
    await room.stop()


async def aiter_of(queue: asyncio.Queue[Packet]) -> AsyncIterator[Packet]:
    while True:
        yield await queue.get()
