"""What the web needs of whoever tries things: a camera before it is added (`redshank.probing`), a picture, a channel
(`redshank.trying`), models (`redshank.site_models`)."""

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


@dataclass(frozen=True, slots=True)
class Model:
    """One that is stored, or that the catalogue has."""

    name: str
    id: str
    """With its hash; empty while it is not here."""
    here: bool
    used: bool
    """It is what looks at pictures now."""
    family: str
    proven: bool
    """Its family was shown on real weights."""
    width: int
    height: int
    labels: tuple[str, ...]
    licence: str
    """Empty: one of the user's own."""
    about: str
    source: str
    bytes: int
    """Of its file; of what is fetched while it is not here."""
    problem: str = ""


class Models(Protocol):
    """What can look at pictures."""

    def all(self) -> list[Model]:
        """Blocks."""
        ...

    def labels(self) -> tuple[str, tuple[str, ...]]:
        """The model in use, or the one that is configured, and what it can tell apart; empty when it is not here. Blocks."""
        ...

    def known(self, name: str) -> bool:
        """Whether it can be fetched."""
        ...

    def pull(self, name: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """`done` and `total` bytes again and again, then `ok` with `id` or `reason`. Raises Busy."""
        ...
