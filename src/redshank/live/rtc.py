"""The hub's side of WebRTC: sessions, and what they watch. The peers are in a process of their own (process/rtc.py), which is there
while somebody watches. One feed per (camera, stream) for all its sessions. Event loop only; nothing is decoded here.

What can be sent is H.264 without B-frames; any other stream is taken transcoded, which costs one of few places and some delay.
Packets wait nowhere here: when the process does not take them, all up to the next keyframe are dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from typing import Protocol

from redshank.clock import Clock
from redshank.errors import RedshankError
from redshank.live.film import TooMany
from redshank.live.pictures import Packets
from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.fanout import starts
from redshank.model import Packet, StreamFormat
from redshank.on_demand import OnDemand
from redshank.pipe import Note

log = logging.getLogger(__name__)

MOST_SESSIONS = 32
MOST_WAITING = 4 << 20
"""Bytes in the pipe to the process."""
ANSWER_S = 5.0
KNOWN_S = 5.0
"""For the first pictures of a stream …"""
PATIENCE = 3
"""… so many times, where something has come or must be made first."""
LOOK_S = 2.0
"""So often we look whether whoever watches still may."""
IDLE_S = 60.0
JUDGED = 4
"""Pictures that show whether there are B-frames: the first of them comes third."""
TICK = Fraction(1, VIDEO_SCALE)


class CannotSend(RedshankError):
    """The stream is nothing for WebRTC; the message says what is."""


class Relays(Protocol):
    """Who transcodes (live/film.py)."""

    def relay(self, camera: str, stream: str) -> AbstractAsyncContextManager[AsyncIterator[Packet]]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one asks for. streams: which will do, best first; `may`: whether they still may watch."""

    camera: str
    streams: tuple[str, ...]
    may: Callable[[], Awaitable[bool]]
    who: str
    loopback: bool


@dataclass(frozen=True, slots=True)
class Answered:
    session: str
    sdp: str
    stream: str
    transcoded: bool


@dataclass(slots=True)
class Session:
    """One browser that watches."""

    camera: str
    who: str
    answer: asyncio.Future[Note]
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Links:
    """What it works with. say: tell the process something, False when it is not there; waiting: bytes it has not taken."""

    room: Packets
    relays: Relays
    process: OnDemand
    say: Callable[[Note], bool]
    waiting: Callable[[], int]
    clock: Clock


