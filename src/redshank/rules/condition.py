"""The conditions of an object rule: one small pure function each. A later type is one more function in CONDITIONS.

Each says what was wanted and what was got also when the rule does not care, so that a verdict reads the same for every rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redshank.clock import US_PER_S
from redshank.model import Condition, Track
from redshank.rules.rule import Rule
from redshank.rules.state import Watch
from redshank.rules.zone import counted


@dataclass(frozen=True, slots=True)
class Look:
    """One object as a rule sees it now."""

    rule: Rule
    camera: str
    track: Track
    watch: Watch
    """Including this look."""


def label(look: Look) -> Condition:
    wanted = look.rule.labels
    return Condition("label", _any_of(wanted), look.track.label, not wanted or look.track.label in wanted)


def zone(look: Look) -> Condition:
    """Counted as inside one of the rule's zones for `inertia` looks without a break."""
    rule, stays = look.rule, look.watch.inside
    inside = counted(stays, rule.inertia)
    if not rule.zones:
        return Condition("zone", "anywhere", ", ".join(inside) or "no zone", True)
    if not any(name in rule.polygons.get(look.camera, {}) for name in rule.zones):
        return Condition("zone", _any_of(rule.zones), "no such zone on this camera", False)
    got = [f"{one.zone} ({one.looks} of {rule.inertia} looks)" if one.zone not in inside else one.zone for one in stays]
    met = any(name in inside for name in rule.zones)
    return Condition("zone", _any_of(rule.zones), ", ".join(got) or "outside", met)


def score(look: Look) -> Condition:
    got = best(look)
    return Condition("score", f">= {look.rule.min_score:.2f}", f"{got:.2f}", got >= look.rule.min_score)


def best(look: Look) -> float:
    """The score the rule goes by."""
    return max(look.watch.recent, default=0.0) if look.rule.score_of == "recent" else look.track.top_score


def min_time(look: Look) -> Condition:
    """Time between the first and the last look inside the zone, or in the picture; a look in between that missed it counts."""
    rule, track = look.rule, look.track
    since = [one.since for one in look.watch.inside if one.zone in rule.zones] if rule.zones else [track.start]
    stayed_s = max([0, *(track.last_seen - start for start in since)]) / US_PER_S
    return Condition("min_time", f">= {rule.min_time_s:g} s", f"{stayed_s:.1f} s", stayed_s >= rule.min_time_s)


def arrival(look: Look) -> Condition:
    """A change, not presence: what was already standing there when first seen never fires until it moves away."""
    there = look.watch.rest is not None
    return Condition(
        "state", "arrived or moving", "was already there, still" if there else look.track.state.value, not there
    )


CONDITIONS: tuple[Callable[[Look], Condition], ...] = (label, zone, score, min_time, arrival)


def _any_of(names: tuple[str, ...]) -> str:
    return " or ".join(names) or "any"
