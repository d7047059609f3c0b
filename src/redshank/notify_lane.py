"""One channel's progress, as the delivery engine sees it. On the event loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from redshank.alert.base import Channel

LONGEST_WAIT_S = 600.0
"""No message waits longer between two tries unless its receiver asked for that; one that seems to is due (the clock was set back)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One channel as configured. `dry_run`: everything but the sending. `picture`: whether its messages wait for one."""

    channel: Channel
    dry_run: bool = False
    picture: bool = True


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """How one channel is, for status and page. Times UTC µs; counts since start, `queued` as of the last look."""

    channel: str
    state: Literal["ok", "failing", "refused"]
    """failing: tried again by itself · refused: needs another setting."""
    queued: int = 0
    sent: int = 0
    failed: int = 0
    dead: int = 0
    dry_run: bool = False
    failing_since: int | None = None
    last_sent: int | None = None
    last_error: str = ""


@dataclass(slots=True)
class Lane:
    """One channel's progress. Only its own task changes it."""

    route: Route
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: bool = False
    """The channel is gone, or has other settings: nothing more is begun."""
    task: asyncio.Task[None] | None = None
    aside: set[str] = field(default_factory=set)
    """Messages that fail while others pass."""
    longest_s: float = LONGEST_WAIT_S
    """That a message of this lane may have to wait."""
    paused_until: int = 0
    """Monotonic ns."""
    queued: int = 0
    next_due: int | None = None
    sent: int = 0
    failed: int = 0
    dead: int = 0
    state: Literal["ok", "failing", "refused"] = "ok"
    failing_since: int | None = None
    last_sent: int | None = None
    last_error: str = ""

    @property
    def name(self) -> str:
        return self.route.channel.name

    @property
    def health(self) -> ChannelHealth:
        return ChannelHealth(
            self.name,
            self.state,
            self.queued,
            self.sent,
            self.failed,
            self.dead,
            self.route.dry_run,
            self.failing_since,
            self.last_sent,
            self.last_error,
        )
