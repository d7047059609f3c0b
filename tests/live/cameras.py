"""Live cameras without cameras: packets of a clip, given as the live room gives them, while a test says what time it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redshank.media.fanout import starts
from redshank.model import Packet
from tests.playback.recording import packets_of


@dataclass
class Cameras:
    """A room: `give` is what has come so far; whoever watches gets it from the newest keyframe on, then what is given meanwhile."""

    given: dict[tuple[str, str], list[Packet]] = field(default_factory=dict)
    watching: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    _woken: asyncio.Condition = field(default_factory=asyncio.Condition)

    def add(self, clip: Path, start: int, camera: str = "yard", stream: str = "main") -> list[Packet]:
        """All of a clip at once, its first picture at `start` (µs)."""
        packets = list(packets_of(clip, start, camera, stream)[0])
        self.given.setdefault((camera, stream), []).extend(packets)
        return packets

    async def give(self, *packets: Packet) -> None:
        for packet in packets:
            self.given.setdefault((packet.camera, packet.stream), []).append(packet)
        async with self._woken:
            self._woken.notify_all()

    @asynccontextmanager
    async def packets(self, camera: str, stream: str) -> AsyncIterator[AsyncIterator[Packet]]:
        self.asked.append((camera, stream))
        self.watching += 1
        try:
            yield self._packets(camera, stream)
        finally:
            self.watching -= 1

    async def _packets(self, camera: str, stream: str) -> AsyncIterator[Packet]:
        given = self.given.setdefault((camera, stream), [])
        at = max((number for number, packet in enumerate(given) if starts(packet)), default=0)
        while True:
            async with self._woken:
                while len(given) <= at:
                    await self._woken.wait()
            yield given[at]
            at += 1
