"""Which pair of processes takes a camera."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from redshank.errors import StoreError
from redshank.pair import Pair, Pairs
from tests.harness.clocks import FakeClock


def pairs(most: int) -> Pairs:
    """Over a site that only takes note."""
    library = SimpleNamespace(serves=lambda camera, tell: None, started=lambda cameras, epoch: None)
    hub = SimpleNamespace(vision={}, trouble={})
    site: Any = SimpleNamespace(hub=hub, recordings=SimpleNamespace(library=library))
    supervisor: Any = None
    return Pairs(site, supervisor, most)


def shares(of: Pairs) -> list[list[str]]:
    return [pair.cameras for pair in of]


def test_without_a_camera_there_is_no_process() -> None:
    made = pairs(2)
    made.spread([])
    assert (shares(made), made.workers) == ([], [])


def test_cameras_are_spread_evenly_over_as_many_pairs_as_there_may_be() -> None:
    made = pairs(2)
    made.spread(["a", "b", "c", "d", "e"])
    assert shares(made) == [["a", "c", "e"], ["b", "d"]]
    assert [worker.name for worker in made.workers] == ["capture-0", "vision-0", "capture-1", "vision-1"]


def test_one_that_stays_stays_where_it_is_and_a_new_one_goes_where_there_are_fewest() -> None:
    made = pairs(2)
    made.spread(["a", "b", "c", "d"])
    made.spread(["c", "d", "b"])
    made.spread(["new", "c", "d", "b", "more"])
    assert shares(made) == [["c", "new", "more"], ["b", "d"]]


def test_every_camera_knows_who_looks_at_it_and_one_that_is_gone_is_forgotten() -> None:
    made = pairs(1)
    made.spread(["a", "b"])
    (pair,) = made
    vision = pair.vision
    hub = pair._site.hub  # the fake of `pairs`
    assert dict(hub.vision) == {"a": vision, "b": vision}
    made.spread(["b"])
    assert dict(hub.vision) == {"b": vision}


async def test_of_two_changes_the_later_one_is_told_last() -> None:
    """What vision is told is found out by the database: the second waits for the first, however long that takes."""
    inside, most = 0, 0

    async def next_epoch() -> int:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        raise StoreError("locked")

    library: Any = SimpleNamespace(silent=lambda cameras: ())
    recordings = SimpleNamespace(library=library, settings=lambda cameras: ())
    config = SimpleNamespace(security=SimpleNamespace(allow_targets=()))
    hub = SimpleNamespace(vision={}, trouble={})
    site: Any = SimpleNamespace(
        hub=hub, recordings=recordings, config=config, generation=1, next_epoch=next_epoch, clock=FakeClock()
    )
    pair = Pair(0, (), site)
    await asyncio.gather(pair.tell(), pair.tell(), pair.tell())
    assert most == 1
    for task in list(pair._tasks):  # each tries again later
        task.cancel()
