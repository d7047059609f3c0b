"""The message that tries a channel: an alert that never happened, with everything a real one has. Event loop."""

from __future__ import annotations

from dataclasses import dataclass

from redshank.alert.base import Channel, Message, Picture
from redshank.alert.message import Place, Wording, build, example, local_time, picture_name, with_evidence
from redshank.clock import NS_PER_S, Clock, new_id
from redshank.errors import ChannelError

WIDTH, HEIGHT = 1280, 720
"""Of its picture (`vision.card`)."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one message."""

    error: str
    """Empty: it was delivered."""
    reference: str
    seconds: float
    """How long the channel took."""


def caption(now: int, wording: Wording) -> str:
    """What its picture says."""
    return f"Redshank test {local_time(now, wording.zone)}"


def message(now: int, wording: Wording, jpeg: bytes) -> Message:
    """jpeg: its picture, drawn by code; may be empty."""
    notification, alert = example(new_id(now), "test", now)
    made = build(notification, alert, Place("Test camera", "nowhere"), wording)
    return with_evidence(made, Picture(picture_name("test", now), jpeg, WIDTH, HEIGHT) if jpeg else None)


async def send(channel: Channel, message: Message, clock: Clock) -> Tried:
    """Once; the channel is closed then. Never raises for what is wrong with the channel."""
    started, error, reference = clock.mono_ns(), "", ""
    try:
        reference = await channel.send(message, "")
    except ChannelError as failure:
        error = str(failure)
    finally:
        seconds = (clock.mono_ns() - started) / NS_PER_S
        await channel.close()
    return Tried(error, reference, round(seconds, 3))
