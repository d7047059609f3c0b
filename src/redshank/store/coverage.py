"""How complete the recording is: per span, per day, per bucket of a timeline. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from redshank.model import SITE, WANTED_GAPS, GapReason


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of one stream over a span. What is not known (before it was set up, after its last word) is in none of the sums."""

    start: int
    end: int
    footage_us: int
    gaps_us: Mapping[GapReason, int] = field(default_factory=dict)
    """By reason."""

    @property
    def wanted_us(self) -> int:
        """Gaps the user wants: private, off, idle, expired."""
        return sum(us for reason, us in self.gaps_us.items() if reason in WANTED_GAPS)

    @property
    def unwanted_us(self) -> int:
        return sum(us for reason, us in self.gaps_us.items() if reason not in WANTED_GAPS)

    @property
    def percent(self) -> float | None:
        """Footage of what should be there; None when nothing should."""
        wanted = self.footage_us + self.unwanted_us
        return 100 * self.footage_us / wanted if wanted else None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of a timeline."""

    start: int
    end: int
    footage: float
    """Share of it that is footage, 0–1."""
    motion: float | None
    """Most motion in it; None when nobody looked."""
    reason: GapReason | None
    """Why footage is missing, where it is: the reason of most of the gap."""


def completeness(conn: Connection, camera: str, stream: str, start: int, end: int, site: str = SITE) -> Completeness:
    """Of [start, end). An open gap counts up to `end`, so that should not be in the future."""
    raise NotImplementedError


def days(conn: Connection, camera: str, stream: str, edges: Sequence[int], site: str = SITE) -> list[Completeness]:
    """One per pair of neighbouring edges, as `midnights` gives them (the last may be cut off at now)."""
    raise NotImplementedError


def timeline(conn: Connection, camera: str, stream: str, edges: Sequence[int], site: str = SITE) -> list[Bucket]:
    """One bucket per pair of neighbouring edges, as `even` gives them."""
    raise NotImplementedError


def midnights(first: date, last: date, zone: ZoneInfo) -> list[int]:
    """The edges of the days first … last (both included) as people there count them: 23, 24 or 25 h apart, or what else
    the zone does (rel:T29)."""
    raise NotImplementedError


def even(start: int, end: int, buckets: int) -> list[int]:
    """`buckets` + 1 edges, evenly from start to end."""
    raise NotImplementedError
