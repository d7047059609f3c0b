"""Live pictures by WebSocket: text that says what comes, the init segment, fragments as they are made. On the hub's event loop.

A socket has three tasks: one sends, one hears, one looks whether who watches still may; whichever ends first ends the others, so that
nobody waits for a fragment of a camera that is away while the browser or the server is gone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from redshank.access.who import Verb, Who
from redshank.clock import NS_PER_S, rfc3339
from redshank.errors import RedshankError
from redshank.live.room import LiveRoom
from redshank.live.viewer import Viewer
from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.live import Fragment, Init
from redshank.model import CameraStatus
from redshank.web.answer import Problem, camera_of
from redshank.web.guard import Asker, needs
from redshank.web.rooms import Door, there
from redshank.web.site import Site

LOOK_S = 1.0
"""Between looks at why nothing comes."""
QUIET_S = 3.0
"""After so long without a fragment it is said why."""
STILL_S = 2.0
"""Between looks whether who watches still may."""
DRIFT_US = 50_000
"""A camera's clock that has run away from media time so far is told anew."""
MOST_TEXT = 1_000
"""Characters of a message from the browser."""
PLAYED = frozenset({"h264", "hevc", "aac", "opus"})
UNPLAYABLE, NOT_ANY_MORE, BUSY, ENDED = 4406, 4403, 4503, 1001
"""Codes a socket is closed with: no codec the browser plays, a session that has ended, too much to transcode, a server that stops."""

Wanted = Literal["auto", "main", "sub"]
routes = APIRouter(prefix="/api/live")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser wants to see, and can."""

    camera: str
    streams: Sequence[str]
    """That may be chosen, best first."""
    plays: frozenset[str]


@dataclass(slots=True)
class _Choice:
    """A stream, and whether its pictures must become H.264 first."""

    stream: str
    transcoded: bool = False


@routes.websocket("/{camera}/mse")
@needs(Verb.LIVE)
async def mse(
    socket: WebSocket,
    site: Site,
    who: Asker,
    camera: str,
    stream: Wanted = "auto",
    codecs: Annotated[str, Query(max_length=100)] = "h264,aac",
) -> None:
    """What the camera sees, now, as fragmented MP4 for Media Source Extensions."""
    rooms = socket.app.state.rooms
    known = camera_of(site, camera).streams
    room: LiveRoom = there(rooms.live, "live view")
    streams = [one for one in ("main", "sub") if one in known and stream in ("auto", one)]
    if not streams:
        raise Problem(404, "there is no such stream")
    asked = Asked(camera, streams, PLAYED & frozenset(codecs.split(",")))
    await socket.accept()
    showing = Showing(socket, room, asked)
    code = await _first(showing.send(), showing.hear(), _may_not(rooms.access, who, room))
    if code is not None:
        await socket.close(code)


async def _first(*works: Coroutine[Any, Any, int | None]) -> int | None:
    """What the first of them to end says; the others are cancelled. None: the browser is gone."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()
    except WebSocketDisconnect:
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _may_not(door: Door | None, who: Who, room: LiveRoom) -> int:
    """Returns once they may not any more."""
    while door is not None and await door.still(who):
        await room.clock.sleep(STILL_S)
    return NOT_ANY_MORE


