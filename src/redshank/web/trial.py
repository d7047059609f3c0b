"""What the web needs of whoever tries things: a camera before it is added (`redshank.probing`), a picture, a channel
(`redshank.trying`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from redshank.media.settings import SourceSettings
from redshank.model import Detection
from redshank.rules.what_if import Supposed


@dataclass(frozen=True, slots=True)
class Told:
    """One thing a try says: a `step` (name, verdict, found, advice), a `picture` (JPEG), or `done` with what was found out."""

    kind: str
    about: Mapping[str, Any]
    jpeg: bytes = b""


class Prober(Protocol):
    """Tries cameras."""

    def probe(self, source: SourceSettings) -> AsyncGenerator[Told, None]:
        """Ends with `done`. Raises Busy when too many are tried at once."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule would say of one object of a picture."""

    rule: str
    text: str
    """The rule as a sentence."""
    camera: str
    object: int
    """Which of the detections."""
    fires: bool
    after_s: float
    """So long it would have to stay."""
    conditions: tuple[Supposed, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """What the model, and then each rule, made of a picture."""

    width: int
    height: int
    ms: float
    """The detector took, its line included."""
    model: str
    labels: tuple[str, ...]
    """All that the model knows."""
    detections: tuple[Detection, ...]
    verdicts: tuple[Judged, ...]


class Examiner(Protocol):
    """Looks at pictures."""

    async def examine(self, data: bytes, camera: str) -> Examined:
        """camera: whose picture it is; empty: anybody's. Raises Busy (also without a model), or Refused with the reason."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message."""

    ok: bool
    message: str
    seconds: float


class ChannelTests(Protocol):
    """Sends messages that try a channel."""

    async def send(self, name: str) -> Sent | None:
        """None: there is no such channel. Raises Busy when it was asked too often."""
        ...
