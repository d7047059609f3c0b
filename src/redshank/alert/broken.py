"""What stands in for a channel whose settings are wrong: it says so at every message, and the other channels go on."""

from __future__ import annotations

from redshank.alert.base import Message
from redshank.errors import ChannelRefused


class BrokenChannel:
    """`reason` is the line its constructor raised."""

    can_update = False

    def __init__(self, name: str, reason: str) -> None:
        self._name = name
        self._reason = reason

    @property
    def name(self) -> str:
        return self._name

    async def send(self, message: Message, previous: str) -> str:
        raise ChannelRefused(self._reason)

    async def close(self) -> None:
        """Nothing was opened."""