class Rtc:
    """One per site."""

    def __init__(self, links: Links) -> None:
        self.sessions: dict[str, Session] = {}
        self._links = links
        self._feeds: dict[tuple[str, str, bool], Feed] = {}
        self._names = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def offer(self, wanted: Wanted, sdp: str) -> Answered:
        """Begin a session; it goes on by itself. Raises TooMany, CannotSend."""
        if len(self.sessions) >= MOST_SESSIONS:
            raise TooMany("too many browsers watch by WebRTC at once: close another view, or watch by MSE")
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answered] = loop.create_future()
        name = secrets.token_urlsafe(16)
        self.sessions[name] = Session(wanted.camera, wanted.who, loop.create_future())
        task = loop.create_task(self._run(name, wanted, sdp, answered))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await answered
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _run(self, name: str, wanted: Wanted, sdp: str, answered: asyncio.Future[Answered]) -> None:
        session, links = self.sessions[name], self._links
        try:
            with links.process.used():
                async with self._fitting(wanted) as feed:
                    offer = {"session": name, "feed": feed.name, "loopback": wanted.loopback}
                    await links.process.tell(Note("offer", offer, sdp.encode()))
                    async with asyncio.timeout(ANSWER_S):
                        answer = await session.answer
                    if reason := answer.header.get("reason"):
                        raise CannotSend(str(reason))
                    answered.set_result(Answered(name, answer.body.decode(), feed.stream, feed.transcoded))
                    await self._watch(session, feed, wanted.may)
        except TimeoutError:
            _fail(answered, CannotSend("the process for WebRTC does not answer: try again, or watch by MSE"))
        except RedshankError as error:
            _fail(answered, error)
        finally:
            del self.sessions[name]
            links.say(Note("close", {"session": name}))

    async def _watch(self, session: Session, feed: Feed, may: Callable[[], Awaitable[bool]]) -> None:
        """Until it is over, for whatever reason."""
        while not session.over.is_set() and not feed.over and await may():
            over = asyncio.ensure_future(session.over.wait())
            pause = asyncio.ensure_future(self._links.clock.sleep(LOOK_S))
            await asyncio.wait({over, pause}, return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            pause.cancel()

    @asynccontextmanager
    async def _fitting(self, wanted: Wanted) -> AsyncIterator[Feed]:
        """The first stream that will do; else one transcoded. Raises TooMany, CannotSend."""
        nothing = CannotSend("nothing comes from the camera")
        first = ""
        for stream in wanted.streams:
            async with self._on(wanted.camera, stream, False) as feed:
                fits = await feed.fits()
                if fits:
                    yield feed
                    return
                first = first or (stream if fits is False else "")
        if not first:
            raise nothing
        async with self._on(wanted.camera, first, True) as feed:
            if not await feed.fits():
                raise nothing
            yield feed

    @asynccontextmanager
    async def _on(self, camera: str, stream: str, transcoded: bool) -> AsyncIterator[Feed]:
        """One more session for the feed, the first of which begins it."""
        key = camera, stream, transcoded
        feed = self._feeds.get(key)
        if feed is None or feed.over:
            feed = self._feeds[key] = Feed(f"feed-{next(self._names)}", stream, transcoded, self._links)
            feed.begin(camera)
        feed.users += 1
        try:
            yield feed
        finally:
            feed.users -= 1
            if not feed.users:
                feed.end()
                if self._feeds.get(key) is feed:
                    del self._feeds[key]

    def close(self, name: str, camera: str, who: str) -> bool:
        """End a session of theirs; False: there is none."""
        session = self.sessions.get(name)
        if session is None or (session.camera, session.who) != (camera, who):
            return False
        session.over.set()
        return True

    @property
    def dropped(self) -> int:
        """Packets that the process did not take, of what is watched now."""
        return sum(feed.dropped for feed in self._feeds.values())

    def forget(self, camera: str) -> None:
        """It is private now: nothing of it that waits is shown to anybody."""
        for (name, _stream, _transcoded), feed in self._feeds.items():
            if name == camera:
                self._links.say(Note("forget", {"feed": feed.name}))

    async def on_note(self, note: Note) -> None:
        """From the process."""
        session = self.sessions.get(note.header.get("session", ""))
        if session is None:
            return
        if note.kind == "answer" and not session.answer.done():
            session.answer.set_result(note)
        elif note.kind == "gone":
            log.info("a WebRTC session has ended", extra={"camera": session.camera, "reason": note.header["reason"]})
            session.over.set()

    def on_change(self, alive: bool) -> None:
        """The process has started, or ended: its sessions are lost with it."""
        self._links.process.on_change(alive)
        if alive:
            return
        for session in self.sessions.values():
            session.over.set()
            if not session.answer.done():
                session.answer.set_result(
                    Note("answer", {"reason": "the process for WebRTC has just ended: try again"})
                )

    async def stop(self) -> None:
        """End every session, and the process. Idempotent."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._links.process.stop()


def _fail(answered: asyncio.Future[Answered], error: RedshankError) -> None:
    if not answered.done():
        answered.set_exception(error)


class Feed:
    """One stream on its way to the process. Made, begun and ended by `Rtc`."""

    def __init__(self, name: str, stream: str, transcoded: bool, links: Links) -> None:
        self.name = name
        self.stream = stream
        self.transcoded = transcoded
        self.users = 0
        self.over = False
        self.dropped = 0
        self._links = links
        self._formats: dict[str, StreamFormat] = {}
        self._newest = 0
        """pts of the last picture."""
        self._seen = 0
        self._synced = False
        self._verdict: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    def begin(self, camera: str) -> None:
        source = self._links.relays.relay if self.transcoded else self._links.room.packets
        self._task = asyncio.get_running_loop().create_task(self._run(source(camera, self.stream)))

    def end(self) -> None:
        self.over = True
        self._links.say(Note("drop", {"feed": self.name}))
        if self._task is not None:
            self._task.cancel()

    async def fits(self) -> bool | None:
        """Whether it can be sent as it comes; None: nothing comes. Raises TooMany."""
        for _ in range(PATIENCE):
            try:
                async with asyncio.timeout(KNOWN_S):
                    return await asyncio.shield(self._verdict)
            except TimeoutError:
                # Processes that have to be started take their time on a busy machine; a camera that is there does not.
                if not (self._seen or self.transcoded):
                    return None
        return None

    async def _run(self, source: AbstractAsyncContextManager[AsyncIterable[Packet]]) -> None:
        try:
            async with source as packets:
                async for packet in packets:
                    if not await self._take(packet):
                        break
        except RedshankError as error:
            if not self._verdict.done():
                self._verdict.set_exception(error)
        except TimeoutError:
            log.warning("the process for WebRTC does not start")
        finally:
            self.over = True

    async def _take(self, packet: Packet) -> bool:
        """Whether it goes on."""
        video = packet.format.kind == "video"
        if not video and packet.format.codec != "aac":
            return True
        if video and not self._judge(packet):
            return False
        if starts(packet):
            self._synced = self._links.waiting() < MOST_WAITING
        elif self._links.waiting() > MOST_WAITING:
            self._synced = False
        if not self._synced:
            self.dropped += 1
            return True
        if self._formats.get(packet.format.kind) is not packet.format:
            self._formats[packet.format.kind] = form = packet.format
            told = [form.kind, form.codec, form.sample_rate, form.channels]
            await self._links.process.tell(Note("format", {"feed": self.name, "f": told}, form.extradata))
        at = round(packet.pts * packet.format.time_base / TICK)
        header = {"feed": self.name, "p": [packet.format.kind, at, packet.keyframe]}
        self._links.say(Note("packet", header, packet.data))
        return True

    def _judge(self, packet: Packet) -> bool:
        """Whether this picture can be sent: H.264, shown in the order in which it comes."""
        # A camera's clock that goes back begins anew with a keyframe.
        late = packet.pts < self._newest and not packet.keyframe
        fits = packet.format.codec == "h264" and not late
        self._newest = packet.pts
        self._seen += 1
        if not self._verdict.done() and (not fits or self._seen >= JUDGED):
            self._verdict.set_result(fits)
        return fits
