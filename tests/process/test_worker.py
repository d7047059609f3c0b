"""What the workers share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from redshank.pipe import Note, Pipe
from redshank.process.worker import MOST_WAITING, Worker


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Worker, Pipe]]:
    """A worker and the hub's end of its pipe."""
    ours, theirs = socket.socketpair()
    given, _kept = socket.socketpair()
    worker, hub = Worker(await Pipe.over(ours), given), await Pipe.over(theirs)
    yield worker, hub
    worker.pipe.close()
    hub.close()
    given.close()
    _kept.close()


async def test_a_hub_that_stopped_listening_misses_no_footage_and_fills_no_memory(ends: tuple[Worker, Pipe]) -> None:
    """What is said again each second is left out; what is said once waits."""
    worker, hub = ends
    said = [
        Note("running", {"index": "00" * 500}),
        Note("state", {"reason": "x" * 1000}),
        Note("volume", {"id": "v1", "trouble": "the disk is full" * 60}),
    ]
    once = [Note("segment", {"n": 1}), Note("gap", {"n": 2}), Note("volume", {"id": "v1", "trouble": ""})]
    for _ in range(3000):
        for note in said:
            worker.tell_soon(note)
    for note in once:
        worker.tell_soon(note)
    await asyncio.sleep(0)
    assert MOST_WAITING <= worker.pipe.waiting < MOST_WAITING + 10_000
    heard: list[Note] = []
    while len(heard) < 3:
        note = await hub.read()
        heard += [note] if note not in said else []
    assert heard == once
    worker.tell_soon(said[0])
    assert await hub.read() == said[0]
