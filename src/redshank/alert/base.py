"""The contract of a notification channel and the message it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from redshank.model import Alert, Detection


@dataclass(frozen=True, slots=True)
class Picture:
    """A still to attach. `jpeg` is annotated (boxes, zones, caption) with privacy masks applied."""

    name: str
    """File name, e.g. front-door-2026-11-21T07-03-12Z.jpg."""
    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell one channel. Texts are already in the configured time zone and language; no markup, no secret."""

    id: str
    """The notification's id: the same on every retry (Message-ID, webhook-id)."""
    kind: Literal["open", "update", "close", "test"]
    title: str
    """One line: "Person at Front door"."""
    text: str
    """A short paragraph: camera, place, time, score, rule."""
    camera: str
    camera_name: str
    place: str
    time: int
    time_text: str
    """Local time in the configured zone with its abbreviation."""
    alert: Alert
    detections: Sequence[Detection]
    """Every label and score of the picture, best first: the table."""
    link: str = ""
    """To the alert through `public_url`; empty when that is not set."""
    picture: Picture | None = None
    no_picture: str = ""
    """Why there is none."""


class Channel(Protocol):
    """One way to tell people. `send` runs on the event loop and never blocks it."""

    @property
    def name(self) -> str: ...

    @property
    def can_update(self) -> bool:
        """Whether a later message of the same alert changes the first one (else only opening, and closing if asked)."""
        ...

    async def send(self, message: Message, previous: str) -> str:
        """Deliver once, within its own timeout (10 s unless set).

        `previous` is what an earlier send of the same alert returned (a thread or message reference), empty at first; the result
        is kept for the next. Raises ChannelError (retried) or ChannelRefused (not).
        """
        ...

    async def close(self) -> None: ...
