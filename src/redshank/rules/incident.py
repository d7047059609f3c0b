"""From verdicts to alerts: an incident is an alert with what keeps it open. Pure, one tuple per (rule, camera)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from redshank.model import Alert, Verdict
from redshank.rules.rule import Rule

Kind = Literal["open", "update", "close", "count"]
MOST_TRACKS = 100
"""Ids kept in an alert; further ones are counted only."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An open alert, or the newest closed one, which further triggers above the rate limit join."""

    alert: Alert
    live: frozenset[str] = frozenset()
    """Objects still there; "" stands for motion."""
    grouped: int = 0
    """Further triggers put into it by the rate limit."""
    reason: str = ""
    """Why it closed."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one verdict did."""

    incident: Incident
    kind: Kind
    """count: kept but not told, because only something about grouped triggers changed. Their number
    is told each time it has doubled."""


def fold(
    rule: Rule, incidents: tuple[Incident, ...], verdict: Verdict, why: str, new_id: Callable[[int], str]
) -> tuple[tuple[Incident, ...], Change | None]:
    """The incidents after a verdict that fired; `why` an object ended. The newest is last and is kept also when closed."""
    match verdict.change:
        case "open":
            opened = Incident(_alert(rule, verdict, new_id(verdict.time)), frozenset({verdict.track}))
            return (*(one for one in incidents if one.live), opened), Change(opened, "open")
        case "update":
            return _update(incidents, verdict)
        case "close":
            return _close(incidents, verdict, why)
        case _:
            return incidents, None


def _alert(rule: Rule, verdict: Verdict, id: str) -> Alert:
    return Alert(
        id=id,
        rule=rule.name,
        camera=verdict.camera,
        state="open",
        opened=verdict.time,
        updated=verdict.time,
        closed=None,
        label=verdict.label,
        score=verdict.score,
        box=verdict.box,
        tracks=(verdict.track,) if verdict.track else (),
        zones=verdict.zones,
        severity=rule.severity,
        verdict=verdict,
    )


def _update(incidents: tuple[Incident, ...], verdict: Verdict) -> tuple[tuple[Incident, ...], Change | None]:
    own = next((one for one in incidents if verdict.track in one.live), None)
    if own is None:
        joins = incidents and any(part.name == "rate" and not part.met for part in verdict.conditions)
        return _join(incidents, verdict) if joins else (incidents, None)
    alert = own.alert
    better = verdict.score > alert.score
    alert = replace(
        _touched(alert, verdict),
        label=verdict.label if better or verdict.track == alert.verdict.track else alert.label,
        score=max(alert.score, verdict.score),
        box=verdict.box if better else alert.box,
    )
    after = replace(own, alert=alert)
    kind: Kind = "update" if verdict.track == alert.verdict.track else "count"
    return _swap(incidents, own, after), Change(after, kind)


def _join(incidents: tuple[Incident, ...], verdict: Verdict) -> tuple[tuple[Incident, ...], Change | None]:
    """A trigger above the rate limit: the newest alert counts it, and stays open for it if it still is."""
    newest = incidents[-1]
    alert, grouped = _touched(newest.alert, verdict), newest.grouped + 1
    if verdict.track and len(alert.tracks) < MOST_TRACKS:
        alert = replace(alert, tracks=(*alert.tracks, verdict.track))
    live = newest.live | {verdict.track} if alert.state == "open" else newest.live
    after = replace(newest, alert=alert, grouped=grouped, live=live)
    return _swap(incidents, newest, after), Change(after, "update" if grouped & (grouped - 1) == 0 else "count")


def _touched(alert: Alert, verdict: Verdict) -> Alert:
    zones = (*alert.zones, *(name for name in verdict.zones if name not in alert.zones))
    return replace(alert, zones=zones, updated=max(alert.updated, verdict.time), revision=alert.revision + 1)


def _close(incidents: tuple[Incident, ...], verdict: Verdict, why: str) -> tuple[tuple[Incident, ...], Change | None]:
    one = next((one for one in incidents if verdict.track in one.live), None)
    if one is None:
        return incidents, None
    live = one.live - {verdict.track}
    if live:
        after = replace(one, live=live)
        return _swap(incidents, one, after), Change(after, "count")
    after = close(one, verdict.time, why)
    kept = _swap(incidents, one, after)
    return tuple(i for i in kept if i.live or i is kept[-1]), Change(after, "close")


def close(one: Incident, time: int, why: str) -> Incident:
    """The incident with its alert closed."""
    closed = max(one.alert.opened, time)
    alert = replace(one.alert, state="closed", closed=closed, updated=closed, revision=one.alert.revision + 1)
    return replace(one, alert=alert, live=frozenset(), reason=why)


def _swap(incidents: tuple[Incident, ...], before: Incident, after: Incident) -> tuple[Incident, ...]:
    return tuple(after if one is before else one for one in incidents)
