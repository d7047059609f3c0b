"""A clip played by a live camera of `Cameras`, at its own pace, for ever, with times that go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from redshank.clock import NS_PER_S, US_PER_S, Clock
from tests.live.cameras import Cameras
from tests.playback.recording import packets_of


async def play(cameras: Cameras, clip: Path, clock: Clock, camera: str = "yard", stream: str = "main") -> None:
    packets = list(packets_of(clip, clock.now(), camera, stream)[0])
    begun, start = clock.mono_ns(), packets[0].time
    length = max(packet.time for packet in packets if packet.format.kind == "video") - start + US_PER_S // 10
    for turn in range(1000):
        for packet in packets:
            due = begun + (packet.time - start + turn * length) * 1000
            await clock.sleep(max(0, (due - clock.mono_ns()) / NS_PER_S))
            ticks = round(turn * length / US_PER_S / packet.format.time_base)
            await cameras.give(
                replace(
                    packet,
                    time=packet.time + turn * length,
                    mono_ns=clock.mono_ns(),
                    pts=packet.pts + ticks,
                    dts=packet.dts + ticks,
                )
            )
