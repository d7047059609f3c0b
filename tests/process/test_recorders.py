"""The recorders of a capture process: volumes that are refused or hang when they are first used, and what is told meanwhile."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redshank.clock import US_PER_S, SystemClock
from redshank.disk import Disk
from redshank.media.fanout import Fanout
from redshank.pipe import Note, Pipe, PipeBroken
from redshank.process.joined import JoinedDisk
from redshank.process.recorders import Recorders
from redshank.process.settings import CaptureSettings
from redshank.process.worker import Worker
from redshank.record_settings import RecordSettings, VolumeSettings
from redshank.volume import open_volume
from tests.recorder import MemoryDisk, Scripted

BOUND_S = 10.0
TICK_S = 0.05


class Site:
    """Two cameras, each with a volume, the recorders and what the hub hears of them."""

    def __init__(self, worker: Worker, hub: Pipe, folder: Path) -> None:
        self.clock = SystemClock()
        self.hub = hub
        self.worker = worker
        self.cameras = {name: Scripted(name, Fanout(), self.clock) for name in ("yard", "door")}
        self.fanouts = {(name, "main"): camera.fanout for name, camera in self.cameras.items()}
        self.roots = {name: folder / name for name in self.cameras}
        self.ids = {}
        for name, root in self.roots.items():
            volume = open_volume(root, None, self.clock, "default")
            self.ids[name] = volume.id
            volume.close()
        self.heard: list[Note] = []
        self.recorders = Recorders(worker, self.fanouts, 1)

    def use(self, disk: Callable[[VolumeSettings], Disk]) -> None:
        self.recorders = Recorders(self.worker, self.fanouts, 1, disk)

    def settings(self, **changes: Any) -> CaptureSettings:
        records = [replace(RecordSettings(name, "main", id, segment_s=1), **changes) for name, id in self.ids.items()]
        volumes = [VolumeSettings(id, str(self.roots[name])) for name, id in self.ids.items()]
        return CaptureSettings((), 1, (), tuple(records), tuple(volumes))

    def told(self, kind: str, camera: str = "yard") -> list[dict[str, Any]]:
        about = (camera, self.ids[camera])
        return [
            dict(n.header) for n in self.heard if n.kind == kind and n.header.get("camera", n.header.get("id")) in about
        ]

    async def until(self, wanted: Callable[[], object]) -> None:
        """The cameras send meanwhile."""
        for number in range(round(BOUND_S / TICK_S)):
            if wanted():
                return
            for camera in self.cameras.values():
                camera.tick()
            if number % 10 == 0:
                self.recorders.tick()
            await self.clock.sleep(TICK_S)
        pytest.fail("it never came to that")

    async def for_s(self, seconds: float) -> None:
        end = self.clock.now() + round(seconds * US_PER_S)
        await self.until(lambda: self.clock.now() >= end)

    def say(self, mode: str, private: bool = False) -> None:
        assert self.recorders.on_note(Note("record", {"camera": "yard", "mode": mode, "private": private}))

    async def listen(self) -> None:
        with suppress(PipeBroken):
            while True:
                self.heard.append(await self.hub.read())


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    ours, theirs = socket.socketpair()
    given, kept = socket.socketpair()
    made = Site(Worker(await Pipe.over(ours), given), await Pipe.over(theirs), tmp_path)
    listening = asyncio.create_task(made.listen())
    yield made
    await asyncio.to_thread(made.recorders.stop)
    made.worker.pipe.close()
    await listening
    made.hub.close()
    given.close()
    kept.close()


async def test_a_volume_that_went_before_it_was_used_loses_nothing_when_it_is_back(site: Site) -> None:
    away = site.roots["yard"].rename(site.roots["yard"].with_name("away"))
    site.recorders.open(site.settings())
    await site.until(lambda: any(note["trouble"] for note in site.told("volume")))
    await site.until(lambda: site.told("segment", "door"))
    away.rename(site.roots["yard"])
    await site.until(lambda: len(site.told("segment")) >= 2)
    first, door = site.told("segment")[0], site.told("segment", "door")[0]
    assert first["start"] - door["start"] < US_PER_S // 10
    assert all(gap["end"] - gap["start"] < US_PER_S for gap in site.told("gap") if gap["end"])


async def test_what_is_told_while_a_volume_is_refused_counts_when_it_is_back(site: Site) -> None:
    away = site.roots["yard"].rename(site.roots["yard"].with_name("away"))
    site.recorders.open(site.settings())
    await site.until(lambda: any(note["trouble"] for note in site.told("volume")))
    site.say("off")
    off = site.clock.now()
    away.rename(site.roots["yard"])
    await site.until(lambda: site.told("segment"))
    await site.for_s(1.5)
    assert all(row["end"] <= off + US_PER_S // 10 for row in site.told("segment"))
    site.say("continuous")
    again = site.clock.now()
    await site.until(lambda: site.told("segment")[-1]["start"] >= again)


async def test_a_camera_that_was_private_at_the_start_does_not_become_so_again(site: Site) -> None:
    away = site.roots["yard"].rename(site.roots["yard"].with_name("away"))
    site.recorders.open(replace(site.settings(private=True), silent=("yard", "door")))
    await site.for_s(0.5)
    assert site.fanouts["yard", "main"].since(0) == []
    site.say("continuous")
    await site.until(lambda: any(note["trouble"] for note in site.told("volume")))
    away.rename(site.roots["yard"])
    await site.until(lambda: site.told("segment"))
    assert site.fanouts["yard", "main"].since(0)
    assert site.fanouts["door", "main"].since(0) == []
    assert site.told("segment", "door") == []


def hanging(back: threading.Event) -> MemoryDisk:
    """What a share does whose server is gone."""

    def wait(operation: str, name: str) -> None:
        assert back.wait(BOUND_S)

    disk = MemoryDisk()
    disk.fault = wait
    return disk


async def test_a_volume_that_hangs_at_its_first_use_holds_up_nothing_else_and_loses_nothing(site: Site) -> None:
    back = threading.Event()
    site.use(lambda volume: hanging(back) if volume.id == site.ids["yard"] else JoinedDisk(volume))
    site.recorders.open(site.settings())
    site.recorders.open(site.settings())
    await site.until(lambda: len(site.told("segment", "door")) >= 2)
    assert site.told("segment") == []
    back.set()
    await site.until(lambda: site.told("segment"))
    assert site.told("segment")[0]["start"] - site.told("segment", "door")[0]["start"] < US_PER_S // 10


async def test_a_mode_that_comes_with_another_volume_counts_for_what_is_recorded_already(site: Site) -> None:
    site.recorders.open(site.settings())
    await site.until(lambda: site.told("running"))
    site.recorders.open(site.settings(mode="off"))
    off = site.clock.now()
    await site.until(lambda: any(gap["reason"] == "off" for gap in site.told("gap")))
    assert all(row["end"] <= off + US_PER_S // 10 for row in site.told("segment"))
