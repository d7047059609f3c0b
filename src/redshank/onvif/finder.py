"""What the page finds cameras with: one per site. Event loop. A few at once; a camera that hangs costs its own request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from redshank.clock import Clock
from redshank.errors import SourceError
from redshank.onvif.camera import Described, describe
from redshank.onvif.client import Account
from redshank.onvif.discover import Found, discover
from redshank.targets import Targets

AT_ONCE = 4


class Local(Protocol):
    """What this machine is called."""

    @property
    def addresses(self) -> Sequence[IPv4Address | IPv6Address]: ...


class Finder:
    """allowed: `security.allow_targets` as they are now. local: this machine's addresses on local networks; blocks."""

    def __init__(self, clock: Clock, allowed: Callable[[], Sequence[str]], local: Callable[[], Local]) -> None:
        self._clock = clock
        self._allowed = allowed
        self._local = local
        self._room = AT_ONCE

    async def discover(self) -> tuple[Sequence[str], list[Found]]:
        """From which addresses was asked, and who answered. Raises SourceError when too much is asked at once."""
        with self._turn():
            known = (await asyncio.to_thread(self._local)).addresses
            addresses = [str(one) for one in known if one.version == 4 and not (one.is_loopback or one.is_link_local)]
            return addresses, await discover(addresses, self._clock)

    async def describe(self, account: Account) -> Described:
        """Raises SourceError or TargetRefused."""
        with self._turn():
            return await describe(account, Targets(self._allowed()), self._clock)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._room:
            raise SourceError("other cameras are being asked just now: try again in a moment")
        self._room -= 1
        try:
            yield
        finally:
            self._room += 1
