"""How full the volumes are and how long it lasts, for the keeper's status, the API and `redshank storage`. Pure but for `space`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redshank.clock import US_PER_S, rfc3339
from redshank.disk import Disk, Space
from redshank.forecast import Forecast, Load, forecast
from redshank.retain import DAY_US, Rules
from redshank.store.recordings import Total

Totals = Mapping[tuple[str, str, str], Total]
"""By (camera, stream, volume)."""

GIB = 1 << 30
INPUT_S = 300
"""The default reserve is what comes in meanwhile, or 1 GiB when that is more; never above a quarter of the volume."""
AHEAD_S = 40
"""When room is made, for so much input ahead, at most a tenth of the reserve: a deletion costs the disk some writes."""
MINUTE_US = 60 * US_PER_S


@dataclass(frozen=True, slots=True)
class Kept:
    """One volume."""

    id: str
    name: str
    """As its user calls it."""
    disk: Disk
    reserve: int | None = None
    """Bytes that stay free; None: the default."""
    trouble: Callable[[], str] = lambda: ""
    """Why it must not be touched now (missing, swapped, read-only), as `volume.still_there` left it in `disk.trouble`; empty when it is
    well. Any thread."""

    def reserved(self, space: Space, rate: float) -> int:
        """Bytes that stay free, at `rate` bytes a second."""
        return self.reserve if self.reserve is not None else min(max(GIB, round(INPUT_S * rate)), space.total // 4)

    def ahead(self, reserve: int, rate: float) -> int:
        """What is freed beyond the reserve when something has to be freed."""
        return round(min(AHEAD_S * rate, reserve / 10))


def average_rate(volume: str, totals: Totals) -> float:
    """Bytes a second that came in over all the time of which footage lies there."""
    return sum(
        total.bytes * US_PER_S / (total.last - total.first)
        for key, total in totals.items()
        if key[2] == volume and total.last - total.first >= MINUTE_US
    )


def report(
    spaces: Sequence[tuple[Kept, Space, int]], totals: Totals, rules: Rules, found: Sequence[Load]
) -> dict[str, Any]:
    """Volumes and cameras, as JSON. `spaces`: each volume with its space and what stays free of it; `found`: `shelf.loads`."""
    names = {kept.id: kept.name for kept, _space, _reserve in spaces}
    used = {camera: sum(t.bytes for key, t in totals.items() if key[0] == camera) for camera in cameras(totals)}
    now = [replace(load, used=used.get(load.camera, 0)) for load in found]
    homes = {camera: _home(camera, totals) for camera in used}
    return {
        "volumes": [
            _volume(one, totals, [load for load in now if homes.get(load.camera) == one[0].id]) for one in spaces
        ],
        "cameras": [
            {**_camera(camera, totals, rules, now), "volume": names.get(homes[camera], homes[camera])}
            for camera in used
        ],
    }


def cameras(totals: Totals) -> list[str]:
    """Of which there is footage, in order."""
    return sorted({camera for camera, _stream, _volume in totals})


def _volume(one: tuple[Kept, Space, int], totals: Totals, mine: Sequence[Load]) -> dict[str, Any]:
    kept, space, reserve = one
    used = sum(total.bytes for key, total in totals.items() if key[2] == kept.id)
    return {
        "volume": kept.name,
        "id": kept.id,
        "total": space.total,
        "free": space.free,
        "reserve": reserve,
        "bytes": used,
        "files": sum(total.files for key, total in totals.items() if key[2] == kept.id),
        "percent": percent(space, reserve),
        "forecast": as_json(forecast(mine, max(0, used + space.free - reserve))) if mine else None,
    }


def _camera(camera: str, totals: Totals, rules: Rules, found: Sequence[Load]) -> dict[str, Any]:
    mine = [total for key, total in totals.items() if key[0] == camera]
    first, last = min(total.first for total in mine), max(total.last for total in mine)
    policy = rules.of(camera)
    quota = policy.quota if policy is not None else None
    load = next((load for load in found if load.camera == camera), None)
    return {
        "camera": camera,
        "bytes": sum(total.bytes for total in mine),
        "files": sum(total.files for total in mine),
        "quota": quota,
        "oldest": rfc3339(first),
        "newest": rfc3339(last),
        "days": round((last - first) / DAY_US, 3),
        "bytes_per_day": round(sum(load.per_day.values())) if load is not None else None,
        "forecast": as_json(forecast([load], quota)) if load is not None and quota is not None else None,
    }


def _home(camera: str, totals: Totals) -> str:
    """The volume its newest footage is on."""
    return max((total.last, key[2]) for key, total in totals.items() if key[0] == camera)[1]


def percent(space: Space, reserve: int) -> float:
    """How much of the room that may be used is in use, by whomever."""
    return round(100 * (space.total - space.free) / max(1, space.total - reserve), 1)


def as_json(found: Forecast) -> dict[str, Any]:
    return {
        "needed": found.needed,
        "available": found.available,
        "enough": found.enough,
        "full_in_days": found.full_in_days,
        "kept_days": {klass.value: round(days, 2) for klass, days in found.kept_days.items()},
        "wanted_days": {klass.value: round(days, 2) for klass, days in found.wanted_days.items()},
        "measured": found.measured,
        "sentence": found.sentence,
    }
