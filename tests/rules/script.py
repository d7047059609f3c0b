"""Scripted tracks: what vision would have said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from redshank.clock import US_PER_S
from redshank.model import Box, Observation, Track, TrackState, Verdict
from redshank.rules.rule import Rule
from redshank.rules.state import RuleState
from redshank.rules.step import step

START = 1_800_000_000 * US_PER_S
LOOK_US = 200_000
"""Five looks a second."""
GARDEN = ((0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0))
"""The lower left quarter of the picture."""


def at(look: float) -> int:
    return START + round(look * LOOK_US)


def box_at(x: float, y: float, width: float = 0.1, height: float = 0.3) -> Box:
    """An object whose bottom-centre is at (x, y)."""
    return Box(x - width / 2, y - height, x + width / 2, y)


def track(
    id: str = "t1",
    look: float = 0,
    *,
    label: str = "person",
    score: float = 0.8,
    box: Box | None = None,
    state: TrackState = TrackState.ACTIVE,
    seen: bool = True,
    start: float = 0,
) -> Track:
    """A track as it stands at one look; its best score is this one's."""
    place = box or box_at(0.8, 0.4)
    time, begin = at(look), at(start)
    return Track(id, 1, label, state, place, score, score, time, begin, time, seen, int(look - start) + 1)


def observe(look: float, *tracks: Track, camera: str = "door", epoch: int = 1, motion: float = 0.0) -> Observation:
    return Observation(camera, "sub", epoch, round(look * 10), at(look), tracks, motion=motion, detected=True)


def ended(one: Track, look: float) -> Track:
    """The same track, gone at this look."""
    return replace(one, state=TrackState.ENDED, seen=False, last_seen=min(one.last_seen, at(look)))


def run(
    rule: Rule, observations: Iterable[Observation], state: RuleState | None = None
) -> tuple[RuleState, list[Verdict]]:
    """Step the rule over a script."""
    state = state or RuleState()
    found: list[Verdict] = []
    for one in observations:
        state, verdicts = step(rule, state, one)
        found += verdicts
    return state, found


def changes(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """(change, track) of those that fired."""
    return [(one.change, one.track) for one in verdicts if one.fired]


def unmet(verdict: Verdict) -> list[str]:
    return [condition.name for condition in verdict.conditions if not condition.met]
