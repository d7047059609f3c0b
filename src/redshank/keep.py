"""The keeper: lets old footage go, keeps room on every volume, and asks before it deletes unusually much.

Runs in the hub (`supervisor.guard` around `run`). Each cycle is one blocking call in a thread, never two at once; what it decides
is `retain`'s, how it deletes is `shelf`'s. Every CHECK_S seconds:

    leftovers of a crash ─▶ new segments get a date ─▶ age and quotas, unless the brake stops them ─▶ room on each volume
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Any

from redshank.brake import Brake, Flow
from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.disk import Disk, Space
from redshank.errors import StoreError
from redshank.forecast import Load, size
from redshank.lane import Lane
from redshank.model import SITE, Hold, Segment
from redshank.retain import DAY_US, Footage, Key, Rules, aged, choose, expires
from redshank.shelf import PAGE, Finder, Scope, Terms, due, finish_all, let_go, loads, page, undecided
from redshank.storage import MINUTE_US, Kept, Totals, percent, report
from redshank.store import holds, recordings
from redshank.store.base import Store

log = logging.getLogger(__name__)

CHECK_S = 4.0
"""Between two looks; with the work in between room is checked at least every 5 s (rel:T45)."""
EMERGENCY_S = 60
EMERGENCY = 32 << 20
"""While the brake is on, room is made only for a minute of input, and this."""
AT_ONCE = 1000
"""Files among which room is made in one cycle, when the brake would let fewer pass."""
SHOWN_S = 30.0
"""Within it a deletion shows as free space; what does not is somebody else's doing, or a file still open."""
STEP_US = 60 * US_PER_S
REST_S = 3600.0
"""rel:T30: after a step of the wall clock forward, age lets nothing go for so long."""
AGAIN_S = 600.0
"""While the brake is on the plan is made again so often, and at once when it is approved."""
PAGES = 5
"""Of segments that are dated in one cycle."""
DATE_S = 60.0
"""New segments are dated so often."""
FORGET_S = 24 * 3600.0
FORECAST_S = 3600.0
HELD_US = DAY_US
BUSY_US = 60 * US_PER_S
"""When to look again at what was due but is held, or in use."""
ALARMS = (95, 90)
ALARM_GAP = 2
"""Percent of the room that may be used; told again after it was so much lower."""


@dataclass(frozen=True, slots=True)
class Links:
    """What the keeper talks to. Called on the event loop, `volumes` and `busy` in the keeper's thread."""

    store: Store
    clock: Clock
    volumes: Callable[[], Sequence[Kept]]
    note: Callable[[str, str], None] = lambda _who, _trouble: None
    """(who, trouble) at each change; an empty trouble: well again."""
    busy: Callable[[], Collection[Key]] = lambda: ()
    """Segments that must not go now: they are being copied."""
    site: str = SITE
    gone: Callable[[Sequence[Segment]], object] = lambda _segments: None
    """What was just let go, in the keeper's thread: nothing made of it may stay either. May raise StoreError."""


@dataclass(slots=True)
class _Owed:
    """Room that a deletion should have made and has not yet."""

    until_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class _Round:
    """One cycle's view."""

    now: int
    mono_ns: int
    terms: Terms
    totals: Totals
    disks: Mapping[str, Disk] = field(default_factory=dict)


