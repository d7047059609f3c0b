"""Exports people ordered, made by the real command in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from redshank.archive.orders import WAITING, Orders, TooMany
from redshank.clock import US_PER_S, SystemClock
from redshank.store import exports
from redshank.store.base import Store
from redshank.store.exports import Export
from tests.cli.test_export import Home
from tests.playback.recording import NOON
from tests.playback.watching import watch


@pytest.mark.parametrize("kind", ["clip", "evidence", "timelapse"])
async def test_the_command_makes_what_was_ordered(tmp_path: Path, kind: str) -> None:
    home, clock = Home(tmp_path), SystemClock()
    words = [sys.executable, "-m", "redshank", "export", "--data", str(home.data), "--config", str(home.config)]
    orders = Orders(home.store, clock, tmp_path / "exports", lambda: words)
    span = (NOON + 2 * US_PER_S, NOON + 9 * US_PER_S)
    one = Export("e1", "u1", "ann", kind, ("yard",), *span, "queued", clock.now(), clock.now())  # type: ignore[arg-type]
    task = asyncio.create_task(orders.run())
    await orders.order(one)
    async with asyncio.timeout(50):
        while (made := home.store.read(exports.every)[0]).status in ("queued", "running"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (made.status, made.error, made.done) == ("done", "", 1.0)
    data = orders.path(made).read_bytes()
    assert made.bytes == len(data)
    if kind == "clip":
        assert watch(data, 7).numbers == list(range(20, 90))
    home.close()


def ordered(clock: SystemClock, number: int, owner: str = "u1") -> Export:
    now = clock.now()
    id = f"019aa000-0000-7000-8000-{number:012}"
    return Export(id, owner, "ann", "clip", ("yard",), NOON, NOON + 9 * US_PER_S, "queued", now, now)


@pytest.mark.parametrize(("folder", "program"), [("file/exports", "/bin/true"), ("exports", "/nowhere/redshank")])
async def test_one_that_cannot_even_begin_fails_with_the_reason(tmp_path: Path, folder: str, program: str) -> None:
    store, clock = Store(f"sqlite:///{tmp_path}/redshank.db", SystemClock()), SystemClock()
    (tmp_path / "file").write_text("a folder cannot be made in it")
    orders = Orders(store, clock, tmp_path / folder, lambda: [program])
    task = asyncio.create_task(orders.run())
    await orders.order(ordered(clock, 1))
    async with asyncio.timeout(20):
        while (made := store.read(exports.every)[0]).status in ("queued", "running"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert made.status == "failed"
    assert made.error.startswith("it cannot be written: N")
    store.close()


async def test_what_a_removal_left_goes_with_the_next_start_and_nothing_else(tmp_path: Path) -> None:
    store, clock = Store(f"sqlite:///{tmp_path}/redshank.db", SystemClock()), SystemClock()
    kept, left = ordered(clock, 1), ordered(clock, 2)
    store.write(partial(exports.add, one=replace(kept, status="done"))).result(5)
    for name in (kept.id, left.id, "notes of mine"):
        (tmp_path / "exports" / name).mkdir(parents=True)
    task = asyncio.create_task(Orders(store, clock, tmp_path / "exports", lambda: ["/bin/true"]).run())
    async with asyncio.timeout(20):
        while (tmp_path / "exports" / left.id).exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert {one.name for one in (tmp_path / "exports").iterdir()} == {kept.id, "notes of mine"}
    store.close()


async def test_one_person_does_not_fill_the_queue_of_all(tmp_path: Path) -> None:
    store, clock = Store(f"sqlite:///{tmp_path}/redshank.db", SystemClock()), SystemClock()
    orders = Orders(store, clock, tmp_path / "exports", lambda: ["/bin/true"])
    for number in range(WAITING):
        await orders.order(ordered(clock, number))
    with pytest.raises(TooMany, match="of yours"):
        await orders.order(ordered(clock, 99))
    await orders.order(ordered(clock, 99, owner="u2"))
    store.close()
