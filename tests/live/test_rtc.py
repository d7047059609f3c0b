"""WebRTC on the hub's side, with a process that only writes down what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from redshank.clock import SystemClock
from redshank.live.film import TooMany
from redshank.live.rtc import JUDGED, MOST_SESSIONS, MOST_WAITING, CannotSend, Links, Rtc, Wanted
from redshank.model import Packet
from redshank.on_demand import OnDemand
from redshank.pipe import Note
from tests.harness.footage import cached_clip
from tests.live.cameras import Cameras

CLOCK = SystemClock()


@dataclass
class Process:
    """Answers every offer at once. `told`: all notes; `waits`: bytes it has not taken."""

    told: list[Note] = field(default_factory=list)
    waits: int = 0
    refuses: bool = False
    rtc: Rtc | None = None
    tasks: set[asyncio.Future[None]] = field(default_factory=set)

    def say(self, note: Note) -> bool:
        self.told.append(note)
        if note.kind == "offer" and self.rtc is not None:
            header = {"session": note.header["session"]} | ({"reason": "no"} if self.refuses else {})
            self.tasks.add(asyncio.ensure_future(self.rtc.on_note(Note("answer", header, b"v=0"))))
        return True

    def kinds(self) -> list[str]:
        return [note.kind for note in self.told]

    def shown(self) -> int:
        return sum(note.kind == "packet" for note in self.told)


class Relays:
    """Gives what it is asked for as if it were transcoded."""

    def __init__(self, cameras: Cameras) -> None:
        self.cameras = cameras
        self.full = False

    @asynccontextmanager
    async def relay(self, camera: str, stream: str) -> AsyncIterator[AsyncIterator[Packet]]:
        if self.full:
            raise TooMany("too many")
        async with self.cameras.packets(camera, f"{stream} transcoded") as packets:
            yield packets


@dataclass
class Here:
    cameras: Cameras
    process: Process
    relays: Relays
    rtc: Rtc


@pytest.fixture
async def here() -> AsyncIterator[Here]:
    cameras, process = Cameras(), Process()
    relays = Relays(cameras)
    kept = OnDemand(process.say, lambda: CLOCK.sleep(600), CLOCK, 60)
    rtc = Rtc(Links(cameras, relays, kept, process.say, lambda: process.waits, CLOCK))
    process.rtc = rtc
    rtc.on_change(True)
    yield Here(cameras, process, relays, rtc)
    await rtc.stop()


async def always() -> bool:
    return True


def wanted(*streams: str) -> Wanted:
    return Wanted("yard", streams or ("main",), always, "u1", False)


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(10):
        while not condition():
            await CLOCK.sleep(0.01)


async def test_many_sessions_share_one_feed_that_ends_with_the_last(here: Here) -> None:
    packets = here.cameras.add(cached_clip(2), CLOCK.now())
    answers = [await here.rtc.offer(wanted(), "v=0") for _ in range(3)]
    assert {(one.sdp, one.stream, one.transcoded) for one in answers} == {("v=0", "main", False)}
    assert here.cameras.watching == 1
    await until(lambda: here.process.shown() == len(packets) - 10)
    assert here.process.kinds()[0] == "format"
    assert not here.rtc.close(answers[0].session, "yard", "u2")
    assert not here.rtc.close(answers[0].session, "drive", "u1")
    for one in answers:
        assert here.rtc.close(one.session, "yard", "u1")
    await until(lambda: not here.rtc.sessions and here.cameras.watching == 0)
    assert here.process.kinds()[-1] == "close"
    assert "drop" in here.process.kinds()


async def test_a_stream_with_b_frames_gives_way_to_one_without(here: Here) -> None:
    here.cameras.add(cached_clip(2, bframes=2), CLOCK.now(), stream="main")
    here.cameras.add(cached_clip(2), CLOCK.now(), stream="sub")
    answered = await here.rtc.offer(wanted("main", "sub"), "v=0")
    assert (answered.stream, answered.transcoded) == ("sub", False)


@pytest.mark.parametrize("clip", [{"bframes": 2}, {"codec": "libx265"}])
async def test_where_no_stream_will_do_it_is_transcoded(here: Here, clip: dict[str, Any]) -> None:
    here.cameras.add(cached_clip(2, **clip), CLOCK.now())
    here.cameras.add(cached_clip(2), CLOCK.now(), stream="main transcoded")
    answered = await here.rtc.offer(wanted("main"), "v=0")
    assert (answered.stream, answered.transcoded) == ("main", True)
    here.relays.full = True
    here.rtc.close(answered.session, "yard", "u1")
    await until(lambda: not here.rtc.sessions)
    with pytest.raises(TooMany):
        await here.rtc.offer(wanted("main"), "v=0")


async def test_what_the_process_does_not_take_is_dropped_up_to_the_next_keyframe(here: Here) -> None:
    packets = here.cameras.add(cached_clip(4), CLOCK.now())
    here.cameras.given.clear()
    await here.cameras.give(*packets[: JUDGED + 1])
    await here.rtc.offer(wanted(), "v=0")
    await until(lambda: here.process.shown() == JUDGED + 1)
    here.process.waits = MOST_WAITING + 1
    await here.cameras.give(*packets[JUDGED + 1 : 12])
    await until(lambda: here.rtc.dropped == 12 - JUDGED - 1)
    here.process.waits = 0
    await here.cameras.give(*packets[12:25])
    await until(lambda: here.process.shown() == JUDGED + 1 + 5)
    assert here.rtc.dropped == 20 - JUDGED - 1


async def test_a_stream_that_begins_to_reorder_ends_its_sessions(here: Here) -> None:
    packets = here.cameras.add(cached_clip(2), CLOCK.now())
    await here.rtc.offer(wanted(), "v=0")
    await here.cameras.give(replace(packets[-1], pts=packets[-3].pts))
    await until(lambda: not here.rtc.sessions)


async def test_an_answer_that_is_no_is_said(here: Here) -> None:
    here.cameras.add(cached_clip(2), CLOCK.now())
    here.process.refuses = True
    with pytest.raises(CannotSend, match="no"):
        await here.rtc.offer(wanted(), "v=0")
    assert here.rtc.sessions == {}


async def test_sessions_end_with_the_process_and_with_the_right(here: Here) -> None:
    here.cameras.add(cached_clip(2), CLOCK.now())
    await here.rtc.offer(wanted(), "v=0")
    here.rtc.on_change(False)
    await until(lambda: not here.rtc.sessions)
    here.rtc.on_change(True)

    async def never() -> bool:
        return False

    await here.rtc.offer(replace(wanted(), may=never), "v=0")
    await until(lambda: not here.rtc.sessions)


async def test_there_are_only_so_many(here: Here) -> None:
    here.cameras.add(cached_clip(2), CLOCK.now())
    for _ in range(MOST_SESSIONS):
        await here.rtc.offer(wanted(), "v=0")
    with pytest.raises(TooMany):
        await here.rtc.offer(wanted(), "v=0")


async def test_who_leaves_before_the_answer_leaves_nothing(here: Here) -> None:
    offer = asyncio.ensure_future(here.rtc.offer(wanted(), "v=0"))
    await until(lambda: here.cameras.watching == 1)
    offer.cancel()
    await until(lambda: not here.rtc.sessions and here.cameras.watching == 0)


async def test_privacy_reaches_what_waits_in_the_process(here: Here) -> None:
    here.cameras.add(cached_clip(2), CLOCK.now())
    await here.rtc.offer(wanted(), "v=0")
    here.rtc.forget("drive")
    assert "forget" not in here.process.kinds()
    here.rtc.forget("yard")
    assert here.process.kinds()[-1] == "forget"
