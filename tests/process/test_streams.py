"""The readers of a capture process: what the hub wants anew is done, what it leaves as it is goes on."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from redshank.clock import SystemClock
from redshank.media.fanout import Fanout
from redshank.media.settings import SourceSettings
from redshank.model import Packet
from redshank.pipe import Pipe
from redshank.process.settings import CaptureSettings, StreamSettings
from redshank.process.streams import Streams
from redshank.process.worker import Worker
from tests.harness.footage import cached_clip

CLOCK = SystemClock()
BOUND_S = 10.0


class Kept:
    """Takes every packet of a fan-out."""

    def __init__(self, fanout: Fanout) -> None:
        self.packets: list[Packet] = []
        fanout.attach(self)

    def offer(self, packet: Packet) -> None:
        self.packets.append(packet)


def stream(camera: str, clip: Path, **changes: object) -> StreamSettings:
    return replace(StreamSettings(camera, "main", SourceSettings(str(clip)), analysed=True), **changes)  # type: ignore[arg-type]


def use(streams: Streams, *wanted: StreamSettings) -> None:
    """As capture does, but for the recorders."""
    streams.begin(CaptureSettings(wanted, 1))
    streams.drop(wanted)
    streams.read(wanted)


async def until(look: Callable[[], object]) -> None:
    for _ in range(round(BOUND_S / 0.02)):
        if look():
            return
        await CLOCK.sleep(0.02)
    pytest.fail("it never came to that")


@pytest.fixture
async def streams() -> AsyncIterator[Streams]:
    ours, theirs = socket.socketpair()
    given, kept = socket.socketpair()
    worker, hub = Worker(await Pipe.over(ours), given), await Pipe.over(theirs)
    made = Streams(worker, 1)
    yield made
    made.stop()
    worker.pipe.close()
    hub.close()
    given.close()
    kept.close()


async def test_one_that_comes_and_one_that_goes_leave_the_others_alone(streams: Streams) -> None:
    clip = cached_clip(10)
    use(streams, stream("yard", clip))
    yard = Kept(streams.fanouts["yard", "main"])
    await until(lambda: len(yard.packets) >= 5)
    use(streams, stream("yard", clip), stream("hall", clip))
    hall = Kept(streams.fanouts["hall", "main"])
    await until(lambda: len(hall.packets) >= 5)
    reader = streams.fanouts["hall", "main"].join("live")
    use(streams, stream("yard", clip))
    gone, before = len(hall.packets), len(yard.packets)
    await until(lambda: len(yard.packets) >= before + 5)
    assert (len(hall.packets), reader.closed, len(streams)) == (gone, True, 1)
    assert {after.seq - before.seq for before, after in pairwise(yard.packets)} == {1}
    assert len({id(packet.format) for packet in yard.packets}) == 1, "one connection"


async def test_other_readers_of_a_stream_connect_nothing_anew(streams: Streams) -> None:
    """Whether it is analysed, and how much of it is held."""
    clip = cached_clip(10)
    use(streams, stream("yard", clip))
    yard = Kept(streams.fanouts["yard", "main"])
    await until(lambda: len(yard.packets) >= 5)
    assert list(streams.analysed) == [("yard", "main")]
    use(streams, stream("yard", clip, analysed=False, ring_s=60.0))
    before = len(yard.packets)
    await until(lambda: len(yard.packets) >= before + 5)
    assert list(streams.analysed) == []
    assert len({id(packet.format) for packet in yard.packets}) == 1


async def test_another_source_is_another_connection_and_no_number_comes_twice(streams: Streams) -> None:
    clip = cached_clip(10)
    use(streams, stream("yard", clip))
    yard = Kept(streams.fanouts["yard", "main"])
    await until(lambda: len(yard.packets) >= 5)
    use(streams, stream("yard", clip, source=SourceSettings(str(clip), audio=False)))
    before = len(yard.packets)
    await until(lambda: len(yard.packets) >= before + 5)
    assert len({id(packet.format) for packet in yard.packets}) == 2
    assert [packet.seq for packet in yard.packets] == list(range(len(yard.packets)))


async def test_one_that_comes_back_counts_on(streams: Streams) -> None:
    clip = cached_clip(10)
    use(streams, stream("yard", clip))
    first = Kept(streams.fanouts["yard", "main"])
    await until(lambda: len(first.packets) >= 5)
    use(streams)
    assert (streams.fanouts, len(streams)) == ({}, 0)
    use(streams, stream("yard", clip))
    second = Kept(streams.fanouts["yard", "main"])
    await until(lambda: second.packets)
    assert second.packets[0].seq > first.packets[-1].seq
