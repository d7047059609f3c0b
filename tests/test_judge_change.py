"""Other rules, zones, channels and cameras while the judge works: what is known of what stays is kept, the rest is closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import RowMapping

from redshank.clock import SystemClock
from redshank.judge import Judge
from redshank.judgement import Changes, JudgeSettings
from redshank.model import Alert
from redshank.rules.rule import Rule
from redshank.store import alerts, events
from redshank.store.base import Store
from tests.harness.clocks import FakeClock
from tests.rules.script import GARDEN, box_at, ended, observe, track

SETTINGS = JudgeSettings(channels={"page": True, "mail": False}, cameras=["door", "yard"])
PERSON = Rule("person", labels=("person",))
CAR = Rule("car", labels=("car",))


class Desk:
    """A judge, what it told, and its database."""

    def __init__(self, judge: Judge, store: Store, heard: list[Changes]) -> None:
        self.judge, self.store, self.heard = judge, store, heard

    async def look(
        self, *looks: int, camera: str = "door", label: str = "person", x: float = 0.5, id: str = "a"
    ) -> None:
        for look in looks:
            await self.judge.observe(
                observe(look, track(id, look, label=label, box=box_at(x, 0.8), start=looks[0]), camera=camera)
            )
        await self.judge.settle()

    async def change(self, *rules: Rule, settings: JudgeSettings = SETTINGS) -> None:
        await self.judge.change(rules, settings)
        await self.judge.settle()

    def found(self) -> list[tuple[str, str]]:
        """(rule, state) of every alert, oldest first."""
        return [(one.rule, one.state) for one in reversed(self.all())]

    def all(self) -> list[Alert]:
        return self.store.read(lambda conn: alerts.latest(conn, limit=100))

    def why(self, alert: Alert) -> str:
        return self.store.read(lambda conn: alerts.reason(conn, alert.id))

    def sent(self) -> list[tuple[str, str, str]]:
        return [(n.channel, n.kind, n.status) for changes in self.heard for n in changes.notifications]


@asynccontextmanager
async def desk(folder: Path, *rules: Rule, settings: JudgeSettings = SETTINGS) -> AsyncIterator[Desk]:
    store, heard = Store(f"sqlite:///{folder}/redshank.db", SystemClock()), list[Changes]()
    judge = Judge(list(rules), store, FakeClock(), settings, heard.append)
    await judge.start()
    try:
        yield Desk(judge, store, heard)
    finally:
        await judge.stop()
        store.close()


async def test_a_rule_that_stays_knows_whom_it_told_of(tmp_path: Path) -> None:
    """Somebody stands there over the change: no second alert, and the first closes with them."""
    async with desk(tmp_path, PERSON) as now:
        await now.look(*range(10))
        await now.change(PERSON, CAR)
        await now.look(*range(10, 20))
        assert now.found() == [("person", "open")]
        await now.judge.observe(observe(21, ended(track("a", 20), 21)))
        await now.judge.settle()
        assert now.found() == [("person", "closed")]


async def test_a_changed_rule_is_obeyed_by_the_next_look(tmp_path: Path) -> None:
    async with desk(tmp_path, PERSON) as now:
        await now.change(replace(PERSON, labels=("car",)))
        await now.look(*range(10))
        assert now.found() == []
        await now.look(*range(20, 30), label="car", id="b")
        assert now.found() == [("person", "open")]


async def test_a_changed_cooldown_holds_for_the_next_message(tmp_path: Path) -> None:
    """req:R-13. The message before it was sent under none."""
    rule = replace(PERSON, channels=("mail",))
    async with desk(tmp_path, rule) as now:
        await now.look(*range(10), id="a")
        await now.change(replace(rule, cooldown_s=3600.0))
        await now.look(*range(20, 30), id="b")
        await now.change(rule)
        await now.look(*range(40, 50), id="c")
        assert now.sent() == [("mail", "open", "queued"), ("mail", "open", "suppressed"), ("mail", "open", "queued")]


@pytest.mark.parametrize("rules", [[CAR], [replace(PERSON, enabled=False)], [replace(PERSON, cameras=("yard",))]])
async def test_an_open_alert_of_a_rule_that_is_gone_closes_with_the_reason(tmp_path: Path, rules: list[Rule]) -> None:
    async with desk(tmp_path, PERSON) as now:
        await now.look(*range(10))
        before = len(now.sent())
        await now.change(*rules)
        assert now.found() == [("person", "closed")]
        assert now.why(now.all()[0]) == "rule removed"
        assert now.heard[-1].alerts[-1].state == "closed"
        assert len(now.sent()) == before, "nobody wants news of it any more"
        await now.look(*range(10, 20))
        assert now.found() == [("person", "closed")]


@pytest.mark.parametrize("motion_first", [True, False])
@pytest.mark.parametrize("stopped", [True, False])
async def test_a_rule_turned_from_objects_to_motion_or_back_leaves_no_alert_open(
    tmp_path: Path, motion_first: bool, stopped: bool
) -> None:
    """While the judge works, and while it was not there."""
    kinds = [replace(PERSON, on="motion", labels=()), PERSON]
    was, becomes = kinds if motion_first else reversed(kinds)

    async def moves(now: Desk, *looks: int) -> None:
        for look in looks:
            seen = observe(look, track("a", look, box=box_at(0.5, 0.8), start=looks[0]), motion=0.3)
            await now.judge.observe(seen)
        await now.judge.settle()

    async with desk(tmp_path, was) as now:
        await moves(now, *range(10))
        assert now.found() == [("person", "open")]
        if not stopped:
            await now.change(becomes)
            assert now.why(now.all()[0]) == "rule changed"
            assert now.found() == [("person", "closed")]
            await moves(now, *range(10, 20))
            assert now.found() == [("person", "closed"), ("person", "open")]
    if stopped:
        async with desk(tmp_path, becomes) as now:
            assert now.found() == [("person", "closed")]


async def test_a_rule_that_comes_back_begins_anew(tmp_path: Path) -> None:
    async with desk(tmp_path, PERSON) as now:
        await now.look(*range(10))
        await now.change(CAR)
        await now.change(PERSON)
        await now.look(*range(10, 20))
        assert now.found() == [("person", "closed"), ("person", "open")]


async def test_what_is_open_on_a_camera_that_is_gone_ends(tmp_path: Path) -> None:
    async with desk(tmp_path, PERSON) as now:
        await now.look(*range(10))
        await now.look(*range(10), camera="yard", id="b")
        await now.change(PERSON, settings=replace(SETTINGS, cameras=["yard"]))
        assert {(one.camera, one.state) for one in now.all()} == {("door", "closed"), ("yard", "open")}
        event = now.store.read(lambda conn: events.get(conn, "a"))
        assert event is not None
        assert event.end is not None
        await now.look(*range(10, 20))
        assert len(now.all()) == 2, "what was said before it went is not judged any more"


async def test_a_zone_that_is_drawn_counts_from_the_next_look(tmp_path: Path) -> None:
    rule = replace(PERSON, zones=("garden",))
    async with desk(tmp_path, rule) as now:
        await now.look(*range(10), x=0.2)
        assert now.found() == []
        await now.change(rule, settings=replace(SETTINGS, zones={"door": {"garden": GARDEN}}))
        await now.look(*range(10, 20), x=0.2)
        assert now.found() == [("person", "open")]
        assert now.all()[0].zones == ("garden",)


async def test_a_channel_that_is_gone_is_told_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, PERSON) as now:
        await now.change(PERSON, settings=replace(SETTINGS, channels={"mail": False}))
        await now.look(*range(10))
        assert now.sent() == [("mail", "open", "queued")]


async def test_the_motion_that_led_to_an_alert_is_not_called_quiet(tmp_path: Path) -> None:
    """A motion rule's alert has no objects: it belongs to the motion that goes on as it opens, and to none before."""
    async with desk(tmp_path, Rule("moves", on="motion")) as now:
        for look in (*range(3), *range(200, 210), *range(400, 403)):
            await now.judge.observe(observe(look, motion=0.3 if look < 400 else 0.0))
            if look == 2:
                await now.change(replace(Rule("moves", on="motion"), enabled=False))
                for calm in range(3, 80):
                    await now.judge.observe(observe(calm))
                await now.change(Rule("moves", on="motion"))
        await now.judge.settle()
        (alert,) = [one for one in now.all() if one.opened > observe(100).time]
        led = {row["start"]: row["alert"] for row in events_of(now)}
        assert len(led) == 2
        assert led[max(led)] == alert.id
        assert alert.id not in [led[start] for start in sorted(led)[:-1]]


def events_of(desk: Desk) -> list[RowMapping]:
    return [row for one in desk.store.read(events.latest) if (row := desk.store.read(partial(events.row, id=one.id)))]
