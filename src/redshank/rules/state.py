"""What a rule remembers of one camera, and its JSON. Frozen: `step` returns a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redshank.model import Box
from redshank.rules.motion import Burst
from redshank.rules.zone import Inside


@dataclass(frozen=True, slots=True)
class Watch:
    """What one rule knows of one object."""

    inside: tuple[Inside, ...] = ()
    rest: Box | None = None
    """Where it stood when first seen, if it did not arrive but was already there; None once it has moved away."""
    recent: tuple[float, ...] = ()
    """Scores of the last looks."""
    met: int = -1
    """Bit per condition, of the verdict kept last; -1 = none yet."""
    kept: int = 0
    """Verdicts kept so far."""
    fired: bool = False
    score: float = 0.0
    """Told with the last change of the alert, and so are:"""
    label: str = ""
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleState:
    """Of one rule on one camera."""

    watches: Mapping[str, Watch] = field(default_factory=dict)
    """By the id of a live object."""
    opened: tuple[int, ...] = ()
    """When alerts were opened in the last minute, at most `max_per_minute`."""
    over: int = 0
    """Triggers above the limit since an alert last opened."""
    burst: Burst | None = None
    moving: Watch | None = None
    """A motion rule's watch on `burst`."""


def to_json(state: RuleState) -> dict[str, Any]:
    """Lists, text and numbers only."""
    return {
        "watches": {id: _watch_out(watch) for id, watch in state.watches.items()},
        "opened": list(state.opened),
        "over": state.over,
        "burst": burst_out(state.burst),
        "moving": None if state.moving is None else _watch_out(state.moving),
    }


def from_json(value: Mapping[str, Any]) -> RuleState:
    """The inverse of `to_json`."""
    return RuleState(
        {id: _watch_in(watch) for id, watch in value["watches"].items()},
        tuple(value["opened"]),
        value["over"],
        burst_in(value["burst"]),
        None if value["moving"] is None else _watch_in(value["moving"]),
    )


def box_out(box: Box | None) -> list[float] | None:
    return None if box is None else [box.x1, box.y1, box.x2, box.y2]


def box_in(value: Any) -> Box | None:
    return None if value is None else Box(*value)


def inside_out(stay: tuple[Inside, ...]) -> list[list[Any]]:
    return [[one.zone, one.looks, one.since] for one in stay]


def inside_in(value: Any) -> tuple[Inside, ...]:
    return tuple(Inside(*one) for one in value)


def burst_out(burst: Burst | None) -> list[Any] | None:
    if burst is None:
        return None
    return [burst.start, burst.last, burst.looks, burst.peak, burst.peak_time, box_out(burst.box)]


def burst_in(value: Any) -> Burst | None:
    if value is None:
        return None
    start, last, looks, peak, peak_time, box = value
    return Burst(start, last, looks, peak, peak_time, box_in(box))


def _watch_out(watch: Watch) -> dict[str, Any]:
    return {
        "inside": inside_out(watch.inside),
        "rest": box_out(watch.rest),
        "recent": list(watch.recent),
        "met": watch.met,
        "kept": watch.kept,
        "fired": watch.fired,
        "score": watch.score,
        "label": watch.label,
        "zones": list(watch.zones),
    }


def _watch_in(value: Mapping[str, Any]) -> Watch:
    return Watch(
        inside=inside_in(value["inside"]),
        rest=box_in(value["rest"]),
        recent=tuple(value["recent"]),
        met=value["met"],
        kept=value["kept"],
        fired=value["fired"],
        score=value["score"],
        label=value["label"],
        zones=tuple(value["zones"]),
    )
