"""What the hub does with what capture and vision say, with a real store, judge and bus and workers that are only pipes."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from redshank.bus.base import Bus, Envelope, Topic
from redshank.bus.memory import MemoryBus
from redshank.bus.messages import encode
from redshank.clock import US_PER_S, SystemClock
from redshank.errors import BusError, SourceError
from redshank.hub import Hub, Links, Watched, jpeg_size
from redshank.judge import Judge
from redshank.judgement import JudgeSettings
from redshank.model import Alert, CameraStatus, Observation
from redshank.pipe import Note
from redshank.store.base import Store
from redshank.supervisor import Worker
from tests.bus.samples import BOX, alert, camera_state, observation
from tests.harness.clocks import START, FakeClock

CLOCK = SystemClock()
SIZE = (640, 360)
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", SIZE[1], SIZE[0]) + b"\x03" + bytes(10)


@dataclass
class Site:
    hub: Hub
    woken: list[int]
    kept: list[Alert]
    """Whose pictures were asked to be made at once."""


class HeardBus(MemoryBus):
    """Remembers what was published."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Envelope] = []

    async def publish(self, topic: Topic, envelope: Envelope) -> None:
        self.heard.append(envelope)
        await super().publish(topic, envelope)


class DeafBus(MemoryBus):
    """A broker that is away and an outbox that is full."""

    async def publish(self, topic: Topic, envelope: Envelope) -> None:
        raise BusError("the outbox is full")


@asynccontextmanager
async def site(folder: Path, bus: Bus | None = None, still_s: float = 4.0) -> AsyncIterator[Site]:
    """A hub that runs, for the camera `yard`."""
    clock = FakeClock()
    store = Store(f"sqlite:///{folder / 'test.db'}", clock)
    settings = JudgeSettings(channels={"hook": True}, cameras=["yard"])
    woken: list[int] = []
    kept: list[Alert] = []
    judge = Judge([], store, clock, settings, lambda changes: hub.heard(changes))
    zones = {"porch": ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))}
    watched = Watched("yard", "Back yard", ZoneInfo("Europe/Berlin"), zones)
    hub = Hub(Links(judge, store, bus or MemoryBus(), clock, lambda: woken.append(1), kept.append), [watched], still_s)
    await judge.start()
    task = asyncio.ensure_future(hub.run())
    try:
        yield Site(hub, woken, kept)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await hub.drain()
        await judge.stop()
        await asyncio.to_thread(store.close)


