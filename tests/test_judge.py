"""The judge on a real database: one transaction, restarts, storms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redshank.clock import SystemClock
from redshank.judge import WAITING, Judge
from redshank.judgement import Changes, JudgeSettings
from redshank.model import Alert, Condition, Observation, TrackState
from redshank.rules.rule import Rule, default_rule
from redshank.store import alerts, events, outbox, state, verdicts
from redshank.store.base import Store
from tests.harness.clocks import FakeClock
from tests.rules.script import box_at, ended, observe, track

SETTINGS = JudgeSettings(channels={"page": True, "mail": False})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/redshank.db", SystemClock())
    yield store
    store.close()


async def judge(
    store: Store, script: Iterable[Observation], rules: Iterable[Rule] = (), settings: JudgeSettings = SETTINGS
) -> list[Changes]:
    """A whole run of the judge: start, observe, stop."""
    heard: list[Changes] = []
    one = Judge(list(rules), store, FakeClock(), settings, heard.append)
    await one.start()
    for observation in script:
        await one.observe(observation)
    assert await one.stop() == 0
    return heard


def told(heard: Iterable[Changes]) -> list[tuple[str, int]]:
    """(state, revision) of every alert heard of."""
    return [(alert.state, alert.revision) for changes in heard for alert in changes.alerts]


def sent(heard: Iterable[Changes]) -> list[tuple[str, str, str]]:
    return [(n.channel, n.kind, n.status) for changes in heard for n in changes.notifications]


async def until(done: Callable[[], bool]) -> None:
    """Let the loop run until it is so, ten seconds at most."""
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def all_alerts(store: Store) -> list[Alert]:
    return store.read(lambda conn: alerts.latest(conn, limit=10_000))


def reason(store: Store, alert: Alert) -> str:
    return store.read(lambda conn: alerts.reason(conn, alert.id))


def grouped(store: Store, alert: Alert) -> int:
    return store.read(lambda conn: alerts.grouped(conn, alert.id))


def visit(id: str, first: int, looks: int = 10, x: float = 0.5, epoch: int = 1) -> list[Observation]:
    """Somebody comes, stays and leaves."""
    seen = [track(id, first + i, start=first, box=box_at(x, 0.8)) for i in range(looks)]
    return [
        *(observe(first + i, one, epoch=epoch) for i, one in enumerate(seen)),
        observe(first + looks, ended(seen[-1], first + looks), epoch=epoch),
    ]


async def test_without_any_rule_each_person_is_one_alert_to_every_channel(store: Store) -> None:
    heard = await judge(store, [*visit("a", 0), *visit("b", 20), observe(40, track("cat", 40, label="cat"))])
    assert told(heard) == [("open", 0), ("closed", 1), ("open", 0), ("closed", 1)]
    opened = [one for one in sent(heard) if one[1] == "open"]
    assert opened == [("page", "open", "queued"), ("mail", "open", "queued")] * 2
    assert [one.tracks for one in all_alerts(store)] == [("b",), ("a",)]
    kept = store.read(lambda conn: verdicts.of_track(conn, "cat"))
    assert [[part.name for part in one.conditions if not part.met] for one in kept] == [["label"]]


async def test_what_is_heard_is_what_the_database_holds(store: Store) -> None:
    heard = await judge(store, visit("a", 0))
    (alert,) = all_alerts(store)
    assert [one for changes in heard for one in changes.alerts][-1] == alert
    assert alert.verdict == store.read(lambda conn: verdicts.of_alert(conn, alert.id))[0]
    event = store.read(lambda conn: events.get(conn, "a"))
    assert [one for changes in heard for one in changes.events][-1] == event
    assert event
    assert event.end == observe(9).time
    row = store.read(lambda conn: events.row(conn, "a"))
    assert row is not None
    assert row["alert"] == alert.id
    assert reason(store, alert) == "ended"


async def test_the_same_observation_twice_counts_once(store: Store) -> None:
    script = visit("a", 0)
    await judge(store, [one for one in script for _ in range(2)])
    await judge(store, script)
    assert len(all_alerts(store)) == 1
    assert len(store.read(lambda conn: verdicts.of_track(conn, "a"))) == 2


@pytest.mark.parametrize("new_ids", [False, True])
async def test_a_restart_with_unchanged_conditions_repeats_nothing(store: Store, new_ids: bool) -> None:
    """rel:T53, first half: somebody stands there before and after, with the old track id or a new one."""
    first = [observe(look, track("a", look)) for look in range(10)]
    await judge(store, first)
    id = "b" if new_ids else "a"
    second = [observe(look, track(id, look, start=15 if new_ids else 0), epoch=2) for look in range(20, 90)]
    heard = await judge(store, second)
    assert told(heard) == []
    assert sent(heard) == []
    (alert,) = all_alerts(store)
    assert alert.state == "open"
    heard = await judge(store, [observe(91, ended(second[-1].tracks[0], 91), epoch=2)])
    assert told(heard) == [("closed", 1)]


async def test_a_condition_that_starts_while_down_fires(store: Store) -> None:
    """rel:T53, second half: also when somebody else was alerted before, at another place, and has left."""
    await judge(store, [observe(look, track("a", look, box=box_at(0.1, 0.8))) for look in range(10)])
    heard = await judge(
        store, [observe(look, track("b", look, start=20, box=box_at(0.9, 0.8)), epoch=2) for look in range(20, 90)]
    )
    assert told(heard) == [("open", 0), ("closed", 1)]
    newest, oldest = all_alerts(store)
    assert (newest.tracks, newest.state) == (("b",), "open")
    assert (oldest.tracks, oldest.state) == (("a",), "closed")
    assert reason(store, oldest) == "restarted"


async def test_a_still_object_restored_after_a_restart_opens_nothing(store: Store) -> None:
    rule = Rule("cars", labels=("car",))
    still = [
        observe(look, track("car", look, label="car", state=TrackState.STATIONARY, seen=look > 2)) for look in range(20)
    ]
    heard = await judge(store, still, [rule])
    assert told(heard) == []


async def test_a_storm_is_grouped_and_counted(store: Store) -> None:
    """rel:T54: 5,000 triggers in 60 s. Every one is an event; alerts and messages stay within the rule's limit."""
    rule = replace(default_rule(), max_per_minute=30)
    script = []
    for number in range(5000):
        look = number * 60 * 5 / 5000
        now = track(f"t{number}", look, start=look)
        before = ended(track(f"t{number - 1}", look, start=look), look)
        one = observe(look, now, before) if number else observe(look, now)
        script.append(replace(one, seq=number))
    heard = await judge(store, script, [rule])
    found = all_alerts(store)
    assert len(found) == 30
    assert sum(grouped(store, one) for one in found) == 5000 - 30
    assert len(store.read(lambda conn: events.latest(conn, limit=10_000))) == 5000
    counts = [changes.grouped for changes in heard if changes.grouped]
    assert max(max(one.values()) for one in counts) == 4970
    kinds = [(channel, kind) for channel, kind, _ in sent(heard)]
    assert kinds.count(("mail", "open")) == 30
    assert kinds.count(("page", "open")) == 30
    assert kinds.count(("page", "update")) <= 13
    memory = store.read(state.load)
    assert len(json.dumps([list(memory.values()), [one.tracks for one in found]])) < 20_000


