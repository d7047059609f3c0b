"""Numbers of alerts by what they have in common, held against counting them one by one."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, select

from redshank.clock import SystemClock
from redshank.store.base import Store
from redshank.store.schema import alerts
from redshank.store.schema_review import reviews, seen_items
from redshank.store.search import Wanted
from redshank.store.tally import SHORT_US, Kind, folded, tally

CAMERAS = ("yard", "door", "hall")
ROW: dict[str, object] = {
    "updated": 0, "closed": None, "score": 0.5, "box": None, "tracks": [], "verdict": {}, "revision": 1, "grouped": 0,
    "reason": "", "site": "default",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/redshank.db", SystemClock())
    yield store
    store.close()


def fill(store: Store, count: int, seed: int) -> None:
    """Alerts one after the other; of some it is said by two users that they looked, and of some whether they were right."""
    dice = random.Random(seed)

    def row(number: int) -> dict[str, object]:
        zones = dice.sample(("gate", "drive"), dice.randrange(3))
        facets = {"label": dice.choice(("person", "car")), "rule": dice.choice(("a", "b")), "zones": zones}
        facets |= {"severity": dice.choice(("alert", "quiet")), "state": dice.choice(("open", "closed"))}
        return {**ROW, **facets, "id": f"a{number}", "camera": dice.choice(CAMERAS), "opened": number}

    def seen(number: int) -> dict[str, object]:
        who, kind = dice.choice(("u1", "u2")), dice.choice(("alert", "alert", "event"))
        return {"site": "default", "user": who, "kind": kind, "item": f"a{number}", "time": 1}

    def said(number: int) -> dict[str, object]:
        what = {"kind": dice.choice(("alert", "alert", "event")), "mark": dice.choice(("right", "wrong", ""))}
        words = {"camera": "yard", "time": 1, "label": "", "note": "", "boxes": [], "who": "", "updated": 1}
        return {"site": "default", "item": f"a{number}", **what, **words}

    def put(conn: Connection) -> None:
        conn.execute(insert(alerts), [row(number) for number in range(count)])
        conn.execute(insert(seen_items), [seen(number) for number in range(count) if dice.random() < 0.5])
        conn.execute(insert(reviews), [said(number) for number in range(count) if dice.random() < 0.5])

    store.write(put).result(60)


def one_by_one(conn: Connection, wanted: Wanted) -> Counter[Kind]:
    looked = {(row.user, row.item) for row in conn.execute(select(seen_items)) if row.kind == "alert"}
    marks = {row.item: row.mark for row in conn.execute(select(reviews)) if row.kind == "alert"}
    return Counter(
        Kind(
            row.camera, row.label, row.rule, row.severity, row.state, tuple(row.zones),
            (wanted.user, row.id) in looked, marks.get(row.id) or "none",
        )
        for row in conn.execute(select(alerts))
        if row.camera in wanted.cameras and (wanted.start or 0) <= row.opened < (wanted.end or 1 << 60)
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_the_numbers_are_those_of_counting_one_by_one(store: Store, seed: int) -> None:
    fill(store, 300, seed)
    for asked in (
        Wanted(CAMERAS, user="u1"),
        Wanted(CAMERAS[:2], user="u2", start=40, end=200),
        Wanted(CAMERAS, user="u1", reviewed=True, marks=("right",)),
        Wanted(CAMERAS, user="u2", reviewed=False, marks=("none", "wrong"), zones=("gate",), start=100),
    ):
        kinds = store.read(partial(one_by_one, wanted=asked))
        assert store.read(partial(tally, wanted=asked)) == folded(kinds, asked)


def test_what_was_ticked_is_counted_where_it_lies(store: Store) -> None:
    """Memory is the measure: a row of its own for each of 10,000 took 2.5 MB, and most of the time."""
    fill(store, 10_000, 1)
    asked = partial(tally, wanted=Wanted(CAMERAS, user="u1"))
    store.read(asked)
    tracemalloc.start()
    store.read(asked)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1.2e6


def test_a_range_without_an_end_is_as_long_as_there_are_alerts(store: Store) -> None:
    """A long one is counted in the index that is in the order of the numbers."""
    fill(store, 3, 1)
    asked: list[str] = []
    event.listen(store._reader, "before_cursor_execute", lambda _c, _u, words, *_: asked.append(words))
    for start, index in ((0, "alerts_by_time"), (-SHORT_US, "alerts_counts")):
        asked.clear()
        assert store.read(partial(tally, wanted=Wanted(CAMERAS, user="u1", start=start))).total == 3
        assert any(index in words for words in asked)
