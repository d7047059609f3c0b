"""Weekly times: `mon-fri 08:00-12:00 13:00-18:00`, `sat,sun`, `22:00-06:00`. Pure.

A span over midnight belongs to the day it begins on. Times are local clock times: on the day clocks change, what the clock shows
counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
_TIMES = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes of the day on some days; `end` is outside it, and may be up to a day after midnight."""

    days: frozenset[int]
    """0 is Monday."""
    start: int = 0
    end: int = DAY_MIN


def parse_all(text: str) -> tuple[Span, ...]:
    """Days and any number of times on them. Raises as `parse`."""
    words = text.split()
    times = [word for word in words if _TIMES.fullmatch(word)]
    days = " ".join(word for word in words if word not in times)
    return tuple(parse(f"{days} {time}") for time in times) or (parse(text),)


def parse(text: str) -> Span:
    """Days, times or both, each at most once. Raises ValueError with what was expected."""
    words = text.lower().split()
    times = next((match for word in words if (match := _TIMES.fullmatch(word))), None)
    named = [word for word in words if not _TIMES.fullmatch(word)]
    if not words or len(words) > 2 or len(words) - len(named) > 1 or len(named) > 1:
        raise ValueError("expected days and times such as `mon-fri 08:00-18:00`, `sat,sun` or `22:00-06:00`")
    days = _days(named[0]) if named else frozenset(range(7))
    if times is None:
        return Span(days)
    hours = [int(part) for part in times.groups()]
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if max(hours[1], hours[3]) > 59 or start >= DAY_MIN or end > DAY_MIN or start == end:
        raise ValueError("expected times from 00:00 to 24:00, such as 08:00-18:00")
    return Span(days, start, end if end > start else end + DAY_MIN)


def inside(spans: Sequence[Span], local: datetime) -> bool:
    """Whether a local time lies in one of them."""
    minute = local.hour * 60 + local.minute
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    return any(
        (today in span.days and span.start <= minute < span.end)
        or (yesterday in span.days and minute + DAY_MIN < span.end)
        for span in spans
    )


def _days(word: str) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise ValueError(f"expected days out of {', '.join(DAYS)}, such as mon-fri or sat,sun")
        begin = DAYS.index(first)
        count = (DAYS.index(last) - begin) % 7 if last else 0
        found |= {(begin + step) % 7 for step in range(count + 1)}
    return frozenset(found)
