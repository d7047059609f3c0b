"""Footage as it lies in the database and on the volumes: seen as the planner (`retain`) wants it, and let go in an order that
survives a crash.

    row → `deletions`, one transaction ──▶ unlink ──▶ folder synced ──▶ out of `deletions` ──▶ empty folders removed

A crash in between leaves files that `deletions` names; `finish_all` unlinks them again. Only names from our own rows are ever
unlinked. Everything here blocks (database, disk): not for an event loop. Raises StoreError.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from redshank.clock import US_PER_S
from redshank.disk import Disk
from redshank.errors import StoreError
from redshank.forecast import Load
from redshank.model import SITE, Hold, KeepClass, Segment
from redshank.retain import DAY_US, Footage, Key, Policy, Rules, choose, is_held
from redshank.storage import Totals
from redshank.store import holds, recordings
from redshank.store.base import Store
from redshank.store.recordings import Deletion, Total

T = TypeVar("T")

BATCH = 200
"""Files let go in one transaction."""
PAGE = 1000
WINDOW_US = 600 * US_PER_S
SETTLED_US = 3600 * US_PER_S
"""The last hour is looked at again each time: segments of a stream that was slow, or adopted after a crash, still come in there."""
SAMPLES = 96
SAMPLED = 6
"""The rates of a camera are measured from as many spans of the last day, a sixth of it in all."""
GOLDEN = 0.618034
"""Its multiples, modulo 1, never fall into step with an hourly or quarter-hourly habit."""
MEASURED_US = 600 * US_PER_S
"""Footage of less than that says nothing about a day."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides about footage now."""

    rules: Rules
    holds: Sequence[Hold] = ()
    busy: Collection[Key] = ()
    site: str = SITE


@dataclass(frozen=True, slots=True)
class Scope:
    """Footage among which one has to choose."""

    volumes: frozenset[str]
    camera: str = ""
    """Empty: every camera."""

    def streams(self, totals: Totals) -> dict[tuple[str, str], list[Total]]:
        """What of it there is, by (camera, stream)."""
        found: dict[tuple[str, str], list[Total]] = {}
        for (camera, stream, volume), total in totals.items():
            if volume in self.volumes and self.camera in ("", camera):
                found.setdefault((camera, stream), []).append(total)
        return found


@dataclass(frozen=True, slots=True)
class Gone:
    """What one batch let go."""

    segments: Sequence[Segment]
    troubles: Sequence[str] = ()
    """Files whose rows are gone but that could not be unlinked yet."""

    @property
    def bytes(self) -> int:
        return sum(segment.size for segment in self.segments)


def seen(conn: Connection, segments: Sequence[Segment], terms: Terms) -> list[Footage]:
    """Each with its class, in the same order. Read."""
    classes: dict[Key, KeepClass] = {}
    for camera in {segment.camera for segment in segments}:
        mine = [segment for segment in segments if segment.camera == camera]
        policy = terms.rules.of(camera) or Policy()
        found = recordings.classes(conn, mine, policy.pre_us, policy.post_us, terms.site)
        classes |= dict(zip(map(recordings.key, mine), found, strict=True))
    return [
        Footage(one, classes[key], is_held(one, terms.holds), key in terms.busy)
        for one in segments
        if (key := recordings.key(one))
    ]


def undecided(conn: Connection, terms: Terms) -> list[Footage]:
    """Up to PAGE of those that have no date yet. Read."""
    return seen(conn, recordings.undecided(conn, PAGE, terms.site), terms)


def due(conn: Connection, now: int, limit: int, volume: str, terms: Terms) -> list[Footage]:
    """Those of a volume whose date has come, the earliest first. Read."""
    return seen(conn, recordings.due(conn, now, limit, volume, terms.site), terms)


def page(conn: Connection, volume: str, after: Key | None, terms: Terms) -> list[Footage]:
    """Up to PAGE of a volume, in order of their keys, after this one. Read."""
    return seen(conn, recordings.page(conn, volume, after, PAGE, terms.site), terms)


