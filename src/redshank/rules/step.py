"""The pure core: `step(rule, state, observation) -> (state, verdicts)`.

An alert opens at the look where every condition holds for the first time, changes when there is something better to show, and
closes with its object. Verdicts returned are those worth keeping: the first on each object, every change of what is met,
whatever fires, and the last one before the object is gone; never one per picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from redshank.clock import US_PER_S
from redshank.geometry import iou
from redshank.model import Box, Condition, Observation, Track, TrackState, Verdict
from redshank.rules.condition import CONDITIONS, Look, best
from redshank.rules.motion import Burst, step_motion
from redshank.rules.rule import Rule
from redshank.rules.state import RuleState, Watch
from redshank.rules.zone import counted, look

RECENT = 5
"""Looks whose best score is "recent"."""
BETTER = 0.1
"""A score so much higher is worth a change of the alert."""
LEFT = 0.5
"""What stood there has moved away when its box overlaps its place less (IoU)."""
KEPT = 20
"""Verdicts kept of one object that changes to and fro; the opening and the last one are always kept."""
MOTION_LOOKS = 2
MINUTE = 60 * US_PER_S


def step(rule: Rule, state: RuleState, observation: Observation) -> tuple[RuleState, tuple[Verdict, ...]]:
    """Hold the rule against one observation of one camera, the next in order. State is kept per (rule, camera).

    Tracks still NEW are not judged. Times come from the observation.
    """
    if not rule.applies(observation.camera):
        return state, ()
    state = _forget(state, observation.time)
    if rule.on == "motion":
        return _step_motion(rule, state, observation)
    watches = dict(state.watches)
    verdicts: list[Verdict] = []
    for track in observation.tracks:
        if track.state is TrackState.NEW or (track.state is TrackState.ENDED and track.id not in watches):
            continue
        watch = watches.get(track.id) or _first(track)
        if track.seen and track.state is not TrackState.ENDED:
            watch = _see(rule, watch, observation, track)
        if track.state is TrackState.ENDED:
            verdicts.append(_last(Look(rule, observation.camera, track, watch), observation.time))
            watches.pop(track.id)
            continue
        if track.seen or watch.kept == 0:
            state, watch, verdict = _judge(Look(rule, observation.camera, track, watch), state, observation.time)
            verdicts += [] if verdict is None else [verdict]
        watches[track.id] = watch
    return replace(state, watches=watches), tuple(verdicts)


def fits(rule: Rule, state: RuleState) -> bool:
    """Whether this may be its state: a rule that was about objects and is about motion now, or the other way, knows nothing."""
    return not state.watches if rule.on == "motion" else state.burst is None


def _first(track: Track) -> Watch:
    return Watch(rest=track.box if track.state is TrackState.STATIONARY else None)


def _see(rule: Rule, watch: Watch, seen: Observation, track: Track) -> Watch:
    """The watch after one more look at the object."""
    rest = watch.rest
    if rest is not None and track.state is TrackState.ACTIVE and iou(rest, track.box) < LEFT:
        rest = None
    polygons, only = rule.polygons.get(seen.camera, {}), rule.zone_labels.get(seen.camera, {})
    return replace(
        watch,
        inside=look(watch.inside, polygons, only, track, seen.time),
        rest=rest,
        recent=(*watch.recent, track.score)[-RECENT:],
    )


def _judge(seen: Look, state: RuleState, time: int) -> tuple[RuleState, Watch, Verdict | None]:
    """One look at a live object: it fires, changes an alert, or is only explained."""
    watch = seen.watch
    conditions = tuple(condition(seen) for condition in CONDITIONS)
    met = sum(1 << i for i, condition in enumerate(conditions) if condition.met)
    change: Literal["open", "update", "none"] = "none"
    if watch.fired:
        change = "update" if watch.kept < KEPT and _is_better(seen) else "none"
    elif all(condition.met for condition in conditions):
        state, change, rate = _open(seen.rule, state, time)
        conditions = (*conditions, rate)
    if change == "none" and (watch.fired or met == watch.met or watch.kept >= KEPT):
        return state, watch, None
    watch = replace(watch, met=met, kept=watch.kept + 1)
    if change != "none":
        watch = replace(watch, fired=True, score=best(seen), label=seen.track.label, zones=_so_far(seen))
    return state, watch, _verdict(replace(seen, watch=watch), time, conditions, change)


def _is_better(seen: Look) -> bool:
    """Whether an alert that is open has something better to show: a wanted zone, a surer score, another wanted label."""
    rule, watch, track = seen.rule, seen.watch, seen.track
    zones = [name for name in counted(watch.inside, rule.inertia) if not rule.zones or name in rule.zones]
    if any(name not in watch.zones for name in zones) or best(seen) >= watch.score + BETTER:
        return True
    return track.label != watch.label and (not rule.labels or track.label in rule.labels)


def _so_far(seen: Look) -> tuple[str, ...]:
    inside = counted(seen.watch.inside, seen.rule.inertia)
    return (*seen.watch.zones, *(name for name in inside if name not in seen.watch.zones))


def _open(rule: Rule, state: RuleState, time: int) -> tuple[RuleState, Literal["open", "update"], Condition]:
    """Whether the limit of the last minute lets one more alert open; if not, the trigger joins the newest."""
    limit = max(1, rule.max_per_minute)
    wanted = f"<= {limit} a minute"
    if len(state.opened) < limit:
        opened = (*state.opened, time)
        return replace(state, opened=opened, over=0), "open", Condition("rate", wanted, str(len(opened)), True)
    got = f"{len(state.opened) + state.over + 1}: joins the newest alert"
    return replace(state, over=state.over + 1), "update", Condition("rate", wanted, got, False)


def _forget(state: RuleState, time: int) -> RuleState:
    """Without what was opened more than a minute ago (or lies in the future, after a clock was set back)."""
    if not state.opened or (time - MINUTE < state.opened[0] and state.opened[-1] <= time):
        return state
    opened = tuple(at for at in state.opened if time - MINUTE < at <= time)
    return replace(state, opened=opened)


def _last(seen: Look, time: int) -> Verdict:
    """The object is gone: its alert closes, or the last word on why there was none."""
    conditions = [condition(seen) for condition in CONDITIONS]
    gone_s = max(0, time - seen.track.last_seen) / US_PER_S
    conditions.append(Condition("present", "in the picture", f"gone, last seen {gone_s:.1f} s ago", False))
    return _verdict(seen, time, conditions, "close" if seen.watch.fired else "none")


def _verdict(
    seen: Look, time: int, conditions: Sequence[Condition], change: Literal["open", "update", "close", "none"]
) -> Verdict:
    track = seen.track
    return Verdict(
        rule=seen.rule.name,
        camera=seen.camera,
        time=time,
        fired=change != "none",
        conditions=tuple(conditions),
        track=track.id,
        label=track.label,
        score=best(seen),
        box=track.box,
        zones=counted(seen.watch.inside, seen.rule.inertia),
        change=change,
    )


def _step_motion(rule: Rule, state: RuleState, seen: Observation) -> tuple[RuleState, tuple[Verdict, ...]]:
    """Plain motion: opens once it was believed and lasted long enough, closes after the gap."""
    burst, ended = step_motion(state.burst, seen, rule.min_motion, rule.gap_s, MOTION_LOOKS)
    verdicts: list[Verdict] = []
    watch = state.moving or Watch()
    if ended and state.burst is not None:
        verdicts.append(_of_motion(rule, seen, state.burst, "close" if watch.fired else "none"))
        watch = Watch()
    elif burst is None:
        watch = Watch()
    if burst is not None and burst.looks >= MOTION_LOOKS and not watch.fired:
        met = burst.last - burst.start >= rule.min_time_s * US_PER_S
        if met:
            state, change, rate = _open(rule, state, seen.time)
            verdicts.append(_of_motion(rule, seen, burst, change, rate))
        elif watch.kept == 0:
            verdicts.append(_of_motion(rule, seen, burst, "none"))
        watch = replace(watch, fired=met, kept=watch.kept + 1)
    return replace(state, burst=burst, moving=None if burst is None else watch), tuple(verdicts)


def _of_motion(
    rule: Rule, seen: Observation, burst: Burst, change: Literal["open", "update", "close", "none"], *more: Condition
) -> Verdict:
    lasted_s = (burst.last - burst.start) / US_PER_S
    least = f">= {rule.min_motion:.2%}" if rule.min_motion else "any"
    conditions = (
        Condition("motion", least, f"{burst.peak:.2%} of the picture", True),
        Condition("min_time", f">= {rule.min_time_s:g} s", f"{lasted_s:.1f} s", lasted_s >= rule.min_time_s),
        *more,
    )
    box: Box | None = burst.box
    return Verdict(
        rule.name,
        seen.camera,
        seen.time,
        change != "none",
        conditions,
        label="motion",
        score=1.0,
        box=box,
        change=change,
    )
