"""The server's connections: how many there may be, from whom, and which are closed. On the event loop.

Without this, one device that opens SOCKETS connections, and then says nothing or reads nothing, would keep everybody else out for as
long as it likes.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from redshank.access.limiter import place
from redshank.clock import Clock

SOCKETS = 200
"""Connections at once; more are told to come back."""
SHARE = 60
"""Of one address: some homes have one for everybody, and a wall of pictures takes one connection each."""
HERE = 180
"""Of this machine itself."""
HEADER_S = 10.0
"""So long, at most twice as long, a connection may take to say what it wants."""
SLOWEST = 10_000
"""Bytes of an answer that is ready that must be taken within HEADER_S."""


def room_for(address: str, others: Iterable[str]) -> bool:
    """Whether this address may have one more connection. others: addresses of those that are there. Pure."""
    whose = place(address)
    most = HERE if _loopback(whose) else SHARE
    return sum(place(one) == whose for one in others) < most


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("/")[0]).is_loopback
    except ValueError:
        return False


class Shared(H11Protocol):
    """As the server itself makes it for a connection, but one too many of an address is closed at once."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Before a trusted proxy speaks we cannot know for whom: its connections are everybody's.
        if self.config.proxy_headers or self.client is None:
            return
        clients: list[tuple[str, int] | None] = [getattr(one, "client", None) for one in self.connections - {self}]
        others = [client[0] for client in clients if client is not None]
        if not room_for(self.client[0], others):
            transport.abort()


async def watch(server: uvicorn.Server, clock: Clock) -> None:
    """Close who says nothing, and who does not take the rest of an answer. The server itself only watches over those that have asked
    once."""
    before: dict[H11Protocol, tuple[object, int]] = {}
    while True:
        await clock.sleep(HEADER_S)
        there = [one for one in server.server_state.connections if isinstance(one, H11Protocol)]
        idle: dict[H11Protocol, tuple[object, int]] = {
            one: (one.cycle, one.transport.get_write_buffer_size())
            for one in there
            if one.cycle is None or one.cycle.response_complete
        }
        for one in idle.keys() & before.keys():
            (cycle, unsent), (same, more) = idle[one], before[one]
            if cycle is same and not unsent:
                one.transport.close()
            elif cycle is same and unsent > more - SLOWEST:
                # To close would be to wait until they have taken it.
                one.transport.abort()
        before = idle
