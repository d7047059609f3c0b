"""Going through all footage because somebody asked: what a purge deletes, and what an approval would let go.

Works beside a running keeper, in a process of its own. Blocks. Raises StoreError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from redshank.alert.compose import blob_name
from redshank.blobs.base import Blobs
from redshank.clock import US_PER_S
from redshank.disk import Disk, Space
from redshank.model import KeepClass, Segment
from redshank.retain import Footage, Key, aged
from redshank.shelf import Finder, Scope, Terms, let_go, page, window
from redshank.storage import Kept, Totals, average_rate
from redshank.store import alerts, recordings
from redshank.store.base import Store

STEP_US = 6 * 3600 * US_PER_S


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a purge is to delete."""

    before: int
    """Footage that ended by then."""
    camera: str = ""
    """Empty: of every camera."""
    classes: frozenset[KeepClass] = frozenset(KeepClass)
    held_too: bool = False

    def takes(self, one: Footage) -> bool:
        return one.segment.end <= self.before and one.klass in self.classes and (self.held_too or not one.held)


@dataclass(slots=True)
class Counted:
    """Files and bytes."""

    files: int = 0
    bytes: int = 0

    def add(self, segments: Sequence[Segment]) -> None:
        self.files += len(segments)
        self.bytes += sum(segment.size for segment in segments)


def found(store: Store, disks: Mapping[str, Disk], wanted: Wanted, terms: Terms) -> Iterator[list[Segment]]:
    """What it would delete of these volumes (by id), some at a time, stream by stream, oldest first."""
    totals = store.read(lambda conn: recordings.totals(conn, terms.site))
    scope = Scope(frozenset(disks), wanted.camera)
    for stream, mine in scope.streams(totals).items():
        begin = min(total.first for total in mine)
        last = min(max(total.last for total in mine), wanted.before)
        while begin < last:
            end = begin + STEP_US
            inside = store.read(partial(window, scope=scope, streams=[stream], span=(begin, end), terms=terms))
            if going := [one.segment for one in inside if wanted.takes(one)]:
                yield going
            begin = end


def purge(
    store: Store,
    disks: Mapping[str, Disk],
    wanted: Wanted,
    terms: Terms,
    told: Callable[[Counted, Sequence[Segment]], None],
) -> tuple[Counted, list[str]]:
    """Delete it. What went, and why some files could not be unlinked (they are tried again). `told`: after each batch what went so
    far, and with it."""
    count, troubles = Counted(), list[str]()
    for segments in found(store, disks, wanted, terms):
        for gone in let_go(store, disks, segments, wanted.held_too, terms.site):
            count.add(gone.segments)
            troubles += gone.troubles
            told(count, gone.segments)
    return count, troubles


def forget_pictures(store: Store, pictures: Blobs, gone: Mapping[str, tuple[int, int]], site: str) -> None:
    """Delete the pictures of alerts that opened within the span that went of a camera, if no footage of them is left."""
    streams = store.read(partial(recordings.streams, site=site))
    for camera, (first, last) in gone.items():
        of_alerts = partial(alerts.closed, camera=camera, start=first, end=last, site=site)
        for alert in store.read(of_alerts):
            span = partial(
                recordings.span, camera=camera, start=alert.opened, end=(alert.closed or alert.opened) + 1, site=site
            )
            if not any(store.read(partial(span, stream=stream)) for name, stream in streams if name == camera):
                for ending in ("json", "jpg"):
                    pictures.delete(blob_name(alert, ending))


def pending(
    store: Store, spaces: Sequence[tuple[Kept, Space, int]], totals: Totals, terms: Terms, now: int
) -> dict[str, Counted]:
    """What the keeper would let go now if nothing stopped it, by camera: by age, by quota, and for room (estimated one by one)."""
    going: set[Key] = set()
    count: dict[str, Counted] = {}

    def goes(plan: Sequence[Footage]) -> None:
        for one in plan:
            if one.key not in going:
                going.add(one.key)
                count.setdefault(one.segment.camera, Counted()).add([one.segment])

    ids = frozenset(kept.id for kept, _space, _reserve in spaces)
    for volume in ids:
        for inside in _pages(store, volume, terms):
            goes(aged(inside, terms.rules, now))
    finder = Finder(store)
    for camera in sorted({key[0] for key in totals}):
        policy = terms.rules.of(camera)
        used = sum(total.bytes for key, total in totals.items() if key[0] == camera and key[2] in ids)
        over = used - count.get(camera, Counted()).bytes - policy.quota if policy and policy.quota is not None else 0
        if over > 0:
            goes(finder.choose(Scope(ids, camera), over, replace(terms, busy=going), totals))
    for kept, space, reserve in spaces:
        wanted = reserve + kept.ahead(reserve, average_rate(kept.id, totals))
        if (short := wanted - space.free - sum(one.bytes for one in count.values())) > 0:
            goes(finder.choose(Scope(frozenset({kept.id})), short, replace(terms, busy=going), totals))
    return count


def _pages(store: Store, volume: str, terms: Terms) -> Iterator[list[Footage]]:
    after: Key | None = None
    while True:
        inside = store.read(partial(page, volume=volume, after=after, terms=terms))
        if not inside:
            return
        yield inside
        after = inside[-1].key