@dataclass(slots=True)
class Showing:
    """One browser watching one camera."""

    socket: WebSocket
    room: LiveRoom
    asked: Asked
    _viewer: Viewer[Fragment] | None = None
    """None while the browser pauses."""
    _playing: asyncio.Event = field(default_factory=asyncio.Event)
    _refused: set[str] = field(default_factory=set)
    """Streams whose codec turned out to be none the browser plays."""
    _said: tuple[str, str] = ("", "")
    _offset: int = 0

    async def hear(self) -> int:
        """Pauses and goes on as the browser says. Raises WebSocketDisconnect when it is gone."""
        self._playing.set()
        while True:
            text = await self.socket.receive_text()
            try:
                said = json.loads(text) if len(text) <= MOST_TEXT else None
            except (ValueError, RecursionError):
                said = None
            if not isinstance(said, dict):
                return 1008
            if said.get("pause") is True:
                self._playing.clear()
                if self._viewer is not None:
                    self._viewer.end()
                    self._viewer = None
            elif said.get("pause") is False:
                self._playing.set()

    async def send(self) -> int:
        """Until the room ends, or there is nothing the browser plays."""
        while True:
            await self._playing.wait()
            choice = self._choose()
            if choice is None:
                await self._say({"error": "codec", "codecs": sorted(self._codecs())})
                return UNPLAYABLE
            try:
                async with self._watch(choice) as viewer:
                    self._viewer = viewer
                    await self._show(choice, viewer)
            except RedshankError as error:
                await self._say({"error": "busy", "reason": str(error)})
                return BUSY
            paused = self._viewer is not viewer
            if not paused and (choice.transcoded or choice.stream not in self._refused):
                return ENDED

    def _watch(self, choice: _Choice) -> AbstractAsyncContextManager[Viewer[Fragment]]:
        watch = self.room.transcoded if choice.transcoded else self.room.watch
        return watch(self.asked.camera, choice.stream, "aac" in self.asked.plays)

    def _choose(self) -> _Choice | None:
        """The best stream the browser plays, as far as is known yet; else the smallest, transcoded."""
        for stream in self.asked.streams:
            state = self.room.state(self.asked.camera, stream)
            known = state is None or not state.codec or state.codec in self.asked.plays
            if known and stream not in self._refused:
                return _Choice(stream)
        last = self.asked.streams[-1]
        can = self.room.transcode is not None and "h264" in self.asked.plays
        return _Choice(last, transcoded=True) if can else None

    def _codecs(self) -> set[str]:
        states = [self.room.state(self.asked.camera, stream) for stream in self.asked.streams]
        return {state.codec for state in states if state is not None and state.codec}

    async def _show(self, choice: _Choice, viewer: Viewer[Fragment]) -> None:
        """What comes, until it ends or turns out to be nothing the browser plays."""
        init: Init | None = None
        since_ns = self.room.clock.mono_ns() - round((QUIET_S - LOOK_S) * NS_PER_S)
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    fragment = await viewer.next()
            except TimeoutError:
                if self.room.clock.mono_ns() - since_ns >= QUIET_S * NS_PER_S:
                    await self._say_why(choice.stream)
                continue
            if fragment is None:
                return
            if fragment.init is not init:
                init = fragment.init
                if init.codec not in self.asked.plays:
                    self._refused.add(choice.stream)
                    return
                await self._announce(choice, fragment)
            elif abs(_offset(fragment) - self._offset) > DRIFT_US:
                self._offset = _offset(fragment)
                await self._say({"clock": _clock(fragment)})
            elif self._said[0]:
                self._said = ("", "")
                await self._say({"state": "live"})
            await self.socket.send_bytes(fragment.data)
            since_ns = self.room.clock.mono_ns()

    async def _announce(self, choice: _Choice, fragment: Fragment) -> None:
        """What the browser must know before the fragments of a format."""
        init = fragment.init
        self._offset, self._said = _offset(fragment), ("", "")
        await self._say(
            {
                "mime": f'video/mp4; codecs="{init.codecs}"',
                "stream": choice.stream,
                "codecs": init.codecs,
                "width": init.width,
                "height": init.height,
                "transcoded": choice.transcoded,
                "clock": _clock(fragment),
            }
        )
        await self.socket.send_bytes(init.data)

    async def _say_why(self, stream: str) -> None:
        """That nothing comes, and since when; said again only when it changes."""
        state = self.room.state(self.asked.camera, stream)
        if state is None:
            told, since, reason = "waiting", "", ""
        else:
            told = "waiting" if state.status in (CameraStatus.ONLINE, CameraStatus.CONNECTING) else "offline"
            since, reason = rfc3339(state.since), state.reason
        if (told, since) != self._said:
            self._said = told, since
            await self._say({"state": told, "since": since or None, "reason": reason})

    async def _say(self, what: dict[str, Any]) -> None:
        await self.socket.send_text(json.dumps(what, separators=(",", ":")))


def _clock(fragment: Fragment) -> dict[str, Any]:
    """Which moment the picture at a media time shows."""
    return {"media": round(fragment.shown / VIDEO_SCALE, 6), "time": rfc3339(fragment.time)}


def _offset(fragment: Fragment) -> int:
    """Wall time of media time 0, µs."""
    return fragment.time - fragment.shown * 100 // 9
