"""A window of low-latency HLS: how fragments become segments, and what a playlist says of them (RFC 8216bis)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from redshank.live.hls import MOST_BYTES, SEGMENTS, LiveHls, Window
from redshank.live.room import LiveRoom
from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.live import Fragment, Init
from tests.harness.clocks import FakeClock
from tests.harness.footage import cached_clip
from tests.live.filming import until
from tests.playback.recording import packets_of

INIT = Init(b"ftyp", "h264", "avc1.640016", 640, 360, False)
PART = VIDEO_SCALE // 5


def fragment(number: int, init: Init = INIT, gop: int = 5) -> Fragment:
    """200 ms; a keyframe every `gop`."""
    at = number * PART
    return Fragment(init, b"%d " % number, number % gop == 0, at, at + PART, at, 1_000_000 * number // 5, 0)


async def window(count: int, gop: int = 5) -> Window:
    made = Window()
    for number in range(count):
        await made.add(fragment(number, gop=gop))
    return made


async def test_a_segment_ends_at_the_first_keyframe_after_two_seconds() -> None:
    made = await window(33)
    assert [len(one.parts) for one in made.segments] == [10, 10, 10, 3]
    assert await made.piece("1.m4s") == b"".join(b"%d " % number for number in range(10, 20))
    assert await made.piece("3.m4s") is None
    text = made.playlist()
    assert "#EXTINF:2.00000,\n1.m4s" in text
    assert '#EXT-X-PART:DURATION=0.20000,URI="3.0.m4s",INDEPENDENT=YES' in text
    assert '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="3.3.m4s"' in text
    assert "#EXT-X-TARGETDURATION:6\n" in text
    assert 'URI="0.0.m4s"' not in text


async def test_without_keyframes_a_segment_is_cut_before_it_is_too_long() -> None:
    made = await window(95, gop=1000)
    assert [len(one.parts) for one in made.segments] == [30, 30, 30, 5]
    assert all(one.ticks <= 6 * VIDEO_SCALE for one in made.segments)


async def test_the_oldest_go_and_the_numbers_stay() -> None:
    made = await window(200)
    assert len(made.segments) == SEGMENTS + 1
    assert f"#EXT-X-MEDIA-SEQUENCE:{made.segments[0].number}\n" in made.playlist()
    assert made.segments[0].number == 13
    assert await made.piece("12.m4s") is None


async def test_another_format_is_a_break_with_an_init_segment_of_its_own() -> None:
    made = await window(12)
    other = replace(INIT, data=b"other", width=1280)
    for number in range(12, 30):
        await made.add(fragment(number, other))
    text = made.playlist()
    assert '#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="init-1.mp4"' in text
    assert await made.piece("init-1.mp4") == b"other"
    for number in range(30, 120):
        await made.add(fragment(number, other))
    text = made.playlist()
    assert "#EXT-X-DISCONTINUITY\n" not in text
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:1\n" in text
    assert '#EXT-X-MAP:URI="init-1.mp4"' in text
    assert await made.piece("init-0.mp4") is None


async def test_a_part_that_comes_next_is_waited_for_and_what_is_far_is_not() -> None:
    made = await window(13)
    waits = asyncio.ensure_future(made.piece("1.3.m4s"))
    await asyncio.sleep(0)
    assert not waits.done()
    await made.add(fragment(13))
    assert await waits == b"13 "
    assert not await made.until(9, 0)
    assert [await made.piece(name) for name in ("99.m4s", "1.99x.m4s", "init-7.mp4", "../1.m4s", "١.m4s")] == [None] * 5


class Nothing:
    """An upstream that has no cameras."""

    def watch(self, camera: str, stream: str) -> None: ...
    def unwatch(self, camera: str, stream: str) -> None: ...


async def film(room: LiveRoom, clock: FakeClock, clip_s: int, first: int = 0) -> None:
    """A clip as a camera sends it, its clock beside."""
    packets = packets_of(cached_clip(clip_s, gop_s=1), clock.now(), "yard", "main")[0]
    for number, packet in enumerate(packets, first):
        clock.advance(0.1)
        room.offer(replace(packet, mono_ns=clock.mono_ns(), time=clock.now(), seq=number))
        for _ in range(9):  # every task on the way to the window has its turn
            await asyncio.sleep(0)


async def test_a_window_ends_when_nobody_asks_any_more(clock: FakeClock) -> None:
    room = LiveRoom(Nothing(), clock)
    hls = LiveHls(room, clock)
    asked = asyncio.ensure_future(hls.window("yard", "main"))
    await until(lambda: room.viewers("yard", "main"))
    await film(room, clock, 20)
    assert await asked is not None, "there were seconds of it while somebody asked"
    await until(lambda: not room.viewers("yard", "main"))
    await hls.stop()
    await room.stop()


async def test_a_window_ends_when_nothing_comes_any_more_however_often_it_is_asked_for(clock: FakeClock) -> None:
    room = LiveRoom(Nothing(), clock)
    hls = LiveHls(room, clock)
    asked = asyncio.ensure_future(hls.window("yard", "main"))
    await until(lambda: room.viewers("yard", "main"))
    await film(room, clock, 8)
    window = await asked
    assert window is not None
    assert (await hls.window("yard", "main")) is window
    for _ in range(3):
        clock.advance(4)
        window.asked_ns = clock.mono_ns()
    await until(lambda: not window.alive)
    assert not room.viewers("yard", "main")
    await hls.stop()
    await room.stop()


async def test_numbers_go_on_when_a_segment_is_too_large_to_be_kept() -> None:
    made = Window()
    for number in range(3):
        await made.add(replace(fragment(number, gop=1000), data=bytes(MOST_BYTES // 2 + 1)))
    assert [one.number for one in made.segments] == [1]
