"""Answers that go through days of rows: two at once, in threads of their own, so that they take none from all the others."""

from __future__ import annotations

from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from fastapi.responses import Response

AT_ONCE = 2


def room() -> CapacityLimiter:
    """For one application."""
    return CapacityLimiter(AT_ONCE)


async def heavy(request: Request, work: Callable[[], Response]) -> Response:
    """What `work` makes, which blocks; in turn. The body is made there too, not on the event loop."""
    return await to_thread.run_sync(work, limiter=request.app.state.heavy)
