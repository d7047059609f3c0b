"""What the web needs of whoever tries a camera before it is added (`redshank.probing`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from redshank.media.settings import SourceSettings


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