async def test_a_storm_that_goes_on_over_a_restart_is_still_counted(store: Store) -> None:
    rule = replace(default_rule(), max_per_minute=2)
    await judge(store, [one for number in range(4) for one in visit(f"a{number}", 12 * number)], [rule])
    await judge(store, [one for number in range(4, 8) for one in visit(f"a{number}", 12 * number, epoch=2)], [rule])
    assert [grouped(store, one) for one in all_alerts(store)] == [6, 0]


async def test_a_cooldown_holds_messages_back_but_not_alerts(store: Store) -> None:
    rule = replace(default_rule(cooldown_s=60), channels=("mail",))
    heard = await judge(store, [*visit("a", 0), *visit("b", 100), *visit("c", 300)], [rule])
    assert sent(heard) == [("mail", "open", "queued"), ("mail", "open", "suppressed"), ("mail", "open", "queued")]
    assert len(all_alerts(store)) == 3
    reason = "cooldown: the last message was 20 s ago, this rule waits 60 s"
    held = [n for changes in heard for n in changes.notifications if n.status == "suppressed"]
    assert [one.error for one in held] == [reason]
    opened = [store.read(lambda conn, id=id: verdicts.of_track(conn, id)[0].conditions[-1]) for id in "abc"]  # type: ignore[misc]
    assert opened == [
        Condition("cooldown", "60 s since the last message", "over", True),
        Condition("cooldown", "60 s since the last message", f"mail: {reason}", False),
        Condition("cooldown", "60 s since the last message", "over", True),
    ]


async def test_a_dead_message_gives_its_cooldown_back(store: Store) -> None:
    rule = replace(default_rule(cooldown_s=60), channels=("mail",))
    heard = await judge(store, visit("a", 0), [rule])
    id = heard[0].notifications[0].id
    store.write(lambda conn: outbox.dead(conn, id, 0, "refused")).result(5)
    assert sent(await judge(store, visit("b", 20), [rule])) == [("mail", "open", "queued")]


