"""The newest picture of a camera: never an old one, and one decode for whoever asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from redshank.clock import US_PER_S, SystemClock
from redshank.live.pictures import NoPicture, Stills, Subject, streams_for, width_class
from redshank.pipe import Note
from tests.harness.clocks import FakeClock
from tests.harness.footage import cached_clip, read_number
from tests.live.cameras import Cameras
from tests.playback.decoding import InlineStudio, luma_of_jpeg

YARD = Subject("yard", ("main", "sub"))
S = US_PER_S


@pytest.fixture
def cameras(clock: FakeClock) -> Cameras:
    """Two seconds of both streams of `yard` (GOP 1 s, 10 fps), the last picture now."""
    made = Cameras()
    for stream, width in (("main", 640), ("sub", 320)):
        made.add(cached_clip(2, width=width, height=width * 9 // 16), clock.now() - 2 * S + 100_000, stream=stream)
    return made


async def test_it_is_the_newest_keyframe_of_the_stream_that_does(cameras: Cameras, clock: FakeClock) -> None:
    stills = Stills(cameras, InlineStudio(), clock)
    small = await stills.latest(YARD, 300, 10 * S)
    large = await stills.latest(YARD, 1000, 10 * S)
    assert (small.stream, large.stream) == ("sub", "main")
    assert read_number(luma_of_jpeg(small.data)) == 10
    assert luma_of_jpeg(large.data).shape == (360, 640)
    assert small.time == clock.now() - 900_000
    assert cameras.watching == 0


async def test_a_wall_that_asks_costs_one_decode(cameras: Cameras, clock: FakeClock) -> None:
    studio = InlineStudio()
    stills = Stills(cameras, studio, clock)
    same = await asyncio.gather(*(stills.latest(YARD, 320, 10 * S) for _ in range(50)))
    assert len({one.etag for one in same}) == 1
    clock.advance(1)
    await stills.latest(YARD, 310, 10 * S)
    assert studio.asked == ["picture"]
    clock.advance(2)
    await stills.latest(YARD, 320, 10 * S)
    assert studio.asked == ["picture"] * 2


async def test_where_the_keyframe_is_too_old_the_pictures_after_it_are_decoded(
    cameras: Cameras, clock: FakeClock
) -> None:
    stills = Stills(cameras, InlineStudio(), clock)
    found = await stills.latest(YARD, 320, 400_000)
    assert read_number(luma_of_jpeg(found.data)) == 15
    assert clock.now() - found.time == 400_000


async def test_one_who_leaves_takes_nobodys_picture_away(cameras: Cameras, clock: FakeClock) -> None:
    stills = Stills(cameras, InlineStudio(), clock)
    first = asyncio.ensure_future(stills.latest(YARD, 320, 10 * S))
    second = asyncio.ensure_future(stills.latest(YARD, 320, 10 * S))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).data


async def test_an_old_picture_is_never_shown_as_if_it_were_now(cameras: Cameras, clock: FakeClock) -> None:
    trouble: dict[str, str] = {}
    stills = Stills(cameras, InlineStudio(), clock, lambda camera: trouble.get(camera, ""))
    known = await stills.latest(YARD, 320, 10 * S)
    trouble["yard"] = "it is private"
    clock.advance(5)
    assert await stills.latest(YARD, 320, 10 * S) is known
    stills.forget("drive")
    assert await stills.latest(YARD, 320, 10 * S) is known
    clock.advance(6)
    with pytest.raises(NoPicture, match="it is private"):
        await stills.latest(YARD, 320, 10 * S)
    stills.forget("yard")
    with pytest.raises(NoPicture, match="it is private"):
        await stills.latest(YARD, 320, 60 * S)


class SlowStudio(InlineStudio):
    """Answers once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.working, self.may = asyncio.Event(), asyncio.Event()

    async def ask(self, job: str, header: Mapping[str, Any], body: bytes) -> Note:
        self.working.set()
        await self.may.wait()
        return await super().ask(job, header, body)


async def test_a_picture_in_the_making_is_not_shown_once_its_camera_is_private(
    cameras: Cameras, clock: FakeClock
) -> None:
    studio, trouble = SlowStudio(), dict[str, str]()
    stills = Stills(cameras, studio, clock, lambda camera: trouble.get(camera, ""))
    early = asyncio.ensure_future(stills.latest(YARD, 320, 10 * S))
    await studio.working.wait()
    stills.forget("yard")
    trouble["yard"] = "it is private"
    studio.may.set()
    with pytest.raises(NoPicture, match="private"):
        await early
    with pytest.raises(NoPicture, match="it is private"):
        await stills.latest(YARD, 320, 60 * S)
    del trouble["yard"]
    assert await stills.latest(YARD, 320, 60 * S), "once it is private no more"


async def test_a_camera_that_gives_nothing_is_given_up() -> None:
    cameras = Cameras()
    stills = Stills(cameras, InlineStudio(), SystemClock(), wait_s=0.05)
    with pytest.raises(NoPicture, match="nothing comes from it"):
        await stills.latest(YARD, 320, 10 * S)
    assert cameras.asked == [("yard", "sub"), ("yard", "main")]
    assert cameras.watching == 0


async def test_masks_are_black_and_their_change_counts_at_once(cameras: Cameras, clock: FakeClock) -> None:
    stills = Stills(cameras, InlineStudio(), clock)
    assert luma_of_jpeg((await stills.latest(YARD, 320, 10 * S)).data)[100:].max() > 100
    masked = Subject("yard", YARD.streams, (((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)),))
    assert luma_of_jpeg((await stills.latest(masked, 320, 10 * S)).data)[100:].max() < 40


async def test_damaged_pictures_are_an_answer(cameras: Cameras, clock: FakeClock) -> None:
    for key, packets in cameras.given.items():
        cameras.given[key] = [replace(one, data=b"\x55" * 99) for one in packets]
    with pytest.raises(NoPicture, match="damaged"):
        await Stills(cameras, InlineStudio(), clock).latest(YARD, 320, 10 * S)


def test_widths_are_shared_and_the_sub_stream_is_for_small_ones() -> None:
    assert [width_class(one) for one in (16, 160, 161, 640, 3841)] == [160, 160, 320, 640, 3840]
    assert streams_for(("main", "sub"), 640) == ("sub", "main")
    assert streams_for(("main", "sub"), 1280) == ("main", "sub")
    assert streams_for(("main",), 160) == ("main",)
