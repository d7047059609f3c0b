"""The contract of the bus: small JSON envelopes from one part to the others.

Delivery: `publish` returns when the message is safe (in process: handed over; Kafka: in the durable local outbox, from where it is
sent until acknowledged). A reader gets each message at least once and in order per key; it dedupes on
(camera, stream, epoch, seq) or on `id`. Pictures never travel here, references do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from redshank.model import SITE

VERSION = 1


class Topic(StrEnum):
    """`observations` and `cameras` are keyed by camera, `events` and `alerts` by site."""

    OBSERVATIONS = "observations"
    CAMERAS = "cameras"
    EVENTS = "events"
    ALERTS = "alerts"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every message looks like. `time` is when it happened, `sent` when it was put on the bus."""

    kind: str
    id: str
    camera: str
    time: int
    sent: int
    data: Mapping[str, Any]
    """The documented JSON of that kind (docs/reference/bus)."""
    stream: str = ""
    epoch: int = 0
    seq: int = 0
    site: str = SITE
    v: int = VERSION


class Bus(Protocol):
    """Used on the event loop."""

    async def start(self) -> None:
        """Connect or begin trying to. Never raises for a broker that is away: the outbox keeps what is published."""
        ...

    async def publish(self, topic: Topic, envelope: Envelope) -> None:
        """Raises BusError only when the message can be kept nowhere (outbox full or unwritable)."""
        ...

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[AsyncIterator[Envelope]]:
        """Messages published from now on (or since the group's last commit). Members of one group share the work."""
        ...

    def stats(self) -> Mapping[str, int]:
        """Counters: published, acknowledged, waiting, dropped, parked (unknown `v` or malformed)."""
        ...

    async def stop(self) -> None:
        """Idempotent; what is not acknowledged stays in the outbox."""
        ...