def person(seq: int) -> Observation:
    """The same person, five times a second."""
    return observation(seq, time=START + seq * US_PER_S // 5)


async def settings() -> bytes:
    return b""


class Mailbox:
    """Stands where a worker's pipe is: keeps what the hub says."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def write(self, note: Note) -> None:
        self.notes.append(note)


def vision(hub: Hub) -> tuple[Worker, Mailbox]:
    """The worker that analyses the yard."""
    box: Any = Mailbox()
    worker = Worker("vision-0", settings, lambda note: hub.on_vision(worker, note), pipe=box)
    hub.vision["yard"] = worker
    return worker, box


async def until(look: Any) -> None:
    async with asyncio.timeout(5):
        while not look():
            await CLOCK.sleep(0.01)


async def test_a_person_in_sight_becomes_an_alert_and_wakes_the_notifier(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        worker, _box = vision(s.hub)
        for seq in range(1, 8):
            await s.hub.on_vision(worker, Note("look", encode(person(seq))))
        await until(lambda: s.woken)
        (opened,) = s.hub.alerts.values()
        assert (opened.camera, opened.label, opened.state) == ("yard", "person", "open")
        assert (s.hub.alerts_opened, s.kept) == (1, [opened])
        assert s.hub.analysed["yard"].looks == 7
        assert [(d.label, d.box) for d in s.hub.seen(opened)] == [("person", BOX)]


async def test_what_vision_saw_and_how_cameras_are_goes_out_on_the_bus(tmp_path: Path) -> None:
    bus = MemoryBus()
    async with (
        bus.subscribe([Topic.OBSERVATIONS, Topic.CAMERAS, Topic.EVENTS, Topic.ALERTS], "test") as messages,
        site(tmp_path, bus) as s,
        asyncio.timeout(5),
    ):
        worker, _box = vision(s.hub)
        await s.hub.on_capture(Note("state", encode(camera_state())))
        for seq in range(1, 8):
            await s.hub.on_vision(worker, Note("look", encode(person(seq))))
        kinds: set[str] = set()
        while kinds != {"observation", "camera", "event", "alert"}:
            kinds.add((await anext(messages)).kind)


async def test_a_bus_that_takes_nothing_stops_no_alert_and_is_counted(tmp_path: Path) -> None:
    async with site(tmp_path, DeafBus()) as s:
        worker, _box = vision(s.hub)
        for seq in range(1, 8):
            await s.hub.on_vision(worker, Note("look", encode(person(seq))))
        await until(lambda: s.woken and s.hub.unsent >= 8)
        assert s.hub.alerts_opened == 1


async def test_a_change_of_a_cameras_status_is_told_at_once(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        state = replace(camera_state(), status=CameraStatus.ONLINE, reason="")
        await s.hub.on_capture(Note("state", encode(state)))
        assert (s.hub.changed.is_set(), s.hub.online()) == (True, True)
        s.hub.changed.clear()
        await s.hub.on_capture(Note("state", encode(replace(state, packets=7))))
        assert not s.hub.changed.is_set()
        await s.hub.on_capture(Note("state", encode(camera_state())))
        assert (s.hub.changed.is_set(), s.hub.online()) == (True, False)


async def test_the_picture_of_an_alert_is_asked_of_vision(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        worker, box = vision(s.hub)
        asked = asyncio.ensure_future(s.hub.picture(alert()))
        await until(lambda: box.notes)
        (request,) = box.notes
        assert (request.kind, request.header["camera"], request.header["track"]) == ("still", "yard", "t1")
        assert request.header["caption"] == "Back yard  2026-01-01 01:00:00 CET"
        assert list(request.header["zones"]) == ["porch"]
        await s.hub.on_vision(worker, Note("still", {"number": request.header["number"], "reason": ""}, JPEG))
        picture = await asked
        assert picture is not None
        assert (picture.jpeg, picture.width, picture.height) == (JPEG, *SIZE)
        assert picture.name == "yard-2026-01-01T00-00-00Z.jpg"


async def test_why_there_is_no_picture_is_said(tmp_path: Path) -> None:
    async with site(tmp_path, still_s=0.2) as s:
        with pytest.raises(SourceError, match="being started again"):
            await s.hub.picture(alert())
        worker, box = vision(s.hub)
        with pytest.raises(SourceError, match="in time"):
            await s.hub.picture(alert())
        late = box.notes[-1].header["number"]
        await s.hub.on_vision(worker, Note("still", {"number": late, "reason": ""}, JPEG))
        asked = asyncio.ensure_future(s.hub.picture(alert()))
        await until(lambda: len(box.notes) == 2)
        number = box.notes[-1].header["number"]
        await s.hub.on_vision(worker, Note("still", {"number": number, "reason": "that moment is gone"}))
        with pytest.raises(SourceError, match="that moment is gone"):
            await asked


async def test_vision_without_a_model_is_trouble_until_it_has_one(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        worker, _box = vision(s.hub)
        await s.hub.on_vision(worker, Note("trouble", {"reason": "the model is not here yet"}))
        assert s.hub.trouble == {"vision-0": "the model is not here yet"}
        await s.hub.on_vision(worker, Note("ready", {"model": "m@1", "labels": ["person"], "device": "cpu"}))
        assert (s.hub.trouble, s.hub.model["model"]) == ({}, "m@1")


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"nothing of the kind", JPEG[:12]])
def test_a_damaged_jpeg_has_no_size(data: bytes) -> None:
    assert jpeg_size(data) == (0, 0)


async def test_what_a_kill_kept_from_the_bus_is_said_at_the_next_start_under_the_same_id(tmp_path: Path) -> None:
    first, second = HeardBus(), HeardBus()
    async with site(tmp_path, first) as s:
        worker, _box = vision(s.hub)
        for seq in range(1, 12):
            await worker.on_note(Note("look", encode(person(seq))))
        await until(lambda: s.hub.alerts)
    said = {e.id for e in first.heard if e.kind == "alert"}
    async with site(tmp_path, second) as s:
        await s.hub.say_again()
    again = {e.id for e in second.heard if e.kind == "alert"}
    assert said
    assert again <= said
    assert {e.data["id"] for e in second.heard} >= {e.data["id"] for e in first.heard if e.kind in ("alert", "event")}


async def test_what_is_said_of_a_camera_that_went_is_not_heard(tmp_path: Path) -> None:
    async with site(tmp_path) as now:
        worker, _ = vision(now.hub)
        await now.hub.on_capture(Note("state", encode(camera_state())))
        assert now.hub.states
        now.hub.change([])
        await now.hub.on_capture(Note("state", encode(camera_state())))
        await now.hub.on_vision(worker, Note("look", encode(person(1))))
        assert (now.hub.states, now.hub.analysed, now.hub.alerts) == ({}, {}, {})
        with pytest.raises(SourceError, match="not there any more"):
            await now.hub.picture(alert())


async def test_what_is_known_of_a_camera_that_stays_is_kept(tmp_path: Path) -> None:
    yard = Watched("yard", "Yard", ZoneInfo("UTC"), streams=("main",))
    async with site(tmp_path) as now:
        worker, _ = vision(now.hub)
        await now.hub.on_capture(Note("state", encode(camera_state())))
        await now.hub.on_capture(Note("state", encode(replace(camera_state(), stream="sub"))))
        await now.hub.on_vision(worker, Note("look", encode(person(1))))
        now.hub.change([yard, Watched("hall", "Hall", ZoneInfo("UTC"))])
        assert list(now.hub.states) == [("yard", "main")]
        assert [(name, one.looks) for name, one in now.hub.analysed.items()] == [("yard", 1), ("hall", 0)]
