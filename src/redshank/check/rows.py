"""The rows of one site, as checking asks for them. Blocks; raises StoreError."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from redshank.model import SITE, GapReason, Segment
from redshank.store import recordings
from redshank.store.base import Store
from redshank.store.recordings import Total

PAGE = 1000
SAME_US = 1000
"""Times that differ by less are equal."""


@dataclass(frozen=True, slots=True)
class Rows:
    """See the module."""

    store: Store
    site: str = SITE

    def totals(self) -> Mapping[tuple[str, str, str], Total]:
        return self.store.read(partial(recordings.totals, site=self.site))

    def all(self, volume: str) -> Iterator[Segment]:
        """Of a volume, page by page."""
        after = None
        while page := self.store.read(partial(recordings.page, volume=volume, after=after, limit=PAGE, site=self.site)):
            yield from page
            after = recordings.key(page[-1])

    def same(self, segment: Segment) -> Segment | None:
        """What there is now under its key."""
        return self.store.read(lambda conn: recordings.get(conn, *recordings.key(segment), site=self.site))

    def of(self, volume: str, path: str) -> Segment | None:
        """The one about this file."""
        return self.store.read(partial(recordings.by_path, volume=volume, path=path, site=self.site))

    def joined(self, segment: Segment) -> Segment:
        """Up to the row that follows it, where the two meet: a file counts 1/90,000 s, a row µs."""
        end, whose = segment.end, (segment.camera, segment.stream)
        near = self.store.read(lambda conn: recordings.span(conn, *whose, end - SAME_US, end + SAME_US, site=self.site))
        return joined(segment, [one.start for one in near if one.seq != segment.seq])

    def add(self, segment: Segment) -> None:
        self.store.write(partial(recordings.add, segment=segment, site=self.site)).result()

    def replace(self, segment: Segment) -> None:
        """Unless it is gone."""
        self.store.write(partial(recordings.replace_row, segment=segment, site=self.site)).result()

    def forget(self, segment: Segment) -> bool:
        """The row goes, its file stays: what is lost is never deleted. Whether it was there."""
        keys = [recordings.key(segment)]
        work = partial(recordings.remove, keys=keys, reason=GapReason.LOST, site=self.site)
        return bool(self.store.write(work).result())


def joined(segment: Segment, starts: Sequence[int]) -> Segment:
    """It ends where another begins, if one of these (in order) is so near."""
    for start in starts[bisect_left(starts, segment.end - SAME_US + 1) :]:
        if start >= segment.end + SAME_US:
            break
        if start > segment.start:
            return replace(segment, end=start)
    return segment