@pytest.mark.parametrize(
    ("rule", "kinds"),
    [
        (Rule("r", channels=("mail",)), [("mail", "open")]),
        (Rule("r", channels=("mail",), notify_close=True), [("mail", "open"), ("mail", "close")]),
        (Rule("r", channels=("page",)), [("page", "open"), ("page", "close")]),
        (Rule("r", severity="quiet"), []),
        (Rule("r", channels=("gone",)), []),
        (Rule("r", channels=()), []),
    ],
)
async def test_each_channel_gets_the_news_it_can_use(store: Store, rule: Rule, kinds: list[tuple[str, str]]) -> None:
    heard: list[Changes] = []
    one = Judge([rule], store, FakeClock(), SETTINGS, heard.append)
    await one.start()
    for observation in visit("a", 0):
        await one.observe(observation)
        await one.settle()
        for message in [n for changes in heard for n in changes.notifications]:
            store.write(partial(outbox.sent, id=message.id, now=0)).result(5)
    await one.stop()
    assert [(channel, kind) for channel, kind, _ in sent(heard)] == kinds


async def test_alerts_of_a_rule_or_camera_that_is_gone_are_closed_at_start(store: Store) -> None:
    await judge(store, [observe(0, track("a")), observe(0, track("b"), camera="yard")], [Rule("old")])
    await judge(store, [], [Rule("new")])
    assert {reason(store, one) for one in all_alerts(store)} == {"rule removed"}
    await judge(store, [], [Rule("new")], replace(SETTINGS, cameras=("door",)))
    assert [one.camera for one in store.read(events.unfinished)] == ["door"]


async def test_a_clip_that_ends_closes_its_alerts(store: Store) -> None:
    one = Judge([], store, FakeClock(), SETTINGS)
    await one.start()
    await one.observe(observe(0, track("a")))
    await one.finish(observe(5))
    await one.stop()
    assert [(alert.state, alert.closed) for alert in all_alerts(store)] == [("closed", observe(5).time)]


async def test_nothing_is_lost_while_the_disk_is_full(store: Store) -> None:
    pages = store.read(lambda conn: int(conn.exec_driver_sql("PRAGMA page_count").scalar() or 0))
    store.write(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}").close()).result(5)
    heard: list[Changes] = []
    clock = FakeClock()
    one = Judge([], store, clock, SETTINGS, heard.append)
    await one.start()
    for number in range(60):
        for observation in visit(f"t{number}", 20 * number):
            await one.observe(observation)
    await until(lambda: one.trouble != "")
    assert one.trouble.startswith("no space left for the database")
    store.write(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count = 100000").close()).result(5)
    clock.advance(1)
    await one.settle()
    assert one.trouble == ""
    await one.stop()
    assert len(all_alerts(store)) == 60
    assert told(heard) == [("open", 0), ("closed", 1)] * 60


async def test_an_observation_that_cannot_be_stored_stops_no_other(store: Store) -> None:
    wrong = observe(0, track("wrong", score=float("nan")), camera="yard")
    heard: list[Changes] = []
    one = Judge([], store, FakeClock(), SETTINGS, heard.append)
    await one.start()
    script = visit("a", 0)
    for observation in [*script[:5], wrong, *script[5:]]:
        await one.observe(observation)
    await one.stop()
    assert one.parked == 1
    assert told(heard) == [("open", 0), ("closed", 1)]
    assert [alert.tracks for alert in all_alerts(store)] == [("a",)]


async def test_a_listener_that_fails_is_heard_of_and_nobody_waits_for_ever(store: Store) -> None:
    """Also not whoever waits already for a place in the full queue."""

    def fails(changes: Changes) -> None:
        raise RuntimeError("a bug")

    one = Judge([], store, FakeClock(), SETTINGS, fails)

    async def many() -> None:
        for number in range(2 * WAITING):
            await one.observe(observe(number, track(f"t{number}", number)))

    await one.start()
    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError, match="a bug"):
            await many()
        with pytest.raises(RuntimeError, match="a bug"):
            await one.observe(observe(9999, track("late", 9999)))
        with pytest.raises(RuntimeError, match="a bug"):
            await one.settle()
        assert await one.stop() > 0


async def test_a_numpy_number_in_an_observation_stops_no_alert(store: Store) -> None:
    """JSON cannot hold it: that observation is given up, the next is not."""
    wrong: Any = np.float32(0.8)
    one = Judge([], store, FakeClock(), SETTINGS)
    await one.start()
    async with asyncio.timeout(10):
        await one.observe(observe(0, track("wrong", score=wrong), camera="yard"))
        await one.settle()
        await one.observe(observe(0, track("a")))
        await one.settle()
    assert one.parked == 1
    assert [alert.tracks for alert in all_alerts(store)] == [("a",)]
    await one.stop()
