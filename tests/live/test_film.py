"""Films of live cameras: JPEGs and H.264, made in a real studio process, one for all who watch."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from redshank.clock import US_PER_S, SystemClock
from redshank.geometry import Polygon
from redshank.live.film import MOST_RELAYS, Films, Running, Shot, TooMany
from redshank.live.viewer import Viewer
from redshank.media.codec_config import units
from redshank.model import Box, Detection, Packet
from redshank.pipe import Note
from redshank.playback.studio import StudioProcess
from redshank.supervisor import Supervisor, Worker
from tests.harness.footage import Luma, cached_clip, luma_of, read_number
from tests.live.cameras import Cameras
from tests.playback.decoding import luma_of_jpeg
from tests.playback.recording import packets_of

CLOCK = SystemClock()
LOWER: Polygon = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))


class Kept:
    """Films over cameras of the test and a real studio."""

    def __init__(self) -> None:
        self.cameras = Cameras()
        self.masks: tuple[Polygon, ...] = ()
        self.seen: tuple[Detection, ...] = ()
        self.studio = StudioProcess(lambda note: self.worker.tell(note), self._keep, CLOCK, 60)
        self.worker = Worker(
            "studio-0", self._settings, self.studio.on_note, self.studio.on_change, "tests.process.studio_child"
        )
        self.films = Films(self.cameras, self.studio, CLOCK, lambda _camera: self.masks, lambda _camera: self.seen)

    async def _keep(self) -> None:
        await Supervisor(CLOCK).keep(self.worker)

    async def _settings(self) -> bytes:
        return b"{}"

    async def play(self, clip: Path, camera: str = "yard") -> None:
        """At its own pace, for ever, with times that go on."""
        packets, _formats = packets_of(clip, CLOCK.now(), camera, "main")
        packets = list(packets)
        begun, start = CLOCK.mono_ns(), packets[0].time
        length = packets[-1].time - start + 100_000
        for turn in range(1000):
            for packet in packets:
                due = begun + (packet.time - start + turn * length) * 1000
                await CLOCK.sleep(max(0, (due - CLOCK.mono_ns()) / 1e9))
                ticks = turn * round(length / US_PER_S / packet.format.time_base)
                moved = replace(
                    packet,
                    time=packet.time + turn * length,
                    pts=packet.pts + ticks,
                    dts=packet.dts + ticks,
                    mono_ns=CLOCK.mono_ns(),
                )
                await self.cameras.give(moved)


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    made = Kept()
    yield made
    await made.films.stop()
    await made.studio.stop()


@pytest.fixture
async def playing(kept: Kept) -> AsyncIterator[Kept]:
    task = asyncio.ensure_future(kept.play(cached_clip(4)))
    yield kept
    task.cancel()
    await asyncio.wait({task})


async def take(viewer: Viewer[Shot], number: int) -> list[Shot]:
    async with asyncio.timeout(20):
        return [shot for _ in range(number) if (shot := await viewer.next()) is not None]


async def until(condition: object, timeout_s: float = 10) -> None:
    assert callable(condition)
    async with asyncio.timeout(timeout_s):
        while not condition():
            await CLOCK.sleep(0.02)


async def test_shots_come_as_often_as_is_wanted_and_one_film_serves_all(playing: Kept) -> None:
    async with (
        playing.films.shots("yard", "main", 300, 5) as one,
        playing.films.shots("yard", "main", 320, 2) as other,
    ):
        shots = await take(one, 6)
        same = await take(other, 1)
        assert playing.cameras.watching == 1
    numbers = [read_number(luma_of_jpeg(shot.data)) for shot in shots]
    assert None not in numbers
    assert luma_of_jpeg(shots[0].data).shape == (180, 320)
    between = [b.time - a.time for a, b in pairwise(shots[1:])]
    assert all(150_000 <= one <= 450_000 for one in between), between
    assert same[0].time >= shots[0].time
    await until(lambda: playing.cameras.watching == 0)


async def test_what_is_seen_is_drawn_for_who_wants_it_and_for_nobody_else(playing: Kept) -> None:
    """req:J-05"""
    playing.seen = (Detection("person", 0.94, Box(0.25, 0.3, 0.75, 0.9)),)
    async with (
        playing.films.shots("yard", "main", 320, 10, boxes=True) as drawn,
        playing.films.shots("yard", "main", 320, 10) as plain,
    ):
        boxed = (await take(drawn, 1))[0].data
        bare = {shot.time: shot.data for shot in await take(plain, 1)}
    coloured = colour_of(boxed)[:, 78:82].max()
    assert coloured > 60
    assert colour_of(next(iter(bare.values())))[:, 78:82].max() < coloured / 2


def colour_of(data: bytes) -> Luma:
    """How far each pixel is from grey."""
    (frame,) = av.CodecContext.create("mjpeg", "r").decode(av.Packet(data))
    assert isinstance(frame, av.VideoFrame)
    rgb = frame.to_ndarray(format="rgb24").astype(int)
    found: Luma = (rgb.max(axis=2) - rgb.min(axis=2)).astype(np.uint8)
    return found


async def test_a_new_mask_is_black_from_the_next_picture_on(playing: Kept) -> None:
    async with playing.films.shots("yard", "main", 320, 10) as viewer:
        assert luma_of_jpeg((await take(viewer, 1))[0].data)[100:].max() > 100
        playing.masks = (LOWER,)
        async with asyncio.timeout(10):
            while luma_of_jpeg((await take(viewer, 1))[0].data)[100:].max() > 40:
                pass


async def test_a_viewer_that_does_not_take_gets_the_newest(playing: Kept) -> None:
    async with (
        playing.films.shots("yard", "main", 320, 10) as slow,
        playing.films.shots("yard", "main", 320, 10) as quick,
    ):
        shots = await take(quick, 6)
        late = await take(slow, 1)
        assert late[0].time == shots[-1].time
        assert slow.dropped >= 4


async def test_a_decoder_that_hangs_is_replaced_and_the_film_goes_on(playing: Kept) -> None:
    async with playing.films.shots("yard", "main", 320, 5) as viewer:
        await take(viewer, 2)
        assert playing.worker.pid is not None
        os.kill(playing.worker.pid, signal.SIGSTOP)
        await take(viewer, 5)
        assert playing.worker.starts == 2


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
async def test_what_a_browser_cannot_play_becomes_h264_without_b_frames(kept: Kept, codec: str) -> None:
    kept.masks = (LOWER,)
    playing = asyncio.ensure_future(kept.play(cached_clip(2, codec=codec, bframes=2, width=1600, height=900)))
    async with asyncio.timeout(30), kept.films.relay("yard", "main") as packets:
        found = [await anext(packets) for _ in range(15)]
    playing.cancel()
    assert found[0].keyframe
    assert found[0].format.codec == "h264"
    assert [one.pts for one in found] == sorted({one.pts for one in found})
    assert all(one.pts == one.dts for one in found)
    pictures = decoded(found)
    assert {picture.shape for picture in pictures} == {(720, 1280)}
    numbers = [read_number(picture) for picture in pictures]
    assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))
    assert all(picture[400:].max() < 40 for picture in pictures)


def decoded(packets: list[Packet]) -> list[Luma]:
    context = av.CodecContext.create("h264", "r")
    context.extradata = packets[0].format.extradata
    made = []
    for packet in packets:
        made += [luma_of(one) for one in context.decode(av.Packet(packet.data)) if isinstance(one, av.VideoFrame)]
    return made


async def test_sound_passes_beside_the_relay(kept: Kept) -> None:
    playing = asyncio.ensure_future(kept.play(cached_clip(4, audio="aac")))
    async with asyncio.timeout(20), kept.films.relay("yard", "main") as packets:
        found = [await anext(packets) for _ in range(30)]
    playing.cancel()
    assert {one.format.kind for one in found} == {"video", "audio"}
    assert [one.seq for one in found] == list(range(found[0].seq, found[0].seq + 30))
    assert units(found[0].data, 4)


async def test_only_so_many_relays_run_at_once(kept: Kept) -> None:
    async with kept.films.relay("a", "main"), kept.films.relay("b", "main"), kept.films.relay("b", "main"):
        with pytest.raises(TooMany):
            async with kept.films.relay("c", "main"):
                pass
    assert MOST_RELAYS == 2
    async with kept.films.relay("c", "main"):
        pass


class Told:
    """A studio that says what the test has it say: `heard` of each film begun."""

    def __init__(self) -> None:
        self.heard: list[Callable[[Note], None]] = []

    @asynccontextmanager
    async def film(self, job: str, header: Mapping[str, Any], heard: Callable[[Note], None]) -> AsyncIterator[Running]:
        self.heard.append(heard)
        yield Idle()


class Idle:
    async def say(self, kind: str, header: Mapping[str, Any], body: bytes = b"") -> None: ...

    async def over(self) -> None:
        await asyncio.Event().wait()


async def test_what_was_being_made_of_a_camera_that_is_private_is_shown_to_nobody() -> None:
    studio = Told()
    films = Films(Cameras(), studio, CLOCK, lambda _camera: ())
    async with films.shots("yard", "main", 320, 5) as viewer:
        await until(lambda: studio.heard)
        studio.heard[0](Note("shot", {"time": 1}, b"waits"))
        films.forget("yard")
        studio.heard[0](Note("shot", {"time": 2}, b"was being made"))
        async with films.shots("yard", "main", 320, 5) as late:
            await until(lambda: len(studio.heard) == 2)
            studio.heard[0](Note("shot", {"time": 3}, b"was being made"))
            studio.heard[1](Note("shot", {"time": 4}, b"again"))
            assert [shot.data for one in (viewer, late) for shot in await take(one, 1)] == [b"again"] * 2
    await films.stop()
