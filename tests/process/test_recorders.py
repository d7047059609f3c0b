"""The recorders of a capture process: volumes that are refused or hang when they are first used, and what is told meanwhile."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
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


def only(site: Site, *names: str, volume: str = "", **changes: Any) -> CaptureSettings:
    """These cameras; `volume`: all on the one of this name."""
    whole = site.settings(**changes)
    records = [each for each in whole.records if each.camera in names]
    return replace(whole, records=tuple(replace(each, volume=site.ids[volume or each.camera]) for each in records))


def holes(rows: list[dict[str, Any]]) -> list[int]:
    """µs between one file and the next."""
    return [after["start"] - before["end"] for before, after in pairwise(rows)]


async def test_a_stream_that_comes_later_is_recorded_beside_one_that_goes_on_without_a_gap(site: Site) -> None:
    site.recorders.open(only(site, "yard", volume="yard"))
    await site.until(lambda: site.told("segment"))
    site.recorders.open(only(site, "yard", "door", volume="yard"))
    door = ("segment", "door")
    await site.until(lambda: any(n.kind == "segment" and n.header["camera"] == "door" for n in site.heard))
    await site.until(lambda: len(site.told("segment")) >= 4)
    assert site.told(*door)[0]["volume"] == site.ids["yard"]
    assert holes(site.told("segment")) == [0] * (len(site.told("segment")) - 1)


async def test_a_stream_that_goes_is_written_to_its_end_and_said_to_be_off(site: Site) -> None:
    site.recorders.open(site.settings())
    await site.until(lambda: site.told("segment") and site.told("running"))
    site.recorders.open(only(site, "door"))
    off = site.clock.now()
    await site.until(lambda: any(gap["reason"] == "off" for gap in site.told("gap")))
    last = site.told("segment")[-1]
    assert off - last["end"] < US_PER_S // 5
    assert [gap["start"] >= last["end"] for gap in site.told("gap") if gap["reason"] == "off"] == [True]
    count = len(site.told("segment", "door"))
    await site.until(lambda: len(site.told("segment", "door")) >= count + 2)
    assert site.told("segment")[-1] == last
    assert holes(site.told("segment", "door")) == [0] * (len(site.told("segment", "door")) - 1)


async def test_one_that_comes_back_begins_a_file_of_its_own(site: Site) -> None:
    site.recorders.open(site.settings())
    await site.until(lambda: site.told("running"))
    for settings in (only(site, "door"), site.settings()):
        site.recorders.open(settings)
    again = site.clock.now()
    await site.until(lambda: site.told("segment") and site.told("segment")[-1]["start"] >= again)
    rows = site.told("segment")
    assert all(after["start"] >= before["end"] for before, after in pairwise(rows))
    assert len({row["seq"] for row in rows}) == len(rows)


async def test_a_stream_goes_to_the_volume_it_names_now(site: Site) -> None:
    site.recorders.open(only(site, "yard", "door", volume="yard"))
    await site.until(lambda: site.told("segment"))
    moved = only(site, "yard", "door", volume="door")
    site.recorders.open(moved)
    await site.until(lambda: site.told("segment")[-1]["volume"] == site.ids["door"])
    rows = site.told("segment")
    assert all(0 <= hole <= 1.1 * US_PER_S for hole in holes(rows)), "up to its next keyframe"


async def test_another_length_holds_from_the_next_cut_on_and_costs_nothing(site: Site) -> None:
    site.recorders.open(only(site, "yard"))
    await site.until(lambda: len(site.told("segment")) >= 2)
    site.recorders.open(only(site, "yard", segment_s=2.5))
    await site.until(lambda: len(site.told("segment")) >= 4)
    rows = site.told("segment")
    assert holes(rows) == [0] * (len(rows) - 1)
    assert rows[-1]["end"] - rows[-1]["start"] >= 2 * US_PER_S
