"""Segments: the rows about recorded files, and the files that are still to be deleted. The ledger of gaps follows each change.

Times are UTC microseconds, spans half-open. Functions marked *Write* run inside `Store.write`, the others also inside `Store.read`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from redshank.model import SITE, GapReason, KeepClass, Segment


class Key(NamedTuple):
    """Names a segment for ever."""

    camera: str
    stream: str
    seq: int


class Total(NamedTuple):
    """What a stream has on a volume."""

    files: int
    bytes: int
    first: int
    """Start of the earliest."""
    last: int
    """End of the latest."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A file whose row is gone and that is still to be unlinked."""

    volume: str
    path: str
    size: int


def key(segment: Segment) -> Key:
    raise NotImplementedError


def add(conn: Connection, segment: Segment, reason: GapReason = GapReason.UNKNOWN, site: str = SITE) -> None:
    """Insert, or replace the one of this key. Gaps under it go; an open gap that began before it ends with it. A hole
    between it and what was known before (on either side) becomes a gap with `reason`. Raises StoreError: longer than 10 min
    or without any length. Write."""
    raise NotImplementedError


def get(conn: Connection, camera: str, stream: str, seq: int, site: str = SITE) -> Segment | None:
    raise NotImplementedError


def by_path(conn: Connection, volume: str, path: str, site: str = SITE) -> Segment | None:
    """The row about this file (`<camera>/<stream>/…-<seq>.mp4`)."""
    raise NotImplementedError


def span(conn: Connection, camera: str, stream: str, start: int, end: int, site: str = SITE) -> list[Segment]:
    """Those that overlap [start, end), by start. Two overlap only where a clock was set back."""
    raise NotImplementedError


def at(conn: Connection, camera: str, stream: str, time: int, site: str = SITE) -> Segment | None:
    """The one that shows this instant; the later recorded where two do."""
    raise NotImplementedError


def streams(conn: Connection, site: str = SITE) -> list[tuple[str, str]]:
    """(camera, stream) of which footage or gaps are known, in order."""
    raise NotImplementedError


def remove(
    conn: Connection, keys: Iterable[Key], reason: GapReason = GapReason.EXPIRED, site: str = SITE
) -> list[Segment]:
    """Forget these rows; where no other footage covers them is a gap with `reason` now. What was removed (unknown keys are
    passed over). Unless the reason is LOST their files wait in `deletions`; what is lost is damaged or gone already, and
    nothing is deleted because something could not be read. Write."""
    raise NotImplementedError


def deletions(conn: Connection, volume: str | None = None, limit: int = 1000, site: str = SITE) -> list[Deletion]:
    """Files still to be unlinked (on this volume)."""
    raise NotImplementedError


def deleted(conn: Connection, files: Iterable[Deletion], site: str = SITE) -> None:
    """They are gone from the disk, durably. Write."""
    raise NotImplementedError


def totals(conn: Connection, site: str = SITE) -> dict[tuple[str, str, str], Total]:
    """By (camera, stream, volume). A kept table, not a scan."""
    raise NotImplementedError


def due(conn: Connection, now: int, limit: int, volume: str | None = None, site: str = SITE) -> list[Segment]:
    """Those whose `due` is not after `now` (on this volume), oldest `due` first. Those never looked at are not among them."""
    raise NotImplementedError


def undecided(conn: Connection, limit: int, site: str = SITE) -> list[Segment]:
    """Those without a `due`: new, replaced or moved in time since retention looked."""
    raise NotImplementedError


def set_due(conn: Connection, due: Mapping[Key, int | None], site: str = SITE) -> None:
    """When retention may let go of each; None: to be looked at again. Write."""
    raise NotImplementedError


def set_motion(conn: Connection, camera: str, start: int, end: int, motion: float, site: str = SITE) -> None:
    """Motion analysis saw this much of a camera in [start, end): raises `motion` of its segments there, of every stream. Write."""
    raise NotImplementedError


def classes(
    conn: Connection, segments: Sequence[Segment], pre_us: int, post_us: int, site: str = SITE
) -> list[KeepClass]:
    """What each is kept for, by overlap with alerts and tracks (reaching `pre_us` before and `post_us` after) and its motion."""
    raise NotImplementedError


def page(conn: Connection, volume: str, after: Key | None = None, limit: int = 1000, site: str = SITE) -> list[Segment]:
    """The rows of a volume in order of their keys, those after `after`: for going through all of them."""
    raise NotImplementedError


def replace_row(conn: Connection, segment: Segment, site: str = SITE) -> bool:
    """Put a repaired or recomputed row in the place of its key; what it no longer covers becomes a LOST gap. False (and
    nothing done) when retention has removed it meanwhile. Write."""
    raise NotImplementedError
