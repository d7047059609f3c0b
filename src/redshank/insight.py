"""What the numbers say: sums by hour, day, camera, label and zone, and how right the alerts were. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from redshank.clock import US_PER_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def edges(start: int, end: int, by: str, zone: ZoneInfo) -> list[int]:
    """Beginnings of the local hours or days that [start, end) touches, and the end of the last one. µs; by: hour or day.

    An hour that the clock repeats is there twice, one that it leaves out is not: both are told by their UTC time (rel:T29).
    """
    found: list[int] = []
    at = _EPOCH + timedelta(microseconds=start)
    local = at.astimezone(zone)
    if by == "day":
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        while not found or found[-1] < end:
            found.append((day.replace(fold=0).astimezone(UTC) - _EPOCH) // timedelta(microseconds=1))
            day = (day + timedelta(days=1)).replace(hour=0)
        return found
    begin = at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    first = (begin - _EPOCH) // timedelta(microseconds=1)
    return list(range(first, end + 3600 * US_PER_S, 3600 * US_PER_S))


def bucketed(counts: Iterable[tuple[int, int]], edges: Sequence[int]) -> list[int]:
    """(time, how many) → a sum per pair of neighbouring edges; what lies outside is in none."""
    sums = [0] * (len(edges) - 1)
    for time, count in counts:
        at = bisect_right(edges, time) - 1
        if 0 <= at < len(sums):
            sums[at] += count
    return sums


def hours(counts: Iterable[tuple[int, int]], zone: ZoneInfo) -> list[int]:
    """(time, how many) → 24 sums by the hour on the wall."""
    sums = [0] * 24
    for time, count in counts:
        sums[datetime.fromtimestamp(time / US_PER_S, zone).hour] += count
    return sums


@dataclass(frozen=True, slots=True)
class Trust:
    """How far alerts can be trusted, from what people said of them."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float | None:
        """Of the alerts people judged, the share that was right."""
        judged = self.right + self.wrong
        return self.right / judged if judged else None

    @property
    def recall(self) -> float | None:
        """Of what people say should have been an alert, the share that was one."""
        wanted = self.right + self.missed
        return self.right / wanted if wanted else None


Marks = Iterable[tuple[str, str, str, str, int]]
"""(kind, mark, camera, label, how many), as the store has them."""


def trust(marks: Marks) -> Trust:
    """right and wrong are about alerts; missed about quiet events and what nothing was said of."""
    found: Counter[str] = Counter()
    for kind, mark, _camera, _label, count in marks:
        if (kind == "alert") == (mark != "missed"):
            found[mark] += count
    return Trust(found["right"], found["wrong"], found["missed"])


def trust_by(marks: Marks, part: int) -> Mapping[str, Trust]:
    """part: 2 by camera, 3 by label."""
    rows = list(marks)
    names = sorted({str(row[part]) for row in rows})
    return {name: trust(row for row in rows if row[part] == name) for name in names}
