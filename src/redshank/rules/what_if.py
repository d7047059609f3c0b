"""What a rule would say of an object in a single picture. Pure: the rule itself is asked, about an observation that never was.

One picture cannot tell how long something stays or whether it has just come: those conditions are left open, not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from redshank.model import Condition, Detection, Observation, Track, TrackState
from redshank.rules.filter import ObjectFilter
from redshank.rules.rule import Rule
from redshank.rules.state import RuleState
from redshank.rules.step import step

OPEN = "one picture cannot tell"


@dataclass(frozen=True, slots=True)
class Followed:
    """What a camera makes tracks of."""

    labels: tuple[str, ...]
    min_score: float
    filters: Mapping[str, ObjectFilter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Supposed:
    """One condition."""

    name: str
    wanted: str
    got: str
    met: bool | None
    """None: it takes time to tell."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the rule would say of one object."""

    conditions: tuple[Supposed, ...]

    @property
    def fires(self) -> bool:
        """When what takes time comes true as well."""
        return all(one.met is not False for one in self.conditions)


def suppose(rule: Rule, camera: str, seen: Detection, followed: Followed, aspect: float) -> Expected:
    """One object of a picture of that camera, whose width by height is `aspect`; zones are those of the rule's polygons."""
    said = [] if rule.enabled else [Supposed("enabled", "switched on", "switched off", False)]
    if rule.cameras:
        said.append(Supposed("camera", " or ".join(rule.cameras), camera or "none", camera in rule.cameras))
    if rule.on == "motion":
        least = f">= {rule.min_motion:.2%}" if rule.min_motion else "any"
        return Expected((*said, Supposed("motion", least, "a picture does not move", False)))
    said.append(_followed(seen, followed, aspect))
    return Expected((*said, *(_supposed(rule, one) for one in _asked(rule, camera, seen) if one.name != "rate")))


def _asked(rule: Rule, camera: str, seen: Detection) -> tuple[Condition, ...]:
    track = Track(
        id="one", number=1, label=seen.label, state=TrackState.ACTIVE, box=seen.box, score=seen.score, top_score=seen.score,
        top_time=0, start=0, last_seen=0, seen=True, hits=1,
    )  # fmt: skip
    # Every look it wants, at once: how long that takes is what a picture cannot tell.
    asked = replace(rule, enabled=True, cameras=(), inertia=1)
    observation = Observation(camera, "main", 0, 1, 0, (track,), (seen,), detected=True)
    _state, verdicts = step(asked, RuleState(), observation)
    return verdicts[0].conditions


def _supposed(rule: Rule, one: Condition) -> Supposed:
    if one.name == "state" or (one.name == "min_time" and rule.min_time_s > 0):
        return Supposed(one.name, one.wanted, OPEN, None)
    return Supposed(one.name, one.wanted, one.got, one.met)


def _followed(seen: Detection, followed: Followed, aspect: float) -> Supposed:
    """Before any rule: whether the camera would follow such an object at all."""
    wanted = f"{' or '.join(followed.labels) or 'nothing'}, score >= {followed.min_score:.2f}"
    filter = followed.filters.get(seen.label)
    fits = filter is None or filter.passes(seen, aspect)
    met = seen.label in followed.labels and seen.score >= followed.min_score and fits
    got = f"{seen.label} {seen.score:.2f}" + ("" if fits else ", left out by its filter (score, size or shape)")
    return Supposed("followed", wanted, got, met)
