"""The hub's side of recording, with a real database and capture that is only notes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from redshank.clock import NS_PER_S, US_PER_S, SystemClock
from redshank.disk_os import OsDisk
from redshank.library import Library, Plan
from redshank.model import (
    SITE,
    CameraState,
    CameraStatus,
    Gap,
    GapReason,
    Observation,
    Segment,
    Track,
    TrackState,
)
from redshank.names import part_of
from redshank.pipe import Note
from redshank.record_settings import SEQ_BITS, Mode, RecordSettings
from redshank.schedule import parse
from redshank.store import alerts, gaps, ledger, recordings
from redshank.store.base import Store
from redshank.volume import Volume
from tests.bus.samples import BOX, alert
from tests.harness.clocks import START, FakeClock

REAL = SystemClock()
VOLUME = "vol"
UTC = ZoneInfo("UTC")
KEY = ("yard", "main")


@dataclass
class Capture:
    """The other end: remembers what it was told."""

    heard: list[Note] = field(default_factory=list)
    there: bool = True

    def tell(self, note: Note) -> bool:
        if self.there:
            self.heard.append(note)
        return self.there

    def of(self, kind: str) -> list[Note]:
        return [note for note in self.heard if note.kind == kind]


@dataclass
class Site:
    library: Library
    store: Store
    capture: Capture
    clock: FakeClock
    disk: OsDisk
    states: dict[tuple[str, str], CameraState]

    def rows(self) -> list[Segment]:
        return self.store.read(lambda conn: recordings.span(conn, *KEY, 0, 1 << 60))

    def gaps(self) -> list[Gap]:
        return self.store.read(lambda conn: gaps.span(conn, *KEY, 0, 1 << 60))


def segment(number: int, start_s: float, length_s: float = 10) -> Segment:
    start = START + round(start_s * US_PER_S)
    seq = (1 << SEQ_BITS) + number
    path = f"yard/main/2026-01-01/00/00.{number:02}-{seq}.mp4"
    return Segment(
        *KEY, seq, VOLUME, path, start, start + round(length_s * US_PER_S), 100, 10, 90, 100, "h264", 640, 360, 1,
        "00ff", b"\0" * 8,
    )  # fmt: skip


def told(kind: str, one: Segment) -> Note:
    return Note(kind, {**asdict(one), "index": one.index.hex()})


def plan(**changes: object) -> Plan:
    settings = RecordSettings(*KEY, VOLUME)
    return Plan((replace(settings, **changes),), (), UTC)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'r.db'}", clock)
    yield opened
    opened.close()


@asynccontextmanager
async def running(store: Store, clock: FakeClock, folder: Path, of: Plan | None = None) -> AsyncIterator[Site]:
    root = folder / "recordings"
    root.mkdir(exist_ok=True)
    disk = OsDisk(root)
    states: dict[tuple[str, str], CameraState] = {}
    capture = Capture()
    library = Library(store, clock, states, "boot")
    library.serves("yard", capture.tell)
    await library.start({"yard": of or plan()}, {VOLUME: Volume(VOLUME, root, disk, 1, SITE, -1)})
    library.started(["yard"], 1)
    task = asyncio.ensure_future(library.run())
    try:
        yield Site(library, store, capture, clock, disk, states)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def eventually(look: Callable[[], object], clock: FakeClock, step_s: float = 0.0) -> None:
    """Until it is so; fake seconds pass meanwhile where `step_s` says so."""
    async with asyncio.timeout(10):
        while not look():
            clock.advance(step_s)
            await REAL.sleep(0.01)


async def test_a_closed_file_becomes_a_row_and_only_then_loses_its_mark(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(store, clock, tmp_path) as site:
        one = segment(1, 0)
        site.disk.close(site.disk.create(part_of(one.path)))
        await site.library.on_note(told("running", one))
        assert site.library.running[KEY].start == one.start
        await site.library.on_note(told("segment", one))
        await eventually(lambda: site.disk.size(part_of(one.path)) is None, clock)
        assert site.rows() == [one]
        assert site.library.running == {}


async def test_files_wait_for_a_database_that_refuses_and_come_in_order(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    """rel:T32: another process holds the lock longer than a commit waits for it."""
    store.patience_s = 0.0
    async with running(store, clock, tmp_path) as site:
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(5):
                await site.library.on_note(told("segment", segment(number, 1 + number * 10)))
            await eventually(lambda: "recordings" in site.library.trouble, clock)
            assert site.library.waiting == 5
            other.execute("ROLLBACK")
        await eventually(lambda: len(site.rows()) == 5, clock, 0.5)
        await eventually(lambda: site.library.trouble == {}, clock, 0.5)
        assert [gap for gap in site.gaps() if gap.start > START] == []


async def test_since_the_last_start_nothing_was_recorded_and_says_why(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(store, clock, tmp_path) as site:
        await site.library.on_note(told("segment", segment(1, 0)))
        await eventually(site.rows, clock)
    clock.advance(3600)
    async with running(store, clock, tmp_path) as site:
        await site.library.on_note(told("segment", segment(2, 3600)))
        await eventually(lambda: len(site.rows()) == 2, clock)
        known = [gap for gap in site.gaps() if gap.start >= START]
        assert [(gap.start - START, gap.end, gap.reason) for gap in known][-1:] == [
            (10 * US_PER_S, START + 3600 * US_PER_S, GapReason.RESTART)
        ]


async def test_a_hole_of_a_camera_that_stalled_is_called_so(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    async with running(store, clock, tmp_path) as site:
        await site.library.on_note(told("segment", segment(1, 0)))
        site.states[KEY] = CameraState(*KEY, CameraStatus.STALLED, START, START)
        start = START + 10 * US_PER_S
        gap = {"camera": "yard", "stream": "main", "start": start, "end": None, "reason": "offline"}
        await site.library.on_note(Note("gap", gap))
        await eventually(lambda: site.gaps()[-1:] == [Gap(*KEY, start, None, GapReason.STALLED)], clock)


async def test_motion_is_kept_and_told_about_once_a_second(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    async with running(store, clock, tmp_path, plan(mode="motion")) as site:
        for tenth in range(30):
            site.library.seen(Observation("yard", "main", 1, tenth, START + tenth * US_PER_S // 10, motion=0.1))
        since = [note.header["since"] - START for note in site.capture.of("keep")]
        assert since == [0, US_PER_S, 2 * US_PER_S]


async def test_only_alerts_count_where_alerts_are_recorded(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    async with running(store, clock, tmp_path, plan(mode="alert")) as site:
        track = Track("t", 1, "person", TrackState.ACTIVE, BOX, 0.9, 0.9, START, START, START, True, 5)
        site.library.seen(Observation("yard", "main", 1, 1, START, (track,), motion=0.1))
        assert [note.header["important"] for note in site.capture.of("keep")] == [False]
        opened = replace(alert(), camera="yard", state="open", severity="alert", opened=START)
        site.library.alerted(opened)
        assert site.capture.of("keep")[-1].header["important"] is True
        before = len(site.capture.of("keep"))
        await eventually(lambda: len(site.capture.of("keep")) > before + 2, clock, 1.0)
        site.library.alerted(replace(opened, state="closed"))
        clock.advance(3)
        assert site.capture.of("keep")[-1].header["until"] > opened.opened


async def test_private_is_told_to_capture_and_survives_a_restart(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(store, clock, tmp_path) as site:
        store.write(lambda conn: ledger.set_private(conn, "yard", True, START + 60 * US_PER_S)).result()
        await eventually(lambda: site.capture.of("record"), clock, 1.0)
        assert site.capture.of("record")[0].header["private"] is True
    async with running(store, clock, tmp_path) as site:
        assert [s.private for s in site.library.settings(["yard"])] == [True]
        assert site.library.silent(["yard", "elsewhere"]) == ("yard",)
        clock.advance(60)
        await eventually(lambda: site.capture.of("record"), clock, 1.0)
        assert site.capture.of("record")[0].header["private"] is False


async def test_outside_its_schedule_a_camera_is_off(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    in_vienna = replace(plan(), schedule=(parse("00:30-02:00"),), zone=ZoneInfo("Europe/Vienna"))
    async with running(store, clock, tmp_path, in_vienna) as site:
        assert [s.mode for s in site.library.settings(["yard"])] == ["continuous"]  # 01:00 there
        clock.advance(3600)
        await eventually(lambda: site.capture.of("record"), clock, 1.0)
        assert site.capture.of("record")[0].header["mode"] == "off"


async def test_a_stream_that_reaches_no_disk_is_told_within_fifteen_seconds(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    """rel:T16."""
    async with running(store, clock, tmp_path) as site:
        site.states[KEY] = CameraState(*KEY, CameraStatus.ONLINE, START, START)
        await site.library.on_note(told("running", segment(1, 0, 2)))
        begun = clock.now()
        await eventually(lambda: "yard/main" in site.library.trouble, clock, 0.5)
        assert clock.now() - begun <= 15 * US_PER_S
        await site.library.on_note(told("running", segment(1, 0, (clock.now() - START) / US_PER_S)))
        await eventually(lambda: "yard/main" not in site.library.trouble, clock, 0.5)


async def test_motion_of_a_file_is_known_soon_after_it_was_closed(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(store, clock, tmp_path) as site:
        for second in range(-2, 12):
            seen = Observation("yard", "main", 1, 1, START + second * US_PER_S, motion=0.25 if second == 4 else 0.0)
            site.library.seen(seen)
        await site.library.on_note(told("segment", segment(1, 0)))
        await eventually(lambda: site.rows() and site.rows()[0].motion == 0.25, clock, 1.0)


@pytest.mark.parametrize("step_s", [-3600.0, 86_400.0, 56 * 365 * 86_400.0])
async def test_what_was_recorded_under_a_wrong_clock_is_moved_when_it_is_set(
    step_s: float, store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    """rel:T30: within a second or two of the step, in the order of recording, also what is closed only after it."""
    async with running(store, clock, tmp_path) as site:
        clock.advance(20)
        now = clock.mono_ns()
        first = replace(segment(1, 1), boot="boot", mono_ns=now - 19 * NS_PER_S)
        await site.library.on_note(told("segment", first))
        await eventually(site.rows, clock, 0.5)
        late = replace(segment(2, 11), boot="boot", mono_ns=now - 9 * NS_PER_S)
        clock.step(step_s)
        moved = round(step_s * US_PER_S)
        await eventually(lambda: [row.start for row in site.rows()] == [first.start + moved], clock, 0.5)
        await site.library.on_note(told("segment", late))
        await eventually(lambda: len(site.rows()) == 2, clock, 0.5)
        assert [(row.seq, row.start) for row in site.rows()] == [
            (first.seq, first.start + moved),
            (late.seq, late.start + moved),
        ]
    async with running(store, clock, tmp_path) as site:  # once is enough
        clock.advance(3)
        await eventually(lambda: len(site.rows()) == 2, clock, 1.0)
        assert [row.start for row in site.rows()] == [first.start + moved, late.start + moved]


async def test_a_small_step_moves_nothing(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """rel:T30, rel:T31: a second more or less is the ordinary life of a clock."""
    async with running(store, clock, tmp_path) as site:
        await site.library.on_note(told("segment", replace(segment(1, 1), boot="boot", mono_ns=0)))
        await eventually(site.rows, clock, 0.5)
        clock.step(-1.0)
        clock.advance(2)
        await eventually(site.rows, clock, 1.0)
        assert [row.start for row in site.rows()] == [START + US_PER_S]


async def test_a_camera_that_is_not_recorded_can_be_private_too(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    async with running(store, clock, tmp_path, Plan((), (), UTC)) as site:
        assert site.library.settings(["yard"]) == []
        store.write(lambda conn: ledger.set_private(conn, "", True, None)).result()
        await eventually(lambda: site.capture.of("record"), clock, 1.0)
        assert site.library.silent(["yard"]) == ("yard",)
        assert site.capture.of("record")[-1].header["private"] is True


async def test_a_gap_ends_when_a_file_begins_also_when_it_was_told_late(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(store, clock, tmp_path) as site:
        early = segment(1, -0.5, 2)
        await site.library.on_note(told("running", early))
        await eventually(lambda: site.library.waiting == 0, clock)
        assert site.gaps() == []
        await site.library.on_note(told("segment", replace(early, end=START + 30 * US_PER_S)))
        await eventually(site.rows, clock)
        assert site.gaps() == []


@pytest.mark.parametrize("mode", ["motion", "alert"])
async def test_while_nobody_looks_everything_is_kept(
    mode: Mode, store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(store, clock, tmp_path, plan(mode=mode)) as site:
        site.library.seen(Observation("yard", "main", 1, 1, START))
        await eventually(lambda: clock.mono_ns() > 8 * NS_PER_S, clock, 1.0)
        assert site.capture.of("keep") == []
        await eventually(lambda: site.capture.of("keep"), clock, 1.0)
        assert site.capture.of("keep")[0].header["important"] is True


async def test_an_alert_that_was_open_before_a_restart_is_still_kept(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    opened = replace(alert(), camera="yard", state="open", severity="alert", opened=START)
    store.write(lambda conn: alerts.save(conn, opened)).result()
    async with running(store, clock, tmp_path, plan(mode="alert")) as site:
        await eventually(lambda: site.capture.of("keep"), clock, 0.5)


async def test_after_a_step_back_of_the_clock_motion_is_kept_as_before(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(store, clock, tmp_path, plan(mode="motion")) as site:
        site.library.seen(Observation("yard", "main", 1, 1, START, motion=0.2))
        site.library.seen(Observation("yard", "main", 1, 2, START - 3600 * US_PER_S, motion=0.2))
        assert [note.header["since"] - START for note in site.capture.of("keep")] == [0, -3600 * US_PER_S]


async def test_a_backlog_larger_than_the_queue_of_the_database_is_worked_off(clock: FakeClock, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'r.db'}", clock, most=600)
    async with running(store, clock, tmp_path) as site:
        for number in range(2000):
            await site.library.on_note(told("segment", segment(number, 1 + number * 10)))
        await eventually(lambda: site.library.waiting == 0, clock, 0.1)
        assert len(site.rows()) == 2000
    store.close()


async def test_a_camera_that_comes_late_has_time_to_reach_the_disk(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    hall = Plan((RecordSettings("hall", "main", VOLUME),), (), UTC)
    async with running(store, clock, tmp_path) as site:
        await eventually(lambda: clock.now() - START > 60 * US_PER_S, clock, 0.5)
        site.states["hall", "main"] = CameraState("hall", "main", CameraStatus.ONLINE, clock.now(), clock.now())
        site.library.plan({"yard": plan(), "hall": hall})
        site.library.started(["hall"], 1)
        begun = clock.now()
        assert [one.camera for one in site.library.settings(["yard", "hall"])] == ["yard", "hall"]
        await eventually(lambda: "hall/main" in site.library.trouble, clock, 0.5)
        assert 12 * US_PER_S <= clock.now() - begun <= 15 * US_PER_S


async def test_what_a_camera_sent_before_it_went_still_becomes_rows_and_nothing_is_missed_of_it(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(store, clock, tmp_path) as site:
        site.states[KEY] = CameraState(*KEY, CameraStatus.ONLINE, START, START)
        await site.library.on_note(told("running", segment(1, 0, 2)))
        await eventually(lambda: "yard/main" in site.library.trouble, clock, 0.5)
        site.library.plan({})
        await site.library.on_note(told("segment", segment(1, 0)))
        header = {"camera": "yard", "stream": "main", "start": segment(1, 0).end, "end": None, "reason": "off"}
        await site.library.on_note(Note("gap", header))
        await eventually(lambda: len(site.rows()) == 1 and site.gaps()[-1].reason is GapReason.OFF, clock, 0.5)
        assert (site.library.trouble, site.library.running, site.library.settings(["yard"])) == ({}, {}, [])
        await eventually(lambda: clock.now() - START > 120 * US_PER_S, clock, 1.0)
        assert site.library.trouble == {}


async def test_who_shows_a_camera_hears_that_it_is_private_without_a_capture_process(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(store, clock, tmp_path) as site:
        told = list[str]()
        site.library.on_private = told.append
        site.capture.there = False
        store.write(lambda conn: ledger.set_private(conn, "", True, None)).result()
        await eventually(lambda: told, clock, 0.5)
        await eventually(lambda: site.library.silent(["yard"]), clock, 0.5)
    assert told == ["yard"]
