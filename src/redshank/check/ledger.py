"""Does the ledger keep its promise: every instant between the first and the last of a stream is footage or in one gap, never both?"""

from __future__ import annotations

from collections.abc import Iterator

from redshank.check.problem import Kind, Problem
from redshank.check.rows import Rows
from redshank.clock import US_PER_S, rfc3339
from redshank.store import gaps, recordings

WINDOW_US = 86_400 * US_PER_S
Span = tuple[int, int]


def check(rows: Rows) -> Iterator[Problem]:
    """A day at a time; each is one consistent state of the database. Raises StoreError."""
    store, site = rows.store, rows.site
    for whose in store.read(lambda conn: recordings.streams(conn, site)):
        bounds = store.read(lambda conn: gaps.bounds(conn, *whose, site=site))  # noqa: B023  (called at once)
        if bounds is not None:
            for start in range(bounds[0], bounds[1], WINDOW_US):
                yield from _window(rows, whose, (start, min(start + WINDOW_US, bounds[1])))


def _window(rows: Rows, whose: tuple[str, str], span: Span) -> Iterator[Problem]:
    start, end = span
    footage, told = rows.store.read(
        lambda conn: (
            gaps.footage(conn, *whose, start, end, site=rows.site),
            gaps.span(conn, *whose, start, end, site=rows.site),
        )
    )
    spans = [(max(gap.start, start), min(end, end if gap.end is None else gap.end)) for gap in told]
    for begin, stop in _common(footage, sorted(spans)):
        yield _problem(whose, (begin, stop), "is footage, and a gap is said to be there")
    for begin, stop in gaps.holes(sorted([*footage, *spans]), start, end):
        yield _problem(whose, (begin, stop), "is neither footage nor a gap")


def _problem(whose: tuple[str, str], span: Span, words: str) -> Problem:
    text = f"{rfc3339(span[0])} to {rfc3339(span[1])} {words}"
    return Problem(Kind.GAP, "", "/".join(whose), text, span=span)


def _common(left: list[Span], right: list[Span]) -> Iterator[Span]:
    """Where spans of both lists are; each list is in order and disjoint."""
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            yield start, end
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
