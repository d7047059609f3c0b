"""Whether the wanted days fit into the room there is: "needs 3.1 TB, you have 2.0 TB; full in 9 days". Pure.

Footage is a flow: so many bytes a day of each class, each byte staying for its class's days. In the long run rate x days lies there.
When that is more than there is, plain footage goes early, then motion, detections, alerts, as in `retain`. Sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redshank.model import KeepClass

YEAR = 365.0
"""Days counted for what stays for ever: nobody plans a disk further."""
DAY_S = 86_400
ASSUMED_BITS = {"main": 4_000_000, "sub": 500_000}
"""Bits per second of a stream that was never seen: a 1080p and a 360p camera at their makers' settings."""
ASSUMED_SHARES = {
    KeepClass.CONTINUOUS: 0.70,
    KeepClass.MOTION: 0.20,
    KeepClass.DETECTION: 0.07,
    KeepClass.ALERT: 0.03,
}
"""Of the bytes of a camera nobody has recorded yet: a guess, replaced by what is measured after the first day."""
RECORDED = {
    "continuous": tuple(KeepClass),
    "motion": (KeepClass.MOTION, KeepClass.DETECTION, KeepClass.ALERT),
    "alert": (KeepClass.ALERT,),
    "off": (),
}
"""Classes that exist in each mode of recording."""
PEOPLE_SAY = {
    KeepClass.CONTINUOUS: "plain footage",
    KeepClass.MOTION: "footage with motion",
    KeepClass.DETECTION: "footage with detections",
    KeepClass.ALERT: "footage of alerts",
}


@dataclass(frozen=True, slots=True)
class Load:
    """What one camera brings."""

    camera: str
    per_day: Mapping[KeepClass, float]
    """Bytes a day of each class, all streams together."""
    days: Mapping[KeepClass, float | None]
    """How long each class stays; None: for ever."""
    quota: int | None = None
    """Most bytes of it."""
    used: int = 0
    """Bytes that lie there now."""
    age_days: float = 0.0
    """Of its oldest footage."""
    measured: bool = False
    """False when the rates are assumed."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`needed` against `available`, and what follows."""

    needed: int
    """In the long run; what stays for ever is counted for a year."""
    available: int
    """Room for footage, what lies there included."""
    full_in_days: float | None
    """None: never; 0: it is."""
    kept_days: Mapping[KeepClass, float]
    """How long the footage of each class really stays, of the camera that keeps it longest."""
    wanted_days: Mapping[KeepClass, float]
    measured: bool = False
    endless: bool = False
    """Something stays for ever."""

    @property
    def enough(self) -> bool:
        return self.needed <= self.available

    @property
    def sentence(self) -> str:
        """For people."""
        if not self.wanted_days:
            return "nothing is recorded"
        needs = f"needs {size(self.needed)}{' in a year' if self.endless else ''}, you have {size(self.available)}"
        needs += "" if self.measured else " (assumed, not measured yet)"
        if self.enough:
            return f"{needs}: everything stays as long as wanted"
        first = next(k for k in KeepClass if k in self.wanted_days and self.kept_days[k] < self.wanted_days[k])
        full = "never full" if self.full_in_days is None else when_full(self.full_in_days)
        kept, wanted = self.kept_days[first], self.wanted_days[first]
        return f"{needs}; {full}; the oldest {PEOPLE_SAY[first]} will be {age(kept)} old instead of {age(wanted)}"


@dataclass(frozen=True, slots=True)
class _Flow:
    klass: KeepClass
    rate: float
    """Bytes a day."""
    days: float
    age: float
    """Days for which it has been flowing."""

    def grown(self, days: float) -> float:
        """Bytes more than now after so many days."""
        return self.rate * (min(self.age + days, self.days) - min(self.age, self.days))


