"""A call that hangs keeps nobody but its lane."""

from __future__ import annotations

import asyncio
import threading

import pytest

from redshank.lane import Lane


async def test_calls_are_answered_in_order_with_what_they_return_or_raise() -> None:
    lane = Lane("test")
    done: list[int] = []
    first, second = lane.run(lambda: done.append(1)), lane.run(lambda: done.append(2))
    await asyncio.gather(first, second)
    assert done == [1, 2]
    with pytest.raises(ZeroDivisionError):
        await lane.run(lambda: 1 // 0)
    assert await lane.run(lambda: 7) == 7


async def test_one_that_hangs_holds_up_no_other_lane_and_no_end() -> None:
    stuck = threading.Event()
    hanging = Lane("hangs").run(stuck.wait)
    assert await Lane("well").run(lambda: 1) == 1
    assert not hanging.done()
    assert all(thread.daemon for thread in threading.enumerate() if thread.name in ("hangs", "well"))
    hanging.cancel()
    stuck.set()
