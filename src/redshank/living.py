"""Live view of a running site: the room and what feeds it, RTSP out and its log-in. On the hub's event loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from redshank.access.address import Origin
from redshank.access.desk import Desk
from redshank.access.refusal import Refusal
from redshank.access.who import NOBODY, Verb, Who
from redshank.clock import Clock
from redshank.errors import StoreError
from redshank.live.hls import LiveHls
from redshank.live.room import LiveRoom
from redshank.live.rtsp import PORT, Enter, May, RtspOut
from redshank.model import CameraState
from redshank.process.upstream import Upstream

log = logging.getLogger(__name__)


class Living:
    """One per site. `upstream.started` is told of every start of a capture process."""

    def __init__(self, clock: Clock, state: Callable[[str, str], CameraState | None]) -> None:
        """state: of a camera's stream, as last told."""
        self.upstream = Upstream()
        self.room = LiveRoom(self.upstream, clock, state)
        self.hls = LiveHls(self.room, clock)
        self.upstream.room = self.room

    def rtsp(
        self, desk: Desk, cameras: Callable[[], Mapping[str, Sequence[str]]], host: str = "127.0.0.1", port: int = PORT
    ) -> RtspOut:
        """Not started yet. cameras: those that are switched on, and their streams."""
        return RtspOut(self.room, door_of(desk), cameras, host, port)

    async def stop(self) -> None:
        """Ends every viewer. Idempotent."""
        await self.room.stop()
        await self.hls.stop()
        await self.upstream.stop()


def door_of(desk: Desk) -> Enter:
    """Who may watch by RTSP: any name with a token as password, and from this machine itself accounts, whose passwords are worth more
    than to be sent in clear over a network."""

    async def known(name: str, password: str, address: str) -> Who | None:
        if Origin(address, direct=True).here:
            return await desk.vouch(name, password, address)
        who = await desk.who("", password, address)
        if who is None:
            log.warning("rtsp: %s was refused: over the network the password must be an API token with `live`", address)
            desk.audit.note(replace(NOBODY, address=address), "log-in failed", detail="RTSP without a token")
        return who

    async def enter(name: str, password: str, address: str) -> May | None:
        try:
            who = await known(name, password, address)
        except (Refusal, StoreError):
            return None
        if who is None:
            return None

        noted = set[str]()

        async def may(camera: str) -> bool:
            allowed = who.may(Verb.LIVE, camera) and await desk.still(who)
            if camera not in noted:
                noted.add(camera)
                desk.audit.note(who, "live" if allowed else "refused", camera, "RTSP")
            return allowed

        return may

    return enter
