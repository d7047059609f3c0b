"""Exports people ordered, made by the real command in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from redshank.archive.orders import Orders
from redshank.clock import US_PER_S, SystemClock
from redshank.store import exports
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
