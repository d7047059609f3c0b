"""RTSP out: every camera under `/<camera>` and `/<camera>_sub`, for whoever may watch it. On the hub's event loop.

Nothing is described to who is not logged in; a camera that is not theirs is not there. Packets go out as they came, on one steady
timeline even when the camera or its capture process begins anew. Whoever is too slow skips to the next keyframe (`live.viewer`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

from redshank.clock import NS_PER_S
from redshank.errors import SourceUnusable
from redshank.live.room import LiveRoom
from redshank.live.viewer import Viewer
from redshank.media.codec_config import video_format
from redshank.media.fanout import starts
from redshank.media.feed import Feed, Unit
from redshank.media.rtsp import Server, ServerSettings
from redshank.media.rtsp_message import Login
from redshank.media.source import RawPacket
from redshank.model import Packet, StreamFormat

PORT = 8654
FIRST_S = 8.0
"""So long a viewer waits to hear what a camera sends."""
STILL_S = 2.0
"""Between looks whether who watches still may."""
APART_S = 2
"""Sound further away from its pictures belongs to a timeline that is over, or has not begun."""
STRANGERS = 16
"""Connections from one address that have not logged in; they hold no place for others …"""
LOGIN_S = 10.0
"""… for longer than this."""
SUB = "_sub"


May = Callable[[str], Awaitable[bool]]
"""Camera -> whether whoever logged in may watch it; asked again while they do."""
Enter = Callable[[str, str, str], Awaitable[May | None]]
"""(name, password, address) -> who that is. None: wrong, too often wrong, or there is no administrator yet."""
Cameras = Callable[[], Mapping[str, Sequence[str]]]
"""Camera -> its streams."""


class RtspOut:
    """One per site: `await run()` until cancelled."""

    def __init__(
        self, room: LiveRoom, enter: Enter, cameras: Cameras, host: str = "127.0.0.1", port: int = PORT
    ) -> None:
        """host: 0.0.0.0 only where the page is on the LAN too. port: 0 takes a free one."""
        self._room = room
        self._enter = enter
        self._cameras = cameras
        settings = ServerSettings(host, port, max_strangers=STRANGERS, login_s=LOGIN_S, logins=("basic",))
        self._server = Server({}, room.clock, settings, find=self._find)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def viewers(self) -> int:
        """Connections at the moment."""
        return len(self._server.connections)

    async def start(self) -> None:
        """Raises OSError when the address is taken."""
        await self._server.start()

    async def stop(self) -> None:
        """Idempotent."""
        await self._server.stop()

    async def _find(self, path: str, login: Login, address: str) -> Feed | int:
        may = await self._enter(login.user, login.password, address) if login.password else None
        if may is None:
            return 401
        camera, stream = _named(path.removeprefix("/"), self._cameras())
        if not camera or not await may(camera):
            return 404
        formats = await self._formats(camera, stream)
        return Stream(self._room, may, (camera, stream), formats)

    async def _formats(self, camera: str, stream: str) -> tuple[StreamFormat, ...]:
        """What the camera sends, as its newest keyframe says; nothing when none comes. The stream stays open for a while."""
        try:
            async with asyncio.timeout(FIRST_S), self._room.packets(camera, stream) as packets:
                async for packet in packets:
                    if starts(packet):
                        sound = self._room.sound(camera, stream)
                        video = video_format(packet.format, packet.data)
                        return (video,) if sound is None else (video, sound)
        except (TimeoutError, SourceUnusable):
            pass
        return ()


def _named(name: str, cameras: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Camera and stream of a path; a camera whose own name ends like a sub stream's comes first. Empty: there is no such."""
    if name in cameras:
        return name, "main"
    camera = name.removesuffix(SUB)
    return (camera, "sub") if name.endswith(SUB) and "sub" in cameras.get(camera, ()) else ("", "")


@dataclass(frozen=True)
class Stream:
    """A `Feed` of one stream for one viewer, who is looked at again and again."""

    room: LiveRoom
    may: May
    key: tuple[str, str]
    formats: Sequence[StreamFormat]

    @contextmanager
    def subscribe(self) -> Iterator[AsyncIterator[Unit]]:
        with self.room.taking(*self.key) as viewer:
            watch = asyncio.get_running_loop().create_task(self._end_when_not_allowed(viewer))
            try:
                yield _steady(viewer)
            finally:
                watch.cancel()

    async def _end_when_not_allowed(self, viewer: Viewer[Packet]) -> None:
        while await self.may(self.key[0]):
            await self.room.clock.sleep(STILL_S)
        viewer.end()


async def _steady(viewer: Viewer[Packet]) -> AsyncIterator[Unit]:
    """Each packet with a pts on one timeline: where a stream begins anew, its first picture follows the last by the time between their
    arrivals."""
    source: StreamFormat | None = None
    shift_s, at_s, arrived_ns = Fraction(0), Fraction(0), 0
    async for packet in viewer:
        pts_s = packet.pts * packet.format.time_base
        if packet.format.kind == "video":
            if packet.format is not source:
                between_s = Fraction(packet.mono_ns - arrived_ns, NS_PER_S) if source is not None else Fraction(0)
                source, shift_s = packet.format, at_s + max(Fraction(0), between_s) - pts_s
            at_s, arrived_ns = pts_s + shift_s, packet.mono_ns
        elif source is None or abs(pts_s + shift_s - at_s) > APART_S:
            continue
        pts = round((pts_s + shift_s) / packet.format.time_base)
        yield RawPacket(packet.format, pts, pts, packet.duration, packet.keyframe, packet.data)
