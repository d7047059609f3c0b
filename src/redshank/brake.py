"""The brake of the keeper: a plan that lets go of unusually much waits until somebody approves it (rel:T48).

What is usual follows from how fast footage comes and goes: `Flow` counts that, `Memory` is what survives a restart of it (one switch
in the database). Blocks on the database; used in the keeper's thread.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from redshank.clock import NS_PER_S, US_PER_S
from redshank.model import SITE, Segment
from redshank.retain import DAY_US, allowance, brake, normal_rate
from redshank.storage import Totals, average_rate
from redshank.store import switches
from redshank.store.base import Store
from redshank.store.switches import Switch

MEMORY = "retention"
APPROVED = "retention_approved"
WEEK = 7
RATE_S = 600.0
"""Over which the rate of input is measured."""
SAMPLE_S = 30.0
DAY_S = 86_400.0
HOUR_S = 3600.0


@dataclass(slots=True)
class Memory:
    """Survives a restart."""

    let_go: dict[str, int] = field(default_factory=dict)
    """Files by day (number of the UTC day)."""
    worked: int = 0
    """When retention was last at work, to the hour."""
    rules: dict[str, str] = field(default_factory=dict)
    """By volume: which rules its segments are dated by."""
    stopped: str = ""
    """Why the brake is on."""

    def went(self, now: int, files: int) -> None:
        """So many files were let go."""
        today = now // DAY_US
        self.let_go[str(today)] = self.let_go.get(str(today), 0) + files
        self.let_go = {day: count for day, count in self.let_go.items() if today - WEEK <= int(day) <= today}

    def days_before(self, now: int) -> list[int]:
        """Files of each whole day of the last week, since the first on which any went."""
        today = now // DAY_US
        known = [int(day) for day in self.let_go if int(day) < today]
        return [self.let_go.get(str(day), 0) for day in range(max(min(known), today - WEEK), today)] if known else []


def load(store: Store, site: str = SITE) -> Memory:
    """What was written down last."""
    found = store.read(lambda conn: switches.get(conn, MEMORY, site=site))
    return Memory(**json.loads(found.value)) if found is not None else Memory()


def save(store: Store, memory: Memory, site: str = SITE) -> None:
    text = json.dumps(asdict(memory))
    store.write(lambda conn: switches.set(conn, Switch(MEMORY, "", text), site)).result()


def approved(store: Store, site: str = SITE) -> int:
    """How many files may go although they are unusually many."""
    found = store.read(lambda conn: switches.get(conn, APPROVED, site=site))
    return int(found.value) if found is not None else 0


def approve(store: Store, files: int, site: str = SITE) -> None:
    store.write(lambda conn: switches.set(conn, Switch(APPROVED, "", str(files)), site)).result()


class Flow:
    """What comes in, from what lies there and what was let go meanwhile."""

    def __init__(self) -> None:
        self._gone: Counter[tuple[str, str, str]] = Counter()
        self._gone_files = 0
        self._bytes: deque[tuple[int, Mapping[tuple[str, str, str], int]]] = deque()
        self._files: deque[tuple[int, int]] = deque()
        self._for_room: deque[tuple[int, int]] = deque()

    def note(self, mono_ns: int, totals: Totals) -> None:
        """Once a cycle."""
        if not self._bytes or mono_ns - self._bytes[-1][0] >= SAMPLE_S * NS_PER_S:
            self._bytes.append((mono_ns, {key: total.bytes + self._gone[key] for key, total in totals.items()}))
        while mono_ns - self._bytes[0][0] > RATE_S * NS_PER_S:
            self._bytes.popleft()
        if not self._files or mono_ns - self._files[-1][0] >= HOUR_S * NS_PER_S:
            self._files.append((mono_ns, sum(total.files for total in totals.values()) + self._gone_files))
        while mono_ns - self._files[0][0] > DAY_S * NS_PER_S:
            self._files.popleft()
        while self._for_room and mono_ns - self._for_room[0][0] > DAY_S * NS_PER_S:
            self._for_room.popleft()

    def went(self, segments: Sequence[Segment], mono_ns: int, for_room: bool) -> None:
        """These were let go."""
        for one in segments:
            self._gone[one.camera, one.stream, one.volume] += one.size
        self._gone_files += len(segments)
        if for_room:
            self._for_room.append((mono_ns, len(segments)))

    def for_room(self) -> int:
        """Files let go for room in the last 24 hours."""
        return sum(files for _mono_ns, files in self._for_room)

    def bytes_per_s(self, volume: str, totals: Totals) -> float:
        """Of the last ten minutes; of all the footage there is before that."""
        (first_ns, first), (last_ns, last) = self._bytes[0], self._bytes[-1]
        seconds = (last_ns - first_ns) / NS_PER_S
        if seconds >= RATE_S / 2:
            came = sum(max(0, now - first.get(key, 0)) for key, now in last.items() if key[2] == volume)
            return came / seconds
        return average_rate(volume, totals)

    def normal_files(self, let_go: Sequence[int], totals: Totals) -> float:
        """Files a day: what went on the days of last week, what came in the last 24 hours or on all days, whichever is most.
        0 before there is a day of footage."""
        spans = [(total.files, total.last - total.first) for total in totals.values()]
        if max((span for _files, span in spans), default=0) < DAY_US:
            return 0.0
        on_average = sum(files * DAY_US / max(span, DAY_US) for files, span in spans)
        lately = self._files[-1][1] - self._files[0][1]
        return normal_rate(let_go, max(on_average, lately))


class Brake:
    """Asked before anything is let go. `look` at the begin of a cycle, `settle` at its end."""

    def __init__(self, store: Store, flow: Flow, site: str = SITE) -> None:
        self.memory = Memory()
        self.why = ""
        """Why it stopped a plan of this cycle."""
        self._store = store
        self._site = site
        self._flow = flow
        self._saved: Memory | None = None
        self._approved = self._approved_before = self._files = 0
        self._normal = self._days = 0.0

    def look(self, now: int, totals: Totals) -> None:
        if self._saved is None:
            self.memory, self._saved = load(self._store, self._site), load(self._store, self._site)
        self.why = ""
        self._approved = self._approved_before = approved(self._store, self._site) if self.memory.stopped else 0
        self._files = sum(total.files for total in totals.values())
        self._normal = self._flow.normal_files(self.memory.days_before(now), totals)
        self._days = (now - self.memory.worked) / DAY_US if self.memory.worked else 1.0

    @property
    def waits(self) -> bool:
        """It is on, and nobody has approved anything yet."""
        return bool(self.memory.stopped) and not self._approved

    @property
    def most(self) -> int:
        """Files that may go in one plan."""
        return max(self._approved, allowance(self._files, self._normal, self._days))

    def stops(self, planned: int, for_room: bool = False) -> bool:
        """Whether a plan of so many files has to wait. What is missing on a disk is missing again soon when somebody else takes it,
        so plans for room are counted together."""
        lately = self._flow.for_room() if for_room else 0
        why = brake(planned, self._files, self._normal, self._days, lately) if planned > self._approved else ""
        if why:
            self.why = self.memory.stopped = why
        return bool(why)

    def stays_on(self) -> None:
        """The plan that was stopped is not made again in this cycle."""
        self.why = self.memory.stopped

    def went(self, now: int, files: int) -> None:
        self.memory.went(now, files)
        self._approved = max(0, self._approved - files)

    def settle(self, now: int, judged: bool) -> None:
        """Write down what changed. `judged`: everything that may go was looked at, so that what is not stopped now no longer is."""
        if judged and not self.why:
            self.memory.stopped, self._approved = "", 0
            if not 0 <= now - self.memory.worked < HOUR_S * US_PER_S:
                self.memory.worked = now
        if self._approved != self._approved_before:
            approve(self._store, self._approved, self._site)
        if self.memory != self._saved:
            save(self._store, self.memory, self._site)
            self._saved = load(self._store, self._site)