class Keeper:
    """One per site. `run` until cancelled; `status` and `rules` from the event loop."""

    def __init__(self, rules: Rules, links: Links) -> None:
        self.rules = rules
        """May be replaced at any time; everything is dated again then."""
        self.status: Mapping[str, Any] = {}
        """Of the last cycle, for `redshank status` and the API."""
        self._links = links
        self._lane = Lane("keeper")
        self._store, self._clock, self._site = links.store, links.clock, links.site
        self._finder = Finder(links.store)
        self._flow = Flow()
        self._brake = Brake(links.store, self._flow, links.site)
        self._troubles: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._alarms: dict[str, int] = {}
        self._loads: Sequence[Load] = ()
        self._early: set[str] = set()
        self._owed: dict[str, _Owed] = {}
        self._seen_clock = (self._clock.now(), self._clock.mono_ns())
        self._holds: Sequence[Hold] = ()
        self._dating = True
        """Not every segment has its date yet: age lets nothing go, since the brake has to see a plan as a whole."""
        self._dated_by = ""
        self._after: dict[str, Key] = {}
        """Volumes being dated again, by id: the last key that was."""
        self._gone_files = self._gone_bytes = 0
        self._rest_until_ns = self._plan_at_ns = self._date_at_ns = self._forget_at_ns = self._forecast_at_ns = 0

    async def run(self) -> None:
        while True:
            await self._lane.run(self.cycle)
            for who in {**self._told, **self._troubles}:
                if (trouble := self._troubles.get(who, "")) != self._told.get(who, ""):
                    self._links.note(who, trouble)
                    log.log(logging.ERROR if trouble else logging.INFO, "%s: %s", who, trouble or "well again")
            self._told = dict(self._troubles)
            await self._clock.sleep(CHECK_S)

    def cycle(self) -> None:
        """Look once, and do what is due. Blocks; one at a time."""
        self._troubles = {}
        usable = [one for one in self._links.volumes() if self._usable(one)]
        try:
            round_ = self._look(usable)
        except StoreError as error:
            self._troubles["storage"] = str(error)
            return
        self._try("storage", partial(self._leftovers, round_))
        self._try("storage", partial(self._date, round_))
        self._try("retention", partial(self._orders, round_))
        for one in usable:
            self._try(f"volume {one.name}", partial(self._room, one, round_))
        self._try("retention", partial(self._settle, round_))
        self._try("storage", partial(self._report, usable, round_))

    def _try(self, who: str, part: Callable[[], object]) -> None:
        """What fails in one part is told, and the others are done all the same."""
        try:
            part()
        except StoreError as error:
            self._troubles[who] = str(error)

    # --- looking -----------------------------------------------------------------------------------------------------

    def _usable(self, one: Kept) -> bool:
        """Nothing of a volume that is not there, swapped or read-only is touched: no file, no row."""
        try:
            trouble = one.trouble() or ("it is read-only" if one.disk.space().read_only else "")
        except StoreError as error:
            trouble = str(error)
        if trouble:
            self._troubles[f"volume {one.name}"] = f"{trouble}; nothing of it is deleted"
        return not trouble

    def _look(self, usable: Sequence[Kept]) -> _Round:
        now, mono_ns = self._clock.now(), self._clock.mono_ns()
        wall, mono = self._seen_clock
        if (now - wall) - (mono_ns - mono) // 1000 > STEP_US:
            self._rest_until_ns = mono_ns + round(REST_S * NS_PER_S)
            log.warning("the clock was set forward: for an hour nothing goes because of its age")
        self._seen_clock = (now, mono_ns)
        ids = {one.id for one in usable}
        held, totals = self._store.read(
            lambda conn: (holds.list(conn, site=self._site), recordings.totals(conn, self._site))
        )
        totals = {key: total for key, total in totals.items() if key[2] in ids}
        if held != self._holds or mono_ns >= self._forget_at_ns:
            self._holds = held
            self._finder.forget()
            self._forget_at_ns = mono_ns + round(FORGET_S * NS_PER_S)
        self._flow.note(mono_ns, totals)
        self._brake.look(now, totals)
        terms = Terms(self.rules, held, frozenset(self._links.busy()), self._site)
        return _Round(now, mono_ns, terms, totals, {one.id: one.disk for one in usable})

    def _leftovers(self, round_: _Round) -> None:
        if troubles := finish_all(self._store, round_.disks, self._site):
            self._troubles["storage"] = f"{len(troubles)} deleted recordings are still on the disk: {troubles[0]}"

    def _date(self, round_: _Round) -> None:
        """Every segment gets the time at which its age may let it go; all of them again when the rules have changed."""
        self._dating = True
        done = round_.mono_ns < self._date_at_ns or self._date_new(round_)
        rules = sha256(repr(self.rules).encode()).hexdigest()[:16]
        if rules != self._dated_by:
            self._dated_by, self._plan_at_ns = rules, 0
            self._after.clear()
            self._finder.forget()
        for volume in round_.disks:
            if self._brake.memory.rules.get(volume) != rules:
                done = self._date_again(volume, rules, round_) and done
        self._dating = not done

    def _date_new(self, round_: _Round) -> bool:
        """Whether all have a date now."""
        for _ in range(PAGES):
            new = self._store.read(partial(undecided, terms=round_.terms))
            self._set_due(new, round_)
            if len(new) < PAGE:
                self._date_at_ns = round_.mono_ns + round(DATE_S * NS_PER_S)
                return True
        return False

    def _date_again(self, volume: str, rules: str, round_: _Round) -> bool:
        """Some pages of a volume; whether that was the last."""
        for _ in range(PAGES):
            after = self._after.get(volume)
            found = self._store.read(partial(page, volume=volume, after=after, terms=round_.terms))
            if not found:
                self._brake.memory.rules[volume] = rules
                self._after.pop(volume, None)
                return True
            self._set_due(found, round_)
            self._after[volume] = found[-1].key
        return False

    def _set_due(self, footage: Sequence[Footage], round_: _Round) -> None:
        """When to look at each (again)."""
        times: dict[Key, int | None] = {}
        for one in footage:
            times[one.key] = when = expires(one, round_.terms.rules)
            if not one.free and when <= round_.now:
                times[one.key] = round_.now + (BUSY_US if one.busy else HELD_US)
        if times:
            self._store.write(lambda conn: recordings.set_due(conn, times, self._site)).result()

    # --- age and quotas ----------------------------------------------------------------------------------------------

    def _orders(self, round_: _Round) -> None:
        """What its age and its camera's quota let go, as one plan, so that the brake sees it whole."""
        if self._brake.waits and round_.mono_ns < self._plan_at_ns:
            self._brake.stays_on()
            return
        plan = self._by_age(round_)
        for camera in {camera for camera, _stream, _volume in round_.totals}:
            plan += self._by_quota(camera, plan, round_)
        if self._brake.stops(len(plan)):
            self._plan_at_ns = round_.mono_ns + round(AGAIN_S * NS_PER_S)
        else:
            self._let_go(plan, round_)

    def _by_age(self, round_: _Round) -> list[Footage]:
        """All of it, or one file more than the brake lets pass."""
        if self._dating or round_.mono_ns < self._rest_until_ns:
            return []
        limit = self._brake.most + 1
        plan: list[Footage] = []
        for volume in round_.disks:
            while True:
                found = self._store.read(partial(due, now=round_.now, limit=limit, volume=volume, terms=round_.terms))
                go = aged(found, round_.terms.rules, round_.now)
                leaving = {one.key for one in go}
                staying = [one for one in found if one.key not in leaving]
                self._set_due(staying, round_)
                if not staying:
                    break
            plan += go
        return plan

    def _by_quota(self, camera: str, planned: Sequence[Footage], round_: _Round) -> list[Footage]:
        policy = round_.terms.rules.of(camera)
        if policy is None or policy.quota is None:
            return []
        mine = [total for key, total in round_.totals.items() if key[0] == camera]
        going = [one for one in planned if one.segment.camera == camera]
        # What is being written is not counted yet: a minute's worth.
        running = sum(total.bytes * MINUTE_US / max(total.last - total.first, MINUTE_US) for total in mine)
        used = sum(total.bytes for total in mine) - sum(one.segment.size for one in going)
        over = round(used + min(running, policy.quota / 10)) - policy.quota
        if over <= 0:
            return []
        terms = replace(round_.terms, busy={*round_.terms.busy, *(one.key for one in going)})
        limit = self._brake.most + 1
        plan = self._finder.choose(Scope(frozenset(round_.disks), camera), over, terms, round_.totals, limit)
        left = used - policy.quota - sum(one.segment.size for one in plan)
        if left > 0 and len(plan) < limit:
            self._troubles[f"quota of {camera}"] = f"{size(left)} too much is kept, and all of it is held or in use"
        return plan

    def _let_go(self, plan: Sequence[Footage], round_: _Round, for_room: bool = False) -> None:
        for gone in let_go(self._store, round_.disks, [one.segment for one in plan], site=self._site):
            self._try("storage", partial(self._links.gone, gone.segments))
            self._flow.went(gone.segments, round_.mono_ns, for_room)
            self._brake.went(round_.now, len(gone.segments))
            self._gone_files += len(gone.segments)
            self._gone_bytes += gone.bytes
            if gone.troubles:
                self._troubles["storage"] = gone.troubles[0]

    # --- room --------------------------------------------------------------------------------------------------------

    def _room(self, one: Kept, round_: _Round) -> None:
        """As much as is missing, in the order of the classes; while the brake is on only what recording needs to go on."""
        space = one.disk.space()
        rate = self._flow.bytes_per_s(one.id, round_.totals)
        reserve = one.reserved(space, rate)
        missing = round(reserve + 2 * CHECK_S * rate) - space.free - self._not_shown(one, round_.mono_ns)
        if missing > 0:
            need = missing + one.ahead(reserve, rate)
            limit = max(self._brake.most, AT_ONCE) + 1
            plan = self._finder.choose(Scope(frozenset({one.id})), need, round_.terms, round_.totals, limit)
            if self._brake.stops(len(plan), for_room=True):
                plan = choose(plan, min(need, round(EMERGENCY + EMERGENCY_S * rate) - space.free))
            self._let_go(plan, round_, for_room=True)
            after = one.disk.space()
            freed = sum(each.segment.size for each in plan)
            if (hidden := freed - max(0, after.free - space.free)) > freed / 2:
                self._owed[one.id] = _Owed(round_.mono_ns + round(SHOWN_S * NS_PER_S), hidden)
            space = after
        if space.free < reserve:
            self._troubles[f"volume {one.name}"] = (
                f"only {size(space.free)} are free, {size(reserve)} should be: free some space"
            )
        self._alarm(one, space, reserve)

    def _not_shown(self, one: Kept, mono_ns: int) -> int:
        """Room on its way: letting more go for it would be too much."""
        owed = self._owed.get(one.id)
        return owed.size if owed is not None and mono_ns < owed.until_ns else 0

    def _alarm(self, one: Kept, space: Space, reserve: int) -> None:
        """Told when a mark is passed, and again after it was clearly below."""
        now = percent(space, reserve)
        mark = next((level for level in ALARMS if now >= level), 0)
        before = self._alarms.get(one.name, 0)
        if mark > before:
            log.warning("volume %s is %.0f %% full", one.name, now, extra={"volume": one.name})
        if mark > before or now < before - ALARM_GAP:
            self._alarms[one.name] = mark

    # --- telling -----------------------------------------------------------------------------------------------------

    def _settle(self, round_: _Round) -> None:
        if self._brake.why:
            self._troubles["retention"] = (
                f"stopped: {self._brake.why}; `redshank storage` shows more, `redshank storage approve` lets it go on"
            )
        self._brake.settle(round_.now, judged=not self._dating and round_.mono_ns >= self._rest_until_ns)

    def _report(self, usable: Sequence[Kept], round_: _Round) -> None:
        if round_.mono_ns >= self._forecast_at_ns and round_.totals:
            self._loads = self._store.read(partial(loads, rules=round_.terms.rules, now=round_.now, site=self._site))
            wait_s = FORECAST_S if self._loads else DATE_S
            self._forecast_at_ns = round_.mono_ns + round(wait_s * NS_PER_S)
        spaces = [(one, one.disk.space(), self._flow.bytes_per_s(one.id, round_.totals)) for one in usable]
        reserves = [(one, space, one.reserved(space, rate)) for one, space, rate in spaces]
        found = report(reserves, round_.totals, round_.terms.rules, self._loads)
        self.status = {
            **found,
            "warnings": self._warnings(found["volumes"]),
            "alarms": {name: mark for name, mark in self._alarms.items() if mark},
            "stopped": self._brake.why,
            "let_go": {"files": self._gone_files, "bytes": self._gone_bytes},
            "troubles": dict(self._troubles),
        }

    def _warnings(self, volumes: Sequence[Mapping[str, Any]]) -> list[str]:
        """Volumes on which footage will go before its days are over; each is logged when it begins."""
        early = {
            one["volume"]: one["forecast"]["sentence"]
            for one in volumes
            if one["forecast"] and not one["forecast"]["enough"]
        }
        for name in early.keys() - self._early:
            log.warning("volume %s: %s", name, early[name], extra={"volume": name})
        self._early = set(early)
        return [f"volume {name}: {sentence}" for name, sentence in early.items()]
