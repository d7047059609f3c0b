"""What footage may go, and in what order. Pure: no disk, database or clock; `keep` does what is decided here.

Three reasons let footage go: its age (days per class), its camera's quota, and the room on its volume. Whatever the reason, what is
held or in use stays; where there is a choice, plain footage goes before motion, motion before detections, alerts last,
and the oldest of a class first. Times are UTC microseconds, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from redshank.clock import US_PER_S
from redshank.model import Hold, KeepClass, Segment

DAY_US = 86_400 * US_PER_S
FOREVER = 1 << 62
"""A time that does not come; fits a 64-bit column."""
RANK = {klass: rank for rank, klass in enumerate(KeepClass)}
"""What goes first has the lowest."""

SHARE = 0.2
"""Of all files: one plan that lets go of more is asked about."""
TIMES_NORMAL = 2.0
"""Days' worth of files at the normal rate: the same."""
FEW = 10
"""Files, up to which nothing is asked: of ten files a fifth is two."""

Key = tuple[str, str, int]
"""(camera, stream, seq) of a segment."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long the footage of one camera stays. `None` days: for ever."""

    days: Mapping[KeepClass, float | None] = field(default_factory=dict)
    """By class; one that is missing stays for ever."""
    max_days: float | None = None
    """Nobody may exceed it; only holds stand above it."""
    quota: int | None = None
    """Most bytes of all its streams."""
    pre_us: int = 5 * US_PER_S
    post_us: int = 5 * US_PER_S
    """What belongs to an event before it began and after it ended."""

    def kept_days(self, klass: KeepClass) -> float | None:
        """A higher class is footage of the lower ones too, so it never stays shorter than they do."""
        days = [self.days.get(lower) for lower in KeepClass if RANK[lower] <= RANK[klass]]
        known = [limit for limit in days if limit is not None]
        limits = [max(known)] if len(known) == len(days) else []
        return min([*limits, self.max_days] if self.max_days is not None else limits, default=None)

    @property
    def by_class(self) -> dict[KeepClass, float | None]:
        """`kept_days` of each."""
        return {klass: self.kept_days(klass) for klass in KeepClass}


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy of every camera."""

    policies: Mapping[str, Policy]
    default: Policy | None = None
    """For footage of cameras that are not configured any more; None: it stays until its room is needed."""

    def of(self, camera: str) -> Policy | None:
        return self.policies.get(camera, self.default)


@dataclass(frozen=True, slots=True)
class Footage:
    """A segment as retention sees it."""

    segment: Segment
    klass: KeepClass
    held: bool = False
    busy: bool = False
    """Still being written, or being copied somewhere."""

    @property
    def key(self) -> Key:
        return (self.segment.camera, self.segment.stream, self.segment.seq)

    @property
    def free(self) -> bool:
        """Whether it may go at all."""
        return not self.held and not self.busy


def is_held(segment: Segment, holds: Iterable[Hold]) -> bool:
    """Whether a hold covers any of it."""
    return any(
        hold.camera in ("", segment.camera) and hold.start < segment.end and segment.start < hold.end for hold in holds
    )


def expires(footage: Footage, rules: Rules) -> int:
    """When its age lets it go; FOREVER when nothing ever does."""
    policy = rules.of(footage.segment.camera)
    days = policy.kept_days(footage.klass) if policy is not None else None
    return FOREVER if days is None else min(FOREVER, footage.segment.end + round(days * DAY_US))


def aged(footage: Iterable[Footage], rules: Rules, now: int) -> list[Footage]:
    """What its age lets go now, as it came."""
    return [one for one in footage if one.free and expires(one, rules) <= now]


def order(one: Footage) -> tuple[int, int, Key]:
    """Sorts by what goes first."""
    return (RANK[one.klass], one.segment.start, one.key)


def choose(footage: Iterable[Footage], need: int) -> list[Footage]:
    """As little as frees `need` bytes, in the order in which things go; all that may go when that is not enough."""
    chosen: list[Footage] = []
    freed = 0
    for one in sorted((one for one in footage if one.free), key=order):
        if freed >= need:
            break
        chosen.append(one)
        freed += one.segment.size
    return chosen


def normal_rate(let_go: Sequence[int], recorded_per_day: float) -> float:
    """Files a day: what went on each of the last days, or what comes in, whichever is more. 0: nothing is known yet.

    What comes in counts because sooner or later as much goes: the first day that reaches its age is nothing unusual.
    """
    return max(sum(let_go) / len(let_go) if let_go else 0.0, recorded_per_day)


def allowance(files: int, normal: float, days: float = 1.0, lately: int = 0) -> int:
    """How many of so many files one plan may let go without asking.

    normal: files a day (`normal_rate`), 0: unknown. days: since retention was last at work. lately: files that went within the last
    day already, where many small plans count as one large one.
    """
    most = max(FEW, int(SHARE * files))
    if normal:
        most = min(most, max(FEW, int(TIMES_NORMAL * normal * max(1.0, days))) - lately)
    return max(0, most)


def brake(planned: int, files: int, normal: float, days: float = 1.0, lately: int = 0) -> str:
    """Why a plan that lets go of so many files has to be asked about; empty when it need not be. See `allowance`."""
    most = allowance(files, normal, days, lately)
    if planned <= most:
        return ""
    words = f"more than {most + lately} of {files} files would go at once"
    return f"{words}, normal are {normal:.0f} a day" if normal else words