def window(
    conn: Connection, scope: Scope, streams: Sequence[tuple[str, str]], span: tuple[int, int], terms: Terms
) -> list[Footage]:
    """What begins within `span` of these (camera, stream). Read."""
    begin, end = span
    segments = [
        segment
        for camera, stream in streams
        for segment in recordings.span(conn, camera, stream, begin, end, terms.site)
        if segment.start >= begin and segment.volume in scope.volumes
    ]
    return seen(conn, segments, terms)


class Finder:
    """Finds what goes first, without going through everything each time: for each class it remembers up to when there is none of it.

    `forget` when a hold goes or rules change, and now and then. One thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._none_before: dict[tuple[Scope, KeepClass], int] = {}

    def forget(self) -> None:
        self._none_before.clear()

    def choose(self, scope: Scope, need: int, terms: Terms, totals: Totals, limit: int = 1 << 62) -> list[Footage]:
        """As little of the scope as frees `need` bytes, or all that may go; at least `limit` files when it would be more."""
        streams = scope.streams(totals)
        chosen: list[Footage] = []
        if not streams:
            return chosen
        first = min(total.first for found in streams.values() for total in found)
        last = max(total.last for found in streams.values() for total in found)
        for klass in KeepClass:
            begin = max(first, self._none_before.get((scope, klass), first))
            settled = True
            for end, inside in self._windows(scope, list(streams), (begin, last), terms):
                left = need - sum(one.segment.size for one in chosen)
                if left <= 0 or len(chosen) >= limit:
                    return chosen
                mine = [one for one in inside if one.klass is klass and not one.held]
                settled = settled and not mine and end < last - SETTLED_US
                if settled:
                    self._none_before[scope, klass] = end
                chosen += choose(mine, left)
        return chosen

    def _windows(
        self, scope: Scope, streams: Sequence[tuple[str, str]], span: tuple[int, int], terms: Terms
    ) -> Iterator[tuple[int, list[Footage]]]:
        """(end of a window, what begins in it), oldest first; where nothing is, the windows grow."""
        begin, last = span
        length = WINDOW_US
        while begin <= last:
            end = begin + length
            found = self._store.read(partial(window, scope=scope, streams=streams, span=(begin, end), terms=terms))
            yield end, found
            begin, length = end, WINDOW_US if found else min(2 * length, DAY_US)


def release(conn: Connection, hold: str, site: str = SITE) -> bool:
    """Remove a hold; retention looks at once at what it covered. Whether there was one of this id. Write."""
    found = next((one for one in holds.list(conn, site=site) if one.id == hold), None)
    if found is None:
        return False
    for camera, stream in recordings.streams(conn, site):
        if found.camera in ("", camera):
            covered = recordings.span(conn, camera, stream, found.start, found.end, site)
            recordings.set_due(conn, {recordings.key(one): None for one in covered}, site)
    return holds.remove(conn, hold, site)


# --- letting go ----------------------------------------------------------------------------------------------------------


def let_go(
    store: Store, disks: Mapping[str, Disk], segments: Sequence[Segment], held_too: bool = False, site: str = SITE
) -> Iterator[Gone]:
    """Delete, a batch at a time. Segments of volumes that are not in `disks` (by id) stay, and what is held by now."""
    wanted = [segment for segment in segments if segment.volume in disks]
    for begin in range(0, len(wanted), BATCH):
        removed = _write(store, partial(_remove, segments=wanted[begin : begin + BATCH], held_too=held_too, site=site))
        files = [Deletion(segment.volume, segment.path, segment.size) for segment in removed]
        yield Gone(removed, finish(store, disks, files, site))


def _remove(conn: Connection, segments: Sequence[Segment], held_too: bool, site: str) -> list[Segment]:
    """A hold that was set while the plan was made counts."""
    now = [] if held_too else holds.list(conn, site=site)
    return recordings.remove(conn, [recordings.key(one) for one in segments if not is_held(one, now)], site=site)


def finish_all(store: Store, disks: Mapping[str, Disk], site: str = SITE) -> list[str]:
    """What a crash left between row and file. Why some could not be unlinked."""
    troubles: list[str] = []
    for volume in disks:
        while not troubles and (
            files := store.read(partial(recordings.deletions, volume=volume, limit=PAGE, site=site))
        ):
            troubles += finish(store, disks, files, site)
    return troubles


def finish(store: Store, disks: Mapping[str, Disk], files: Sequence[Deletion], site: str = SITE) -> list[str]:
    """Unlink files whose rows are gone; again when asked again. Why some could not be."""
    troubles: list[str] = []
    folders: dict[tuple[str, str], list[Deletion]] = {}
    for file in files:
        try:
            disks[file.volume].unlink(file.path)
            # Its mark "not in the database yet" would bring it back at the next start.
            disks[file.volume].unlink(file.path.removesuffix(".mp4") + ".part")
        except StoreError as error:
            troubles.append(str(error))
            continue
        folders.setdefault((file.volume, file.path.rpartition("/")[0]), []).append(file)
    done: list[Deletion] = []
    for (volume, _folder), inside in folders.items():
        try:
            _sync(disks[volume], inside[0].path)
            done += inside
        except StoreError as error:
            troubles.append(str(error))
    _write(store, lambda conn: recordings.deleted(conn, done, site))
    for (volume, _folder), inside in folders.items():
        disks[volume].remove_empty_folders(inside[0].path)
    return troubles


def _sync(disk: Disk, name: str) -> None:
    """The folder may be gone already: then it is that which has to survive."""
    try:
        disk.sync_folder(name)
    except StoreError as error:
        if not isinstance(error.__cause__, FileNotFoundError) or "/" not in name:
            raise
        _sync(disk, name.rpartition("/")[0])


def _write(store: Store, work: Callable[[Connection], T]) -> T:
    return store.write(work).result()


# --- how much comes in ---------------------------------------------------------------------------------------------------


def loads(conn: Connection, rules: Rules, now: int, site: str = SITE) -> list[Load]:
    """What each camera brings, from the last day of its footage; nothing of those recorded for less than ten minutes. Read."""
    totals = recordings.totals(conn, site)
    terms = Terms(rules, site=site)
    found = []
    for camera in sorted({camera for camera, _stream, _volume in totals}):
        policy = rules.of(camera)
        mine = {key: total for key, total in totals.items() if key[0] == camera}
        if policy is None or not mine:
            continue
        first, last = min(t.first for t in mine.values()), max(t.last for t in mine.values())
        if last - first < MEASURED_US:
            continue
        streams = sorted({stream for _camera, stream, _volume in mine})
        rates = _rates(conn, [(camera, stream) for stream in streams], (max(first, last - DAY_US), last), terms)
        rates = rates if last > now - DAY_US else {}  # it is not recorded any more
        used = sum(total.bytes for total in mine.values())
        age = max(0.0, (now - first) / DAY_US)
        found.append(Load(camera, rates, policy.by_class, policy.quota, used, age, True))
    return found


def _rates(
    conn: Connection, streams: Sequence[tuple[str, str]], span: tuple[int, int], terms: Terms
) -> dict[KeepClass, float]:
    """Bytes a day of each class, from samples of the span."""
    begin, end = span
    step = (end - begin) // SAMPLES
    length = step // SAMPLED
    rates: dict[KeepClass, float] = {}
    for sample in range(SAMPLES):
        at = begin + sample * step + round(sample * GOLDEN % 1 * (step - length))
        segments = [
            segment
            for camera, stream in streams
            for segment in recordings.span(conn, camera, stream, at, at + length, terms.site)
        ]
        for one in seen(conn, segments, terms):
            segment = one.segment
            share = (min(segment.end, at + length) - max(segment.start, at)) / (segment.end - segment.start)
            rates[one.klass] = rates.get(one.klass, 0.0) + segment.size * share
    return {klass: amount * DAY_US / (SAMPLES * length) for klass, amount in rates.items()}
