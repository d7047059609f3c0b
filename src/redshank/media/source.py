"""The contract of a source: one connection to one stream of a camera.

A source yields media units as the camera sent them, timestamps unrepaired; `media.reader` stamps arrival, repairs time and
numbers them. Opening and reading block, so each source lives in one reader thread; `close` may be called from any thread, more
than once, and makes a blocked `packets` end soon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from redshank.model import StreamFormat


@dataclass(frozen=True, slots=True)
class RawPacket:
    """One media unit as it came. Times are ticks of `format.time_base`, None when the camera sent none."""

    format: StreamFormat
    pts: int | None
    dts: int | None
    duration: int
    keyframe: bool
    data: bytes


class Source(Protocol):
    """An open connection."""

    @property
    def formats(self) -> Sequence[StreamFormat]:
        """Video first, then audio if there is one. Known once the source is open."""
        ...

    def packets(self) -> Iterator[RawPacket]:
        """Units in the order they came, until the camera ends the stream (a live source) or the file ends.

        Raises SourceError (or a subclass) when the connection breaks. A packet whose `format` is a new object starts new
        parameters and is a keyframe.
        """
        ...

    def close(self) -> None:
        """Give everything back. Never raises."""
        ...


class Opener(Protocol):
    """Opens a source, blocking for at most `timeout_s`. Built by the composition root from the camera's settings."""

    def __call__(self, timeout_s: float) -> Source:
        """Raises SourceMissing, SourceDenied, SourceUnusable or TargetRefused: one line, no credential in it."""
        ...