def forecast(loads: Sequence[Load], available: int) -> Forecast:
    """Of cameras that share `available` bytes (what they use now included). A camera's own quota limits it before that."""
    flows = [flow for load in loads for flow in _within_quota(load)]
    unlimited = [flow for load in loads for flow in _flows(load)]
    wanted = {flow.klass: max(f.days for f in unlimited if f.klass is flow.klass) for flow in unlimited}
    endless = any(load.days.get(klass) is None for load in loads for klass in load.per_day)
    return Forecast(
        needed=round(sum(flow.rate * flow.days for flow in flows)),
        available=available,
        full_in_days=_full_in(flows, available - sum(load.used for load in loads)),
        kept_days=_kept(flows, available),
        wanted_days=wanted,
        measured=bool(loads) and all(load.measured for load in loads),
        endless=endless,
    )


def assumed(
    camera: str,
    mode: str,
    bits: Mapping[str, int | None],
    days: Mapping[KeepClass, float | None],
    quota: int | None = None,
) -> Load:
    """A camera of which only the configuration is known. `bits`: per stream that is recorded, its bits per second, None when unknown.

    `mode`: continuous, motion, alert or off. days, quota: as in `Load`.
    """
    rate = sum(value or ASSUMED_BITS.get(stream, ASSUMED_BITS["main"]) for stream, value in bits.items())
    per_day = {klass: rate / 8 * DAY_S * ASSUMED_SHARES[klass] for klass in RECORDED[mode]}
    return Load(camera, per_day, days, quota)


def _flows(load: Load) -> list[_Flow]:
    """Of every class that brings anything."""
    found = []
    for klass, rate in load.per_day.items():
        days = load.days.get(klass)
        if rate > 0:
            found.append(_Flow(klass, rate, YEAR if days is None else min(days, YEAR), load.age_days))
    return found


def _within_quota(load: Load) -> list[_Flow]:
    flows = _flows(load)
    if load.quota is None:
        return flows
    kept = _kept(flows, load.quota)
    return [_Flow(flow.klass, flow.rate, min(flow.days, kept[flow.klass]), flow.age) for flow in flows]


def _kept(flows: Sequence[_Flow], available: float) -> dict[KeepClass, float]:
    """Days each class really stays: alerts get their room first, plain footage what is left."""
    kept: dict[KeepClass, float] = {}
    for klass in reversed(KeepClass):
        mine = [flow for flow in flows if flow.klass is klass]
        if not mine:
            continue
        kept[klass] = _age_that_fits(mine, max(0.0, available))
        available -= sum(flow.rate * min(flow.days, kept[klass]) for flow in mine)
    return kept


def _age_that_fits(flows: Sequence[_Flow], room: float) -> float:
    """The age at which the footage of these flows, let go oldest first, fills `room` exactly; their longest days when all fits."""
    age = 0.0
    for limit in sorted({flow.days for flow in flows}):
        rate = sum(flow.rate for flow in flows if flow.days >= limit)
        step = rate * (limit - age)
        if step > room:
            return age + room / rate
        room -= step
        age = limit
    return age


def _full_in(flows: Sequence[_Flow], room: float) -> float | None:
    """Days until `room` more bytes have come, less what its age lets go meanwhile."""
    if room <= 0:
        return 0.0
    before, day = 0.0, 0.0
    for turn in sorted({flow.days - flow.age for flow in flows if flow.days > flow.age}):
        grown = sum(flow.grown(turn) for flow in flows)
        if grown >= room:
            return day + (turn - day) * (room - before) / (grown - before)
        before, day = grown, turn
    return None


def when_full(days: float) -> str:
    return "full now" if days < 1 / 1440 else f"full in {age(days)}"


def age(days: float) -> str:
    """In words a person says: 9 days, 36 hours, 5 minutes."""
    for value, unit in ((days, "day"), (days * 24, "hour"), (days * 1440, "minute")):
        if value >= (2 if unit == "day" else 1):
            number = f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")
            return f"{number} {unit}{'' if number == '1' else 's'}"
    return "0 minutes"


def size(number: float) -> str:
    """Bytes for people, in the decimal units disks are sold in."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" or abs(number) >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
