"""The message that tries a channel."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from redshank import sample
from redshank.alert.base import Message
from redshank.alert.message import Wording
from redshank.errors import ChannelError
from tests.harness.clocks import FakeClock

NOW = 1_795_244_592_000_000
WORDING = Wording(ZoneInfo("Europe/Berlin"))


class Slow:
    """A channel that takes a second."""

    name, can_update = "slow", False

    def __init__(self, clock: FakeClock, error: str = "") -> None:
        self._clock, self._error = clock, error
        self.sent: list[Message] = []
        self.closed = False

    async def send(self, message: Message, previous: str) -> str:
        self._clock.advance(1)
        if self._error:
            raise ChannelError(self._error)
        self.sent.append(message)
        return "ref"

    async def close(self) -> None:
        self.closed = True


async def test_it_has_everything_a_real_one_has() -> None:
    clock = FakeClock(NOW)
    channel = Slow(clock)
    tried = await sample.send(channel, sample.message(NOW, WORDING, b"\xff\xd8\xff"), clock)
    assert (tried.error, tried.reference, tried.seconds) == ("", "ref", 1.0)
    (sent,) = channel.sent
    assert sent.kind == "test"
    assert sent.picture is not None
    assert sent.picture.name == "test-2026-11-21T07-03-12Z.jpg"
    assert "08:03:12 CET" in sample.caption(NOW, WORDING)
    assert channel.closed


async def test_what_went_wrong_is_told_and_the_channel_closed() -> None:
    clock = FakeClock(NOW)
    channel = Slow(clock, "mail: connection refused")
    tried = await sample.send(channel, sample.message(NOW, WORDING, b""), clock)
    assert tried.error == "mail: connection refused"
    assert channel.closed
