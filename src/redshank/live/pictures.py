"""The newest picture of a camera as a JPEG, for a wall of tiles that ask every few seconds. On the hub's event loop.

One packet (the newest keyframe) goes to the studio; whoever asks meanwhile, or shortly after, gets the same picture. What is older
than was asked for is never shown as if it were now.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.errors import RedshankError
from redshank.geometry import Polygon
from redshank.media.fanout import starts
from redshank.model import Packet
from redshank.pipe import Note

WIDTHS = (160, 320, 640, 1280, 1920, 3840)
"""Pictures are made in these widths, so that viewers share them."""
SUB_WIDTH = 640
"""Up to here the sub stream does."""
FRESH_S = 2.0
"""So long a picture is the newest for everybody."""
WAIT_S = 4.0
"""For a keyframe of a camera that has just been asked for."""
KEPT_S = 60.0
AT_ONCE = 4
"""Pictures in the making: a wall of fifty cameras waits its turn here, and leaves the studio free for others."""
MAX_GOP = 24 << 20
"""Bytes of coded pictures that are looked through for the newest one."""
FAR = 1 << 62


class NoPicture(RedshankError):
    """There is no picture that is new enough; the message says why."""


class Packets(Protocol):
    """Of live cameras (live/room.py)."""

    def packets(self, camera: str, stream: str) -> AbstractAsyncContextManager[AsyncIterable[Packet]]:
        """From the newest keyframe on, until left. Raises RedshankError when there can be none."""
        ...


class Asks(Protocol):
    """What decodes (playback/studio.py)."""

    async def ask(self, job: str, header: Mapping[str, Any], body: bytes) -> Note: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at."""

    camera: str
    streams: tuple[str, ...]
    """Those it has."""
    masks: tuple[Polygon, ...] = ()
    """Black in every picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG, and when it was."""

    data: bytes
    time: int
    stream: str
    made_ns: int = 0
    etag: str = field(default="")


def width_class(width: int) -> int:
    """The next width in which pictures are made."""
    return next((one for one in WIDTHS if one >= width), WIDTHS[-1])


def streams_for(streams: tuple[str, ...], width: int) -> tuple[str, ...]:
    """Those that do for a picture so wide, the cheapest first."""
    return tuple(sorted(streams, key=lambda one: (one == "sub") != (width <= SUB_WIDTH)))


class Stills:
    """One per site. `why`: what a camera that gives nothing suffers from, in one line; empty when nothing is known."""

    def __init__(
        self,
        room: Packets,
        studio: Asks,
        clock: Clock,
        why: Callable[[str], str] = lambda _camera: "",
        wait_s: float = WAIT_S,
    ) -> None:
        self._room = room
        self._studio = studio
        self._clock = clock
        self._why = why
        self._wait_s = wait_s
        self._made: dict[tuple[Subject, int], Picture] = {}
        self._making: dict[tuple[Subject, int, int], asyncio.Task[Picture]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._forgotten: dict[str, int] = {}
        """How often, by camera: what was begun before the last time is nobody's."""

    async def latest(self, subject: Subject, width: int, max_age_us: int) -> Picture:
        """Raises NoPicture."""
        key = (subject, width_class(width))
        known = self._made.get(key)
        if known is not None and self._since_s(known) < FRESH_S and self._age(known) <= max_age_us:
            return known
        if not (why := self._why(subject.camera)):
            try:
                made = await self._shared(key, max_age_us)
            except RedshankError as error:
                why = str(error)
            else:
                if self._age(made) <= max_age_us:
                    return made
                why = f"its newest picture is {self._age(made) // US_PER_S} s old"
        known = self._made.get(key)  # again: it may have been forgotten meanwhile
        if known is not None and self._age(known) <= max_age_us:
            return known
        raise NoPicture(f"there is no picture of this camera now: {why}")

    def forget(self, camera: str) -> None:
        """It is private now: no picture of it is shown any more, however new, nor is one that is being made."""
        self._forgotten[camera] = self._forgotten.get(camera, 0) + 1
        self._made = {key: one for key, one in self._made.items() if key[0].camera != camera}
        self._making = {key: one for key, one in self._making.items() if key[0].camera != camera}

    def _age(self, picture: Picture) -> int:
        return self._clock.now() - picture.time

    def _since_s(self, picture: Picture) -> float:
        return (self._clock.mono_ns() - picture.made_ns) / NS_PER_S

    async def _shared(self, key: tuple[Subject, int], max_age_us: int) -> Picture:
        """Whoever asks meanwhile waits for the same one; that one of them leaves stops nothing."""
        wanted = (*key, max_age_us)
        task = self._making.get(wanted)
        if task is None:
            task = self._making[wanted] = asyncio.get_running_loop().create_task(self._make(key, max_age_us))
            task.add_done_callback(lambda done: self._making.get(wanted) is done and self._making.pop(wanted))
        return await asyncio.shield(task)

    async def _make(self, key: tuple[Subject, int], max_age_us: int) -> Picture:
        subject, width = key
        times_forgotten = self._forgotten.get(subject.camera)
        trouble: RedshankError = NoPicture("it has no stream")
        for stream in streams_for(subject.streams, width):
            try:
                made = await self._of(subject, stream, width, self._clock.now() - max_age_us)
            except RedshankError as error:
                trouble = error
                continue
            if times_forgotten != self._forgotten.get(subject.camera):
                raise NoPicture("it has just become private")
            self._made = {each: one for each, one in self._made.items() if self._since_s(one) < KEPT_S}
            self._made[key] = made
            return made
        raise trouble

    async def _of(self, subject: Subject, stream: str, width: int, oldest: int) -> Picture:
        try:
            async with asyncio.timeout(self._wait_s), self._room.packets(subject.camera, stream) as packets:
                pictures = await _newest(packets, oldest)
        except TimeoutError:
            raise NoPicture("nothing comes from it") from None
        async with self._turns:
            answer = await self._studio.ask("picture", *request(pictures, width, subject.masks))
        time = next((one.time for one in pictures if one.pts == answer.header["pts"]), pictures[0].time)
        etag = hashlib.sha256(answer.body).hexdigest()[:16]
        return Picture(answer.body, time, stream, self._clock.mono_ns(), etag)


async def _newest(packets: AsyncIterable[Packet], oldest: int) -> list[Packet]:
    """The newest keyframe, and where it is older than `oldest`, what follows it up to a picture that is not."""
    found: list[Packet] = []
    size = 0
    async for packet in packets:
        if packet.format.kind != "video":
            continue
        if starts(packet):
            found, size = [], 0
        found.append(packet)
        size += len(packet.data)
        if packet.time >= oldest or size > MAX_GOP:
            return found
    raise NoPicture("nothing comes from it")


def request(pictures: list[Packet], width: int, masks: tuple[Polygon, ...]) -> tuple[dict[str, Any], bytes]:
    """The studio's job `picture`: the last of these."""
    form = pictures[0].format
    header = {
        "format": [form.codec, form.extradata.hex(), form.width, form.height],
        "samples": [[one.pts, one.dts, one.duration, one.keyframe, len(one.data)] for one in pictures],
        "until": FAR,
        "width": width,
        "masks": masks,
    }
    return header, b"".join(one.data for one in pictures)
